//! Where an upload is written: a new file that replaces the old one when it is complete, or the old
//! one in place, where a new file would lose something that belongs to the old one.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    Access, AtFlags, Mode, OFlags, Stat, accessat, fchmod, fstat, ftruncate, openat, readlinkat,
    statat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::attributes;
use super::info::{Info, Kind, not_regular, regular};
use super::upload::Upload;

/// Symbolic links followed one after the other, as many as the kernel follows.
const LINKS_MAX: usize = 40;
/// NONBLOCK: opening a FIFO that has just taken the file's place must not block.
const OPEN: OFlags =
    OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// Set-uid and set-gid.
const SET_ID: u32 = 0o6000;

/// Where an upload is written.
#[derive(Debug)]
pub enum Destination {
    /// A file that appears under its name when it is complete.
    Whole(Upload),
    /// A file that exists already, and is to be [truncated](truncate) first. An upload that breaks
    /// off leaves it incomplete.
    InPlace(File),
}

impl Destination {
    /// A regular file with one name is replaced by a new file with the same owner, permission bits,
    /// access control list and user attributes. If the directory may not be written, or anything of
    /// that cannot be kept, the file is written in place, as it is if it has several names.
    pub(super) fn new(dir: &OwnedFd, name: &OsStr) -> io::Result<Self> {
        let old = match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Upload::new(dir, name).map(Destination::Whole),
            stat => stat?,
        };
        match Info::of(&old).kind {
            Kind::File => accessat(dir, name, Access::WRITE_OK, AtFlags::EACCESS)?,
            Kind::Dir => return Err(io::ErrorKind::IsADirectory.into()),
            Kind::Link | Kind::Other => return Err(not_regular()),
        }
        if old.st_nlink == 1
            && may_rename_over(dir, name, &old)?
            && let Ok(upload) = replacement(dir, name, &old)
        {
            return Ok(Destination::Whole(upload));
        }
        let file = open(dir, name, OFlags::WRONLY)?;
        Ok(Destination::InPlace(regular(file)?))
    }
}

/// A new file with the attributes of the old one.
fn replacement(dir: &OwnedFd, name: &OsStr, old: &Stat) -> io::Result<Upload> {
    let source = open(dir, name, OFlags::RDONLY)?;
    let upload = Upload::replacing(dir, name)?;
    attributes::copy(&source, old, upload.file())?;
    Ok(upload)
}

/// Whether rename(2) may replace the file, if the directory may be written at all: in a directory
/// with the sticky bit only the owner of either may; a mount point nobody may replace.
fn may_rename_over(dir: &OwnedFd, name: &OsStr, old: &Stat) -> io::Result<bool> {
    let (dir_stat, euid) = (fstat(dir)?, geteuid());
    let is_sticky = Mode::from_raw_mode(dir_stat.st_mode).contains(Mode::SVTX);
    let is_owner = [old.st_uid, dir_stat.st_uid].contains(&euid.as_raw());
    Ok((!is_sticky || is_owner || euid.is_root()) && !is_mount_point(dir, name))
}

#[cfg(target_os = "linux")]
fn is_mount_point(dir: &OwnedFd, name: &OsStr) -> bool {
    use rustix::fs::{StatxAttributes, StatxFlags, statx};
    statx(dir, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::TYPE)
        .is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount_point(_: &OwnedFd, _: &OsStr) -> bool {
    false
}

fn open(dir: &OwnedFd, name: &OsStr, access: OFlags) -> io::Result<OwnedFd> {
    Ok(openat(dir, name, access | OPEN, Mode::empty())?)
}

/// Truncates a file that is about to be written in place at `offset`, in bytes, and moves there.
/// Set-uid and set-gid are removed; the kernel keeps them when root writes.
///
/// # Errors
/// Those of fchmod(2) and ftruncate(2).
pub fn truncate(file: &File, offset: Option<u64>) -> io::Result<()> {
    let mode = fstat(file)?.st_mode;
    if mode & SET_ID != 0 {
        let cleared = fchmod(file, Mode::from_raw_mode(mode & !SET_ID & 0o7777));
        // The file may be another user's: then the kernel clears them.
        cleared.or_else(|err| if err == Errno::PERM { Ok(()) } else { Err(err) })?;
    }
    if let Some(offset) = offset {
        ftruncate(file, offset)?;
        (&*file).seek(SeekFrom::Start(offset))?;
    }
    Ok(())
}

/// The directory and the name at the end of all symbolic links at `path`, with `parent` to open the
/// directory of a path. Nothing need be there.
pub(super) fn follow_links(
    path: &Path,
    parent: impl Fn(&Path) -> io::Result<(OwnedFd, OsString)>,
) -> io::Result<(OwnedFd, OsString)> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let (dir, name) = parent(&path)?;
        let link = match readlinkat(&dir, &*name, Vec::new()) {
            Ok(link) => PathBuf::from(OsStr::from_bytes(link.as_bytes())),
            Err(Errno::INVAL | Errno::NOENT) => return Ok((dir, name)), // no link
            Err(err) => return Err(err.into()),
        };
        if link.is_absolute() {
            return Err(Errno::XDEV.into()); // as openat2(2) with RESOLVE_BENEATH
        }
        path.pop();
        path.push(link); // the kernel resolves its `..`
    }
    Err(Errno::LOOP.into())
}
