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
    /// Whether it must not replace a file.
    is_new: bool,
}

impl Upload {
    /// Begins a file that will be `name` in `dir`, whatever is there now.
    pub(super) fn new(dir: &OwnedFd, name: &OsStr) -> io::Result<Self> {
        Self::begin(dir, name, unnamed::open(dir))
    }

    /// As [`new`](Self::new) where no file must be replaced.
    pub(super) fn new_name(dir: &OwnedFd, name: &OsStr) -> io::Result<Self> {
        if statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).is_ok() {
            return Err(Errno::EXIST.into());
        }
        let mut upload = Upload::new(dir, name)?;
        upload.is_new = true;
        Ok(upload)
    }

    fn begin(dir: &OwnedFd, name: &OsStr, unnamed: Option<File>) -> io::Result<Self> {
        let (file, temporary) = match unnamed {
            Some(file) => (file, None),
            None => create_named(dir).map(|(file, name)| (file, Some(name)))?,
        };
        let dir = dir.try_clone()?;
        Ok(Upload { dir, file, temporary, name: name.to_owned(), is_new: false })
    }

    /// The file to write to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file its name, replacing the old file in one step.
    ///
    /// # Errors
    /// Those of linkat(2) and renameat(2); then the old file is unchanged. EEXIST if a file must not
    /// be replaced and is there.
    pub fn commit(mut self) -> io::Result<()> {
        if self.is_new {
            return self.commit_new();
        }
        if self.temporary.is_none() {
            let link = |name: &OsStr| unnamed::link(&self.file, &self.dir, name);
            self.temporary = Some(with_random_name(link)?.1); // linkat(2) cannot replace a file, renameat(2) can
        }
        if let Some(temporary) = &self.temporary {
            renameat(&self.dir, temporary, &self.dir, &self.name)?;
        }
        self.temporary = None;
        Ok(())
    }

    /// linkat(2) never replaces a file. Dropping removes the temporary name.
    fn commit_new(self) -> io::Result<()> {
        Ok(match &self.temporary {
            None => unnamed::link(&self.file, &self.dir, &self.name)?,
            Some(name) => linkat(&self.dir, name, &self.dir, &self.name, AtFlags::empty())?,
        })
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
        for open_unnamed in openers {
            let begin = |text: &str| {
                let upload =
                    Upload::begin(&here(), OsStr::new("file"), open_unnamed(&here())).unwrap();
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
                let upload = Upload::begin(&here(), OsStr::new(&name), open_unnamed(&here()));
                let mut upload = upload.unwrap();
                upload.is_new = true;
                upload
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
