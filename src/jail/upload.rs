//! A file that appears under its name when it is whole.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Mode, OFlags, fchmod, openat, renameat, statat, unlinkat};

use super::{FILE_MODE, Info, Kind, not_regular};

/// Names tried for the temporary file.
const TRIES: usize = 100;

/// A file being written, under a name of its own in the directory it is meant for. Dropped before
/// [`commit`](Self::commit), it leaves nothing.
#[derive(Debug)]
pub struct Upload {
    dir: OwnedFd,
    file: File,
    temporary: OsString,
    name: OsString,
    is_done: bool,
}

impl Upload {
    pub(super) fn new(dir: OwnedFd, name: &OsStr) -> io::Result<Self> {
        let old = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW).ok().map(|stat| Info::of(&stat));
        match old.map(|old| old.kind) {
            Some(Kind::Dir) => return Err(io::ErrorKind::IsADirectory.into()),
            Some(Kind::Other) => return Err(not_regular()),
            Some(Kind::File | Kind::Link) | None => {}
        }
        let (file, temporary) = new_file(&dir)?;
        let upload = Upload { dir, file, temporary, name: name.to_owned(), is_done: false };
        if let Some(old) = old.filter(|old| old.kind == Kind::File) {
            fchmod(&upload.file, Mode::from_bits_truncate((old.mode & 0o777) as _))?;
        }
        Ok(upload)
    }

    /// Where to write.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Puts the file under its name, in place of what was there.
    ///
    /// # Errors
    /// What the system says; then nothing has changed.
    pub fn commit(mut self) -> io::Result<()> {
        renameat(&self.dir, &self.temporary, &self.dir, &self.name)?;
        self.is_done = true;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.is_done {
            _ = unlinkat(&self.dir, &self.temporary, AtFlags::empty()); // nobody is left to tell
        }
    }
}

fn new_file(dir: &OwnedFd) -> io::Result<(File, OsString)> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..TRIES {
        let name = OsString::from(format!(
            ".ftpd-{:016x}.part",
            RandomState::new().build_hasher().finish()
        ));
        match openat(dir, &name, flags, FILE_MODE) {
            Err(rustix::io::Errno::EXIST) => {}
            opened => return Ok((opened?.into(), name)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}
