//! The socket of a data connection: how long it may make no progress, and when the session's thread
//! has waited long enough to leave the session to another.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{SockAddr, Socket};

use crate::net;

/// How long the thread of a session does a transfer itself before another thread takes the session
/// over. Small files need less, and no other thread is woken for them.
const INLINE_TIMEOUT: Duration = Duration::from_millis(10);
/// A timeout is waited for in this many pieces: a call that times out may have sent something at its
/// beginning.
const PIECES: u32 = 4;

/// Leaves the session to another thread, so that its commands are read during a long transfer.
pub(crate) struct HandOver<'h>(Option<&'h mut dyn FnMut()>);

impl<'h> HandOver<'h> {
    /// A value that calls `act`, once.
    pub(crate) fn new(act: &'h mut dyn FnMut()) -> Self {
        HandOver(Some(act))
    }

    /// Hands the session over, if that has not happened yet.
    pub(crate) fn now(&mut self) {
        if let Some(act) = self.0.take() {
            act();
        }
    }

    fn is_due(&self, started: Instant) -> bool {
        self.0.is_some() && started.elapsed() >= INLINE_TIMEOUT
    }
}

impl fmt::Debug for HandOver<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HandOver").field(&self.0.is_some()).finish()
    }
}

/// A socket whose calls end when there was no progress for a time.
#[derive(Debug)]
pub(crate) struct WaitingSocket<'h> {
    socket: Arc<Socket>,
    timeout: Duration,
    /// The timeout of one system call.
    piece: Duration,
    started: Instant,
    last_progress: Instant,
    /// The bytes on their way to the client when a call last timed out.
    n_unacknowledged: Option<u64>,
    hand_over: HandOver<'h>,
}

impl<'h> WaitingSocket<'h> {
    /// # Errors
    /// Those of setsockopt(2).
    pub(super) fn new(
        socket: Arc<Socket>,
        timeout: Duration,
        hand_over: HandOver<'h>,
    ) -> io::Result<Self> {
        let now = Instant::now();
        let piece =
            if hand_over.0.is_some() { INLINE_TIMEOUT.min(timeout) } else { timeout / PIECES };
        let mut socket = WaitingSocket {
            socket,
            timeout,
            piece,
            started: now,
            last_progress: now,
            n_unacknowledged: None,
            hand_over,
        };
        socket.set_piece(piece)?;
        Ok(socket)
    }

    /// Sends a piece of `file` from its current position. Returns the number of bytes, 0 at the end of
    /// the file.
    ///
    /// # Errors
    /// Those of [`net::send_file`]; `TimedOut` after a time without progress.
    pub(crate) fn send_file(&mut self, file: &File) -> io::Result<usize> {
        self.retry(|socket| net::send_file(socket, file))
    }

    /// Holds back the last bytes until the connection ends.
    pub(crate) fn cork(&self) {
        net::cork(&self.socket);
    }

    /// Begins to count the time without progress anew: the server itself has waited.
    pub(super) fn restart_timeout(&mut self) {
        self.last_progress = Instant::now();
    }

    pub(super) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.shutdown(how)
    }

    /// Blocks until the client has closed the connection, or `timeout` has passed since it was opened.
    pub(super) fn wait_closed(&mut self, timeout: Duration) {
        let left = timeout.saturating_sub(self.started.elapsed());
        if left >= Duration::from_millis(1) && self.socket.set_read_timeout(Some(left)).is_ok() {
            _ = (&*self.socket).read(&mut [0]);
        }
    }

    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.take_error()
    }

    pub(super) fn into_inner(self) -> Arc<Socket> {
        self.socket
    }

    fn retry(&mut self, mut call: impl FnMut(&Socket) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            if self.hand_over.is_due(self.started) {
                self.hand_over.now();
            }
            let begun = Instant::now();
            match call(&self.socket) {
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) if net::is_timeout(&err) => self.wait_longer()?,
                Ok(n) => {
                    let end = Instant::now();
                    // What timed out later has sent something at its beginning.
                    self.last_progress = if end - begun < self.piece { end } else { begun };
                    return Ok(n);
                }
                Err(err) => return Err(err),
            }
        }
    }

    /// Prepares for waiting once more.
    fn wait_longer(&mut self) -> io::Result<()> {
        self.hand_over.now();
        let n_unacknowledged = self.n_unacknowledged();
        if self.n_unacknowledged.replace(n_unacknowledged).is_some_and(|n| n > n_unacknowledged) {
            self.last_progress = Instant::now(); // a slow client empties the kernel's buffer for minutes
        }
        let left = self.timeout.saturating_sub(self.last_progress.elapsed());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.set_piece(left.min(self.timeout / PIECES))
    }

    fn n_unacknowledged(&self) -> u64 {
        let addr = |addr: io::Result<SockAddr>| addr.ok().and_then(|addr| addr.as_socket());
        match (addr(self.socket.local_addr()), addr(self.socket.peer_addr())) {
            (Some(local), Some(peer)) => net::n_unacknowledged(local, peer),
            _ => 0,
        }
    }

    fn set_piece(&mut self, piece: Duration) -> io::Result<()> {
        self.piece = piece.max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(self.piece))?;
        self.socket.set_write_timeout(Some(self.piece))
    }
}

impl Read for WaitingSocket<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.retry(|mut socket| socket.read(buf))
    }
}

impl Write for WaitingSocket<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.retry(|mut socket| socket.write(buf))
    }

    /// All records of a piece in one call: as many calls as records would wake the client for each.
    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.retry(|mut socket| socket.write_vectored(bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// A socket with this timeout, and its peer.
    fn pair(timeout: Duration, hand_over: HandOver<'_>) -> (WaitingSocket<'_>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let socket = Arc::new(listener.accept().unwrap().0.into());
        (WaitingSocket::new(socket, timeout, hand_over).unwrap(), peer)
    }

    #[test]
    fn a_peer_without_progress_times_out() {
        let timeout = Duration::from_millis(100);
        let mut n_calls = 0;
        let mut hand_over = || n_calls += 1;
        let (mut socket, peer) = pair(timeout, HandOver::new(&mut hand_over));
        let block = vec![0; 1 << 20];
        let start = Instant::now();
        let err = loop {
            match socket.write(&block) {
                Ok(n_written) => assert!(n_written > 0),
                Err(err) => break err,
            }
        };
        // The clock of the timeout is coarse; a busy machine only makes it longer.
        assert!(start.elapsed() >= timeout / 2, "{:?}", start.elapsed());
        assert_eq!(err.kind(), io::ErrorKind::TimedOut);
        drop(peer);
        drop(socket);
        assert_eq!(n_calls, 1);
    }

    #[test]
    fn a_read_waits_for_the_whole_timeout() {
        let timeout = Duration::from_millis(50);
        let (mut socket, mut peer) = pair(timeout, HandOver(None));
        peer.write_all(b"x").unwrap();
        assert_eq!(socket.read(&mut [0; 9]).unwrap(), 1);
        let start = Instant::now();
        assert_eq!(socket.read(&mut [0; 9]).unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= timeout / 2, "{:?}", start.elapsed());
    }
}
