//! Closing a connection without losing the last bytes sent.
//!
//! Closing a socket with unread input sends a reset, which can destroy data on its way to the peer
//! (RFC 2525, 2.17). Therefore: end the write half, discard input for a bounded time, then close.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

/// How long a graceful close waits for the peer to close its side.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Closes a TCP connection gracefully, blocking for at most half a second: ends the write half and
/// discards input until the peer closes too. The caller drops the socket.
pub fn close_gracefully<'s>(socket: impl Into<SockRef<'s>>) {
    let socket = socket.into();
    if socket.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    let (mut input, mut buf) = (&*socket, [0; 4096]);
    while Instant::now() < deadline && socket.set_read_timeout(Some(CLOSE_TIMEOUT)).is_ok() {
        if !matches!(input.read(&mut buf), Ok(1..)) {
            break;
        }
    }
}

/// Sends `reason` as a line and closes, without blocking: refusing one client must not delay the
/// others. What the kernel does not accept at once is lost.
pub(super) fn refuse(stream: &TcpStream, reason: &str) {
    let mut stream = stream;
    _ = stream.set_nonblocking(true);
    _ = stream.write_all(format!("{reason}\n").as_bytes());
    _ = stream.shutdown(Shutdown::Write);
    _ = stream.read(&mut [0; 4096]); // unread input would reset the connection
}
