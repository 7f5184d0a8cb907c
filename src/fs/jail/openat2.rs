//! Opening a path beneath a directory with one system call, openat2(2) of Linux.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, Mode, OFlags, ResolveFlags, Timestamps, chmodat, openat2, utimensat,
};
use rustix::io::Errno;

/// Flags for reading metadata only: opening a device or FIFO so has no side effect.
pub(super) const PATH_ONLY: OFlags = OFlags::PATH;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// How often to try again: the kernel gives up (EAGAIN) when a directory is renamed while it
/// resolves `..`.
const TRIES: usize = 128;

pub(super) fn open(root: &OwnedFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    for _ in 0..TRIES {
        match openat2(root, path, flags | OFlags::CLOEXEC, mode, BENEATH) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            opened => return Ok(opened?),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}

/// fchmod(2) and futimens(2) refuse descriptors without access to the contents (`O_PATH`).
pub(super) fn set_mode(fd: &OwnedFd, mode: Mode) -> io::Result<()> {
    Ok(chmodat(CWD, proc_path(fd), mode, AtFlags::empty())?)
}

pub(super) fn set_times(fd: &OwnedFd, times: &Timestamps) -> io::Result<()> {
    Ok(utimensat(CWD, proc_path(fd), times, AtFlags::empty())?)
}

fn proc_path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}
