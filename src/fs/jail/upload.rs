//! Uploads that appear under their name only once they are complete.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, OFlags, linkat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;

use super::info::FILE_MODE;

/// How many random names to try for the temporary file.
const TRIES: usize = 100;

/// A file being written in its final directory: without a name where the system supports that
/// (`O_TMPFILE`), else under a temporary one.
///
/// Dropping it before [`commit`](Self::commit) removes it. An unnamed file disappears even when the
/// process is killed.
#[derive(Debug)]
pub struct Upload {
    dir: OwnedFd,
    file: File,
    temporary: Option<OsString>,
    name: OsString,
    /// The file that has its name now.
    old: Old,
}

/// What an upload does with a file that has its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Old {
    /// There is one, which is replaced.
    Replaced,
    /// There was none when it began, and one that is there at the end is replaced.
    Absent,
    /// It must not be replaced.
    Kept,
}

impl Upload {
    /// Begins a file that will be `name` in `dir`, in the place of the one that is there now.
    pub(super) fn replacing(dir: &OwnedFd, name: &OsStr) -> io::Result<Self> {
        Self::begin(dir, name, Old::Replaced, unnamed::open(dir))
    }

    /// As [`replacing`](Self::replacing) where nothing is there now.
    pub(super) fn new(dir: &OwnedFd, name: &OsStr) -> io::Result<Self> {
        Self::begin(dir, name, Old::Absent, unnamed::open(dir))
    }

    /// As [`new`](Self::new) where no file must be replaced either at the end.
    pub(super) fn new_name(dir: &OwnedFd, name: &OsStr) -> io::Result<Self> {
        if statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(Errno::EXIST.into());
        }
        Self::begin(dir, name, Old::Kept, unnamed::open(dir))
    }

    fn begin(dir: &OwnedFd, name: &OsStr, old: Old, unnamed: Option<File>) -> io::Result<Self> {
        let (file, temporary) = match unnamed {
            Some(file) => (file, None),
            None => create_named(dir).map(|(file, name)| (file, Some(name)))?,
        };
        let dir = dir.try_clone()?;
        Ok(Upload { dir, file, temporary, name: name.to_owned(), old })
    }

    /// The file to write to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Does what can be done before the decision to [`commit`](Self::commit).
    ///
    /// # Errors
    /// Those of linkat(2).
    pub fn prepare(&mut self) -> io::Result<()> {
        if self.old == Old::Replaced { self.name_temporarily() } else { Ok(()) }
    }

    /// Gives the file a temporary name: linkat(2) cannot replace a file, renameat(2) can.
    fn name_temporarily(&mut self) -> io::Result<()> {
        if self.temporary.is_none() {
            let link = |name: &OsStr| unnamed::link(&self.file, &self.dir, name);
            self.temporary = Some(with_random_name(link)?.1);
        }
        Ok(())
    }

    /// Gives the file its name, replacing the old file in one step.
    ///
    /// # Errors
    /// Those of linkat(2) and renameat(2); then the old file is unchanged. EEXIST if a file must not
    /// be replaced and is there.
    pub fn commit(mut self) -> io::Result<()> {
        let has_no_name = self.temporary.is_none();
        if self.old == Old::Kept || (self.old == Old::Absent && has_no_name) {
            match self.link() {
                Err(Errno::EXIST) if self.old == Old::Absent => (), // it has appeared meanwhile
                linked => return Ok(linked?),
            }
        }
        self.name_temporarily()?;
        if let Some(temporary) = &self.temporary {
            renameat(&self.dir, temporary, &self.dir, &self.name)?;
        }
        self.temporary = None;
        Ok(())
    }

    /// Gives the file its name, without replacing any. Dropping removes the temporary name.
    fn link(&self) -> rustix::io::Result<()> {
        match &self.temporary {
            None => unnamed::link(&self.file, &self.dir, &self.name),
            Some(name) => linkat(&self.dir, name, &self.dir, &self.name, AtFlags::empty()),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            _ = unlinkat(&self.dir, temporary, AtFlags::empty()); // nobody is left to report it to
        }
    }
}

fn create_named(dir: &OwnedFd) -> io::Result<(File, OsString)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    with_random_name(|name| Ok(openat(dir, name, flags, FILE_MODE)?.into()))
}

/// Calls `create` with random names until one is free. Returns that name too.
fn with_random_name<T>(
    mut create: impl FnMut(&OsStr) -> rustix::io::Result<T>,
) -> io::Result<(T, OsString)> {
    for _ in 0..TRIES {
        let random = RandomState::new().build_hasher().finish();
        let name = OsString::from(format!(".ftpd-{random:016x}.part"));
        match create(&name) {
            Err(Errno::EXIST) => {}
            created => return Ok((created?, name)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Files without a name (`O_TMPFILE`), which most file systems of Linux support.
#[cfg(target_os = "linux")]
mod unnamed {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::os::fd::{AsRawFd, OwnedFd};

    use rustix::fs::{AtFlags, CWD, OFlags, linkat, openat, statat};

    use crate::fs::jail::info::FILE_MODE;

    /// `None` where they are not supported, or cannot be named later because /proc is missing.
    pub(super) fn open(dir: &OwnedFd) -> Option<File> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let file = File::from(openat(dir, ".", flags, FILE_MODE).ok()?);
        statat(CWD, path(&file), AtFlags::empty()).is_ok().then_some(file)
    }

    pub(super) fn link(file: &File, dir: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
        linkat(CWD, path(file), dir, name, AtFlags::SYMLINK_FOLLOW)
    }

    fn path(file: &File) -> String {
        format!("/proc/self/fd/{}", file.as_raw_fd())
    }
}

#[cfg(not(target_os = "linux"))]
mod unnamed {
    use std::ffi::OsStr;
    use std::fs::File;
    use std::os::fd::OwnedFd;

    pub(super) fn open(_: &OwnedFd) -> Option<File> {
        None
    }

    pub(super) fn link(_: &File, _: &OwnedFd, _: &OsStr) -> rustix::io::Result<()> {
        Err(rustix::io::Errno::NOSYS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    /// The number of names in `dir`, and the contents of `file`.
    fn state(dir: &Path) -> (usize, String) {
        (fs::read_dir(dir).unwrap().count(), fs::read_to_string(dir.join("file")).unwrap())
    }

    #[test]
    fn an_upload_is_complete_or_absent_named_or_not() {
        let dir = tempfile::tempdir().unwrap();
        let here = || OwnedFd::from(File::open(dir.path()).unwrap());
        let openers: [fn(&OwnedFd) -> Option<File>; 2] = [unnamed::open, |_| None];
        let olds = [Old::Replaced, Old::Absent];
        let cases = openers.into_iter().flat_map(|open| olds.map(|old| (open, old)));
        for (open_unnamed, old) in cases {
            let begin = |text: &str| {
                let unnamed = open_unnamed(&here());
                let upload = Upload::begin(&here(), OsStr::new("file"), old, unnamed).unwrap();
                upload.file().write_all(text.as_bytes()).unwrap();
                upload
            };
            fs::write(dir.path().join("file"), "old").unwrap();
            let upload = begin("half");
            let n_names = if upload.temporary.is_some() { 2 } else { 1 };
            assert_eq!(state(dir.path()), (n_names, "old".to_owned()));
            drop(upload);
            assert_eq!(state(dir.path()), (1, "old".to_owned()));
            begin("whole").commit().unwrap();
            assert_eq!(state(dir.path()), (1, "whole".to_owned()));
            fs::remove_file(dir.path().join("file")).unwrap();
            let mut upload = begin("new");
            upload.prepare().unwrap();
            upload.commit().unwrap();
            assert_eq!(state(dir.path()), (1, "new".to_owned()));
        }
    }

    #[test]
    fn a_new_name_never_replaces_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let here = || OwnedFd::from(File::open(dir.path()).unwrap());
        let openers: [fn(&OwnedFd) -> Option<File>; 2] = [unnamed::open, |_| None];
        for (nth, open_unnamed) in openers.into_iter().enumerate() {
            let name = format!("file{nth}");
            let begin = || {
                let unnamed = open_unnamed(&here());
                Upload::begin(&here(), OsStr::new(&name), Old::Kept, unnamed).unwrap()
            };
            let (first, second) = (begin(), begin());
            first.file().write_all(b"first").unwrap();
            first.commit().unwrap();
            let err = second.commit().unwrap_err();
            assert_eq!(err.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(dir.path().join(&name)).unwrap(), b"first");
            let refused = Upload::new_name(&here(), OsStr::new(&name)).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), nth + 1, "temporary names");
        }
    }
}
