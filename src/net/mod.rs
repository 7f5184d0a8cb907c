//! TCP as the lessons need it: Go's defaults, and the care that every server and client owes.
//!
//! What `net` gives a Go program for nothing and std does not: a backlog of 4096, keep-alive,
//! Nagle off, writes that do not interleave. And what neither gives: a bound on clients with a
//! word to those above it, quiet when descriptors run out, lines with a bound.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::{SendFlags, send};
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

use crate::machine::limits::Limits;
use crate::threads::{Permit, Semaphore};

mod door;
mod lines;
mod outbox;
mod readers;
mod send_file;
mod split;
mod stream;

pub use door::{Door, Place};
pub use lines::Lines;
pub use outbox::Outbox;
pub use readers::{NoRoom, Readers};
pub use send_file::{SLICE, send_file};
pub use split::{Found, LINE_MAX, Splitter};
pub use stream::{Endpoint, Family, Stream, StreamListener};

/// The log target of what a server announces whatever the log level: `listening on ADDR`.
pub const NOTICE: &str = "notice";

/// Connections the kernel keeps waiting for `accept`; std asks for 128, Go for 4096.
const BACKLOG: i32 = 4096;
/// Go's default for probing a silent peer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// A peer that takes no byte for so long is gone, or means harm.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// Whether a connection is tuned as the socket was that accepted it: five system calls less.
const INHERITS: bool = cfg!(target_os = "linux");
/// How long a closing connection reads on, so that unread input does not reset it.
const DRAIN: Duration = Duration::from_millis(500);
/// Between two looks at who of many has closed.
const PART_PAUSE: Duration = Duration::from_millis(5);
/// How long to wait before accepting again when descriptors or memory ran out.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The same trouble is logged once in so long.
const LOG_PAUSE: Duration = Duration::from_mins(1);

/// What could not be done with which address, and why.
#[derive(Debug)]
pub struct Error {
    action: &'static str,
    addr: String,
    source: io::Error,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.action, self.addr, self.source)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Why, for who knows the address.
    #[must_use]
    pub fn cause(&self) -> &io::Error {
        &self.source
    }
}

/// A listening socket that admits as many clients as there is room for.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    clients: Semaphore,
    /// When trouble was last logged.
    logged: Mutex<Option<Instant>>,
}

/// Listens on `addr` and announces it on the log target [`NOTICE`].
///
/// `threads_each` is what a client will cost the server in threads; with the machine's limits it
/// gives the number of clients admitted at once.
///
/// # Errors
/// When the address cannot be resolved or bound.
pub fn listen(addr: &str, threads_each: usize) -> Result<Listener, Error> {
    let error = |source| Error { action: "listen on", addr: addr.to_owned(), source };
    let socket = bind(addr).map_err(error)?;
    let clients = Semaphore::new(Limits::current().clients(threads_each));
    let local = socket.local_addr().map_err(error)?;
    log::info!(target: NOTICE, "listening on {local}");
    Ok(Listener { socket, clients, logged: Mutex::new(None) })
}

/// Listens on the first address that `addr` stands for and that is free.
fn bind(addr: &str) -> io::Result<TcpListener> {
    let mut last = io::Error::other("it has no address");
    for addr in addr.to_socket_addrs()? {
        let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        tune(&socket, Some(WRITE_TIMEOUT)); // before the first client can come: it inherits
        match socket.bind(&addr.into()).and_then(|()| socket.listen(BACKLOG)) {
            Ok(()) => return Ok(socket.into()),
            Err(err) => last = err,
        }
    }
    Err(last)
}

impl Listener {
    /// Connections as they come, without end unless the socket is shut down.
    ///
    /// A client too many is told `server full`; when the process is out of descriptors, accepting
    /// rests until there is room again.
    pub fn incoming(&self) -> impl Iterator<Item = Conn> + '_ {
        std::iter::from_fn(|| self.accept())
    }

    /// The address listened on, with the port the kernel chose for port 0.
    ///
    /// # Errors
    /// What getsockname(2) reports.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Wakes a blocked [`incoming`](Self::incoming), which then ends.
    pub fn shutdown(&self) {
        _ = SockRef::from(&self.socket).shutdown(Shutdown::Both);
    }

    /// Clients connected now.
    #[must_use]
    pub fn n_clients(&self) -> usize {
        self.clients.n_taken()
    }

    fn accept(&self) -> Option<Conn> {
        loop {
            match self.socket.accept() {
                Ok((stream, peer)) => {
                    if let Some(permit) = self.clients.try_acquire() {
                        if !INHERITS {
                            tune(&stream, Some(WRITE_TIMEOUT));
                        }
                        return Some(Conn::new(stream, peer, Some(permit)));
                    }
                    self.log_once(&format!("server full at {} clients", self.clients.capacity()));
                    refuse(&stream, "server full");
                }
                Err(err) if err.kind() == io::ErrorKind::InvalidInput => return None, // shut down
                Err(err) if is_passing(&err) => {}
                Err(err) => {
                    self.log_once(&format!("accept: {err}; waiting for room"));
                    self.clients.wait_returned(BACK_OFF);
                }
            }
        }
    }

    fn log_once(&self, trouble: &str) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        if logged.is_none_or(|last| last.elapsed() >= LOG_PAUSE) {
            *logged = Some(Instant::now());
            log::warn!("{trouble}");
        }
    }
}

/// Nobody may hold up the others here: what does not go at once is not said.
fn refuse(stream: &TcpStream, why: &str) {
    let mut stream = stream;
    _ = stream.set_nonblocking(true);
    _ = stream.write_all(format!("{why}\n").as_bytes());
    _ = stream.shutdown(Shutdown::Write);
    _ = stream.read(&mut [0; 4096]); // unread input would reset the connection
}

/// Errors of accept(2) that belong to the one connection, not to us.
fn is_passing(err: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut};
    matches!(err.kind(), ConnectionAborted | ConnectionReset | Interrupted | TimedOut)
}

/// A connection. Shared by reference: one thread may read while others write.
///
/// Each write is all or nothing to the other threads, as in Go, so lines do not interleave.
#[derive(Debug)]
pub struct Conn {
    stream: TcpStream,
    peer: SocketAddr,
    writing: Mutex<()>,
    /// Given back on drop; a connection we dialled holds none.
    permit: Option<Permit>,
    /// Whether closing need not read on.
    is_read: AtomicBool,
}

/// Connects to `addr`, as `net.Dial` does.
///
/// # Errors
/// When the address cannot be resolved, or no address it stands for accepts.
pub fn dial(addr: &str) -> Result<Conn, Error> {
    let error = |source| Error { action: "dial", addr: addr.to_owned(), source };
    let mut last = io::Error::other("it has no address");
    for peer in addr.to_socket_addrs().map_err(error)? {
        match TcpStream::connect(peer) {
            // The peer is not asked of the socket: a reset may have come already.
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
    fn new(stream: TcpStream, peer: SocketAddr, permit: Option<Permit>) -> Self {
        Conn { stream, peer, writing: Mutex::new(()), permit, is_read: AtomicBool::new(false) }
    }

    /// The address of the other side.
    #[must_use]
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The lines that arrive, without their ends; see [`Lines`].
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(self)
    }

    /// Writes `line` and a newline as one.
    ///
    /// # Errors
    /// What writing reports; part of the line may then have been sent.
    pub fn write_line(&self, line: impl AsRef<[u8]>) -> io::Result<()> {
        let mut this = self;
        this.write_all(&[line.as_ref(), b"\n"].concat())
    }

    /// Hands the kernel what it takes of `bytes` now, and waits for nothing. Returns how much.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        outbox::taken(send(&self.stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL))
    }

    /// Bounds what the kernel keeps of what the peer does not read, and of what we do not.
    pub fn limit_buffers(&self, n_unsent: usize, n_unread: usize) {
        let socket = SockRef::from(&self.stream);
        _ = socket.set_send_buffer_size(n_unsent); // these only tune
        _ = socket.set_recv_buffer_size(n_unread);
    }

    /// Ends the connection politely: what was written arrives even if input is unread.
    ///
    /// For that it reads on, at most for half a second.
    pub fn part(&self) {
        self.set_read();
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let deadline = Instant::now() + DRAIN;
        let mut buf = [0; 4096];
        while Instant::now() < deadline && self.stream.set_read_timeout(Some(DRAIN)).is_ok() {
            if !matches!((&self.stream).read(&mut buf), Ok(1..)) {
                break;
            }
        }
    }

    /// Whether the peer has ended; what it still said is thrown away.
    fn has_ended(&self) -> bool {
        match (&self.stream).read(&mut [0; 16 << 10]) {
            Ok(0) => true,
            Ok(_) => false,
            Err(err) => err.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Turns a client away with a word, without waiting for it.
    pub fn refuse(self, why: &str) {
        refuse(&self.stream, why);
        self.set_read();
    }

    /// Cuts off a peer that does not read: what was not sent is dropped, blocked reads return.
    pub fn hang_up(&self) {
        _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Says that the input was read to its end, so that closing need not do it.
    pub fn set_read(&self) {
        self.is_read.store(true, Ordering::Release);
    }

    fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn with_peer(&self, err: &io::Error) -> io::Error {
        io::Error::new(err.kind(), format!("{}: {err}", self.peer))
    }
}

/// What Go's `net` does to every connection, and how long a write may take if that is bounded. A
/// socket that refuses still works.
fn tune<'s>(socket: impl Into<SockRef<'s>>, write_timeout: Option<Duration>) {
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
    /// Writes all of `buf`, or fails.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let _whole = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        (&self.stream).write_all(buf).map_err(|err| self.with_peer(&err))?;
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Conn {
    fn drop(&mut self) {
        if self.permit.is_some() && !self.is_read.load(Ordering::Acquire) {
            self.part();
        } // otherwise closing the socket, which ends both halves, loses nothing
    }
}

/// Parts from many at once, as [`Conn::part`] does from one.
pub fn part(mut conns: Vec<Conn>) {
    conns.retain(|conn| {
        conn.set_read();
        conn.stream.shutdown(Shutdown::Write).and_then(|()| conn.set_nonblocking(true)).is_ok()
    });
    let deadline = Instant::now() + DRAIN;
    while !conns.is_empty() && Instant::now() < deadline {
        conns.retain(|conn| !conn.has_ended());
        thread::sleep(PART_PAUSE);
    }
}

/// Whether writing failed because the peer had hung up. How it did, reading tells.
#[must_use]
pub fn is_hangup(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Copies until the end of `from`, 64 KiB at a time, flushing as it goes. Returns bytes copied.
///
/// `std::io::copy` moves 8 KiB at a time and lets a line-buffered stdout sit on half a line.
///
/// # Errors
/// The first that reading or writing reports.
pub fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<u64> {
    let mut buf = vec![0; 64 << 10];
    let mut n_copied = 0;
    loop {
        match from.read(&mut buf) {
            Ok(0) => return Ok(n_copied),
            Ok(n) => {
                to.write_all(&buf[..n])?;
                to.flush()?;
                n_copied += n as u64;
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufRead;

    use super::*;

    /// A client's socket, and the connection that a listener of ours made of it.
    pub(super) fn pair() -> (TcpStream, Conn) {
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
    fn unread_input_does_not_eat_the_last_line() {
        let (mut client, conn) = pair();
        client.write_all(&[b'x'; 10_000]).unwrap();
        conn.write_line("farewell").unwrap();
        drop(client.shutdown(Shutdown::Write));
        drop(conn);
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "farewell\n");
    }

    #[test]
    fn a_listener_shut_down_admits_nobody_more() {
        let listener = listen("127.0.0.1:0", 1).unwrap();
        thread::scope(|s| {
            let accepting = s.spawn(|| listener.incoming().count());
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            listener.shutdown();
            assert!(accepting.join().unwrap() <= 1);
            drop(client);
        });
        assert_eq!(listener.n_clients(), 0);
    }

    #[test]
    fn errors_name_action_and_address() {
        let text = |result: Result<Conn, Error>| result.unwrap_err().to_string();
        assert!(text(dial("nonsense")).starts_with("dial nonsense: "));
        assert!(text(dial("127.0.0.1:99999")).starts_with("dial 127.0.0.1:99999: "));
        assert!(listen("127.0.0.1:x", 1).unwrap_err().to_string().starts_with("listen on "));
    }

    #[test]
    fn a_copy_is_whole() {
        let input: Vec<u8> = (0..200_000u32).map(|i| i.to_le_bytes()[1]).collect();
        let mut output = Vec::new();
        assert_eq!(copy(&*input, &mut output).unwrap(), 200_000);
        assert!(input == output);
    }
}
