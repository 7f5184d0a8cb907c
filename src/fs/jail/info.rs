//! File metadata, and what the files of the jail share: one error and the mode of new files.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{FileType, Mode, Stat, fstat};

/// Permission bits of new files, before the umask is applied.
pub(super) const FILE_MODE: Mode = Mode::from_raw_mode(0o666);

/// The type of a directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device.
    Other,
}

/// The metadata of a directory entry.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// File, directory or something else.
    pub kind: Kind,
    /// Size in bytes.
    pub len: u64,
    /// Time of the last modification, in seconds since 1970.
    pub modified: i64,
    /// Permission bits, set-uid and its like included.
    pub mode: u32,
    /// Number of hard links.
    pub n_links: u64,
}

impl Info {
    #[allow(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        clippy::useless_conversion,
        reason = "these fields have other types on other systems"
    )]
    pub(super) fn of(stat: &Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Dir,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        Info {
            kind,
            len: stat.st_size as u64,
            modified: stat.st_mtime as i64,
            mode: u32::from(stat.st_mode) & 0o7777,
            n_links: stat.st_nlink as u64,
        }
    }
}

/// The descriptor as a file, if it is a regular one.
pub(super) fn regular(fd: OwnedFd) -> io::Result<File> {
    match Info::of(&fstat(fd.as_fd())?).kind {
        Kind::File => Ok(fd.into()),
        Kind::Dir => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(not_regular()),
    }
}

pub(super) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}
