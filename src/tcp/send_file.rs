//! A file into a socket without a detour through this process, where the kernel knows how.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;

/// Bytes moved at once where the kernel does not do it.
const PIECE: usize = 256 << 10;

/// Sends up to `n_max` bytes from where `file` stands. Returns how many; 0 at its end.
///
/// # Errors
/// What reading or sending reports; a time-out of the socket is `WouldBlock`.
pub fn send_file(mut to: impl AsFd + Write, file: &File, n_max: usize) -> io::Result<usize> {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        match rustix::fs::sendfile(&to, file, None, n_max) {
            Err(Errno::INVAL | Errno::NOSYS) => {} // not from this file system
            sent => return Ok(sent?),
        }
    }
    let mut piece = vec![0; n_max.min(PIECE)];
    let mut file = file;
    let n = file.read(&mut piece)?;
    to.write_all(&piece[..n])?;
    Ok(n)
}
