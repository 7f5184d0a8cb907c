//! Closing without losing the last bytes sent.
//!
//! A close with unread input sends a reset, which can destroy data on its way to the peer
//! (RFC 2525, 2.17). So: end the write half, discard input for a bounded time, then close.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::conn::Conn;

/// How long a connection that closes waits for the peer to close too.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);
/// Pause between two looks at which of many connections have closed.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Closes one connection gracefully, blocking for at most half a second.
pub(super) fn gracefully(stream: &TcpStream) {
    if stream.shutdown(Shutdown::Write).is_err() {
        return;
    }
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    let (mut stream, mut buf) = (stream, [0; 4096]);
    while Instant::now() < deadline && stream.set_read_timeout(Some(CLOSE_TIMEOUT)).is_ok() {
        if !matches!(stream.read(&mut buf), Ok(1..)) {
            break;
        }
    }
}

/// Closes many connections gracefully at once, blocking for at most half a second in all.
pub fn all_gracefully(mut conns: Vec<Conn>) {
    conns.retain(|conn| {
        conn.mark_drained();
        conn.shutdown(Shutdown::Write).and_then(|()| conn.set_nonblocking(true)).is_ok()
    });
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    while !conns.is_empty() && Instant::now() < deadline {
        conns.retain(|conn| !discard_input(conn));
        thread::sleep(POLL_INTERVAL);
    }
}

/// Discards what has arrived on a non-blocking connection. True once the peer has closed.
fn discard_input(conn: &Conn) -> bool {
    match conn.stream().read(&mut [0; 16 << 10]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(err) => err.kind() != io::ErrorKind::WouldBlock,
    }
}
