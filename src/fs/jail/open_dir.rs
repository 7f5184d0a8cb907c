//! An open directory of the jail: its names, and the metadata of its entries.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, Dir, readlinkat, statat};

use super::info::Info;

/// An open directory beneath the jail's root.
#[derive(Debug)]
pub struct OpenDir {
    pub(super) dir: OwnedFd,
}

impl OpenDir {
    /// The sorted names of at most `n_max` entries, and whether these are all.
    ///
    /// # Errors
    /// Those of getdents(2).
    pub fn names(&self, n_max: usize) -> io::Result<(Vec<CString>, bool)> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            if names.len() == n_max {
                names.sort_unstable();
                return Ok((names, false));
            }
            names.push(name.to_owned());
        }
        names.sort_unstable();
        Ok((names, true))
    }

    /// The metadata of the entry `name`; symbolic links are not followed.
    ///
    /// # Errors
    /// When there is no such entry (any more).
    pub fn info(&self, name: &OsStr) -> io::Result<Info> {
        Ok(Info::of(&statat(&self.dir, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    /// The text of the symbolic link `name`, unresolved.
    ///
    /// # Errors
    /// When `name` is not a symbolic link.
    pub fn read_link(&self, name: &OsStr) -> io::Result<CString> {
        Ok(readlinkat(&self.dir, name, Vec::new())?)
    }
}
