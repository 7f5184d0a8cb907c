//! Opening a path beneath a directory where the kernel has no openat2(2): cap-std resolves it name
//! by name.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{Mode, OFlags, Timestamps, fchmod, futimens};

/// Flags for reading metadata only. Without `O_PATH`, opening a device may have side effects.
pub(super) const PATH_ONLY: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK);

pub(super) fn open(root: &OwnedFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    let root = Dir::from_std_file(File::from(root.try_clone()?));
    let is_writing = flags.contains(OFlags::WRONLY);
    let mut options = OpenOptions::new();
    options.read(!is_writing).write(is_writing).append(flags.contains(OFlags::APPEND));
    options.create(flags.contains(OFlags::CREATE)).mode(mode.bits().into());
    // Dir::open_dir may return a descriptor that cannot be listed.
    let custom = OFlags::NONBLOCK | OFlags::NOCTTY | flags & OFlags::DIRECTORY;
    options.custom_flags(custom.bits().cast_signed());
    Ok(root.open_with(path, &options)?.into_std().into())
}

pub(super) fn set_mode(fd: &OwnedFd, mode: Mode) -> io::Result<()> {
    Ok(fchmod(fd, mode)?)
}

pub(super) fn set_times(fd: &OwnedFd, times: &Timestamps) -> io::Result<()> {
    Ok(futimens(fd, times)?)
}
