//! A TCP connection with Go's defaults.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::ops::Deref;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::net::{SendFlags, send};
use socket2::{SockRef, TcpKeepalive};

use super::close::{close_gracefully, refuse};
use super::errors::{Error, NO_ADDRESS};
use crate::threads::{Permit, lock};

/// Idle time before the first keep-alive probe and between two probes; Go's default.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A blocking write fails when the peer has accepted no byte for this long.
pub(super) const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A TCP connection, shared by reference: one thread may read while others write.
///
/// Writes of several threads do not interleave, as in Go.
#[derive(Debug)]
pub struct Conn {
    stream: TcpStream,
    peer: SocketAddr,
    writing: Mutex<()>,
    /// The listener's permit for this client; a dialled connection holds none.
    permit: Option<Permit>,
    /// Whether dropping the connection may close it without draining its input first.
    is_drained: AtomicBool,
}

/// Connects to `addr`, as `net.Dial` does.
///
/// # Errors
/// When `addr` cannot be resolved, or none of its addresses accepts the connection.
///
/// ```
/// use std::io::Read;
/// use threadbare::net;
///
/// let listener = net::listen("127.0.0.1:0", 1)?;
/// let conn = net::dial(&listener.local_addr()?.to_string())?;
/// conn.write_line("hello")?;
/// let accepted = listener.incoming().next().expect("a client has connected");
/// let mut buf = [0; 6];
/// (&accepted).read_exact(&mut buf)?;
/// assert_eq!(&buf, b"hello\n");
/// # drop(conn);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dial(addr: &str) -> Result<Conn, Error> {
    let error = |source| Error::new("dial", addr, source);
    let mut last = io::Error::other(NO_ADDRESS);
    for peer in addr.to_socket_addrs().map_err(error)? {
        match TcpStream::connect(peer) {
            // The socket may not know its peer any more if a reset has arrived already.
            Ok(stream) => {
                tune(&stream, None);
                return Ok(Conn::new(stream, peer, None));
            }
            Err(err) => last = err,
        }
    }
    Err(error(last))
}

impl Conn {
    pub(super) fn new(stream: TcpStream, peer: SocketAddr, permit: Option<Permit>) -> Self {
        Conn { stream, peer, writing: Mutex::new(()), permit, is_drained: AtomicBool::new(false) }
    }

    /// Returns the peer's address.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Writes `line` and a newline in one write, blocking until the kernel has accepted all of it.
    ///
    /// # Errors
    /// When the connection is broken, or the peer accepts nothing for 30 seconds; part of the line
    /// may have been sent.
    pub fn write_line(&self, line: impl AsRef<[u8]>) -> io::Result<()> {
        let mut this = self;
        this.write_all(&[line.as_ref(), b"\n"].concat())
    }

    /// Sends without blocking. Returns the number of bytes that the kernel accepted, perhaps 0.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        sent(send(&self.stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL))
    }

    /// Returns the number of bytes that have arrived and have not been read yet, as the kernel says.
    #[must_use]
    pub fn n_unread(&self) -> usize {
        let n = rustix::io::ioctl_fionread(&self.stream).unwrap_or(0); // 0 does for an estimate
        usize::try_from(n).unwrap_or(usize::MAX)
    }

    /// Sets the sizes of the kernel's send and receive buffers, in bytes (Linux doubles both).
    pub fn limit_buffers(&self, n_unsent: usize, n_unread: usize) {
        let socket = SockRef::from(&self.stream);
        _ = socket.set_send_buffer_size(n_unsent); // without effect the connection works too
        _ = socket.set_recv_buffer_size(n_unread);
    }

    /// Closes gracefully: all that was written arrives, even if there is unread input.
    ///
    /// Ends the write half, then discards input for at most half a second, because closing a
    /// socket with unread input resets the connection and can destroy the last bytes sent
    /// (RFC 2525, 2.17).
    pub fn close_gracefully(&self) {
        self.mark_drained();
        close_gracefully(&self.stream);
    }

    /// Sends `reason` as a line and closes, without blocking.
    pub fn refuse(self, reason: &str) {
        refuse(&self.stream, reason);
        self.mark_drained();
    }

    /// Aborts the connection: unsent data is dropped, blocked reads return, the peer gets a reset.
    pub fn abort(&self) {
        _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Records that the input was read to its end, so that dropping the connection does not drain
    /// it.
    pub fn mark_drained(&self) {
        self.is_drained.store(true, Ordering::Release);
    }

    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn with_peer(&self, err: &io::Error) -> io::Error {
        io::Error::new(err.kind(), format!("{}: {err}", self.peer))
    }
}

/// Sets the options that Go's `net` sets on every connection (Nagle off, keep-alive), and the write
/// timeout. Failures are ignored: the socket works without them.
pub(super) fn tune<'s>(socket: impl Into<SockRef<'s>>, write_timeout: Option<Duration>) {
    let socket = socket.into();
    _ = socket.set_tcp_nodelay(true);
    let probes = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE);
    _ = socket.set_tcp_keepalive(&probes);
    _ = socket.set_write_timeout(write_timeout);
}

impl Deref for Conn {
    type Target = TcpStream;
    fn deref(&self) -> &TcpStream {
        &self.stream
    }
}

impl Read for &Conn {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&self.stream).read(buf).map_err(|err| self.with_peer(&err))
    }
}

impl Write for &Conn {
    /// Writes all of `buf`, or fails; no other thread's write comes in between.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let _guard = lock(&self.writing);
        (&self.stream).write_all(buf).map_err(|err| self.with_peer(&err))?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if self.permit.is_some() && !self.is_drained.load(Ordering::Acquire) {
            self.close_gracefully();
        } // otherwise a plain close cannot reset the connection
    }
}

/// The number of bytes sent, or 0 where the socket's buffer is full.
pub(super) fn sent(result: rustix::io::Result<usize>) -> io::Result<usize> {
    match result {
        Ok(n) => Ok(n),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
        Err(err) => Err(err.into()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::BufRead;
    use std::thread;

    use super::*;
    use crate::net::listen;

    /// Returns a client's socket and the connection that a listener accepted from it.
    pub(in crate::net) fn pair() -> (TcpStream, Conn) {
        let listener = listen("127.0.0.1:0", 1).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let conn = listener.incoming().next().unwrap();
        (client, conn)
    }

    #[test]
    fn a_connection_is_tuned() {
        let (_client, conn) = pair();
        let socket = SockRef::from(conn.stream());
        assert!(socket.tcp_nodelay().unwrap() && socket.keepalive().unwrap());
        assert_eq!(conn.stream().write_timeout().unwrap(), Some(WRITE_TIMEOUT));
        assert_eq!(conn.stream().read_timeout().unwrap(), None);
    }

    #[test]
    fn writes_of_many_threads_do_not_mix() {
        let (client, conn) = pair();
        thread::scope(|s| {
            for letter in [b'a', b'b', b'c'] {
                let conn = &conn;
                let line = vec![letter; 300_000]; // more than a socket buffer takes at once
                s.spawn(move || (0..5).try_for_each(|_| conn.write_line(&line)).unwrap());
            }
            let lines = io::BufReader::new(&client).split(b'\n').take(15);
            for line in lines.map(Result::unwrap) {
                assert!(line.len() == 300_000 && line.iter().all(|byte| *byte == line[0]));
            }
        });
    }

    #[test]
    fn unread_input_does_not_destroy_the_last_line() {
        let (mut client, conn) = pair();
        client.write_all(&[b'x'; 10_000]).unwrap();
        conn.write_line("last line").unwrap();
        drop(client.shutdown(Shutdown::Write));
        drop(conn);
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert_eq!(text, "last line\n");
    }

    #[test]
    fn errors_name_action_and_address() {
        let text = |result: Result<Conn, Error>| result.unwrap_err().to_string();
        assert!(text(dial("nonsense")).starts_with("dial nonsense: "));
        assert!(text(dial("127.0.0.1:99999")).starts_with("dial 127.0.0.1:99999: "));
    }
}
