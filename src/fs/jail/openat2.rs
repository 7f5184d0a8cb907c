//! Linux resolves a path beneath a directory in one call.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// Enough to look at a file, without opening what a device or a FIFO does on opening.
pub(super) const LOOK: OFlags = OFlags::PATH;

const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);
/// The kernel gives up when something is renamed while it resolves `..`; it seldom does twice.
const TRIES: usize = 128;

pub(super) fn open(root: &OwnedFd, path: &Path, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
    for _ in 0..TRIES {
        match openat2(root, path, flags | OFlags::CLOEXEC, mode, BENEATH) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            done => return Ok(done?),
        }
    }
    Err(io::ErrorKind::ResourceBusy.into())
}
