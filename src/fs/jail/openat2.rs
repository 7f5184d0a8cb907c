//! Opening a path beneath a directory with one system call, openat2(2) of Linux.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
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
