//! Connections of clients such as netcat: over TCP or through a Unix-domain socket.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};
use socket2::{Domain, Socket, Type};

use super::conn::tune;
use super::errors::{Error, NO_ADDRESS, is_transient};
use super::sockets::{ListeningSockets, NOTICE};
use super::tcp_table::{is_closed, n_unacknowledged};

/// Bytes moved by one splice(2).
const SPLICE_MAX: usize = 1 << 20;

/// Where to dial or to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A TCP port of a host.
    Tcp {
        /// A host name or an IP address.
        host: String,
        /// The port; 0 to listen on any free port.
        port: u16,
        /// Which of the host's addresses to use.
        family: Family,
    },
    /// A Unix-domain socket at this path.
    Unix(PathBuf),
}

/// The IP versions to use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Both, in the order in which the system's resolver returns addresses.
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// How to connect.
#[derive(Clone, Copy, Debug, Default)]
pub struct DialOptions {
    /// Give up an address that has not accepted after this long.
    pub timeout: Option<Duration>,
    /// The local port to connect from; 0 for any.
    pub source_port: u16,
}

/// A stream connection, shared by reference: one thread may read while another writes.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    peer: String,
}

/// A listener, with one socket per address. Dropping one of a Unix domain removes its file.
#[derive(Debug)]
pub struct StreamListener(Sockets);

#[derive(Debug)]
enum Sockets {
    Tcp(ListeningSockets),
    /// A Unix-domain socket and the path of its file.
    Unix(UnixListener, PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port, .. } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Endpoint::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Endpoint::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Endpoint {
    /// Connects to the first address that accepts. `failed` is called with the error of each address
    /// before it that does not.
    ///
    /// # Errors
    /// When there is no address, or none accepts: then the error of the last.
    pub fn dial(
        &self,
        options: &DialOptions,
        mut failed: impl FnMut(&Error),
    ) -> Result<Stream, Error> {
        let Endpoint::Tcp { .. } = self else {
            return self.dial_unix().map_err(|source| self.error("dial", source));
        };
        let addrs = self.addrs()?;
        let mut last = None;
        for addr in addrs {
            if let Some(err) = &last {
                failed(err);
            }
            match Stream::dial(addr, options) {
                Ok(stream) => return Ok(stream),
                Err(err) => last = Some(err),
            }
        }
        Err(last.expect("there is an address"))
    }

    /// Listens on every address, IPv4 first and all on the same port, and announces each on the log
    /// target [`NOTICE`]. An address that this machine does not have is skipped with a warning
    /// while another one works. The file of a Unix-domain socket on
    /// which nobody listens any more is replaced.
    ///
    /// # Errors
    /// When the address cannot be resolved, one of its addresses is taken, or none can be bound.
    pub fn listen(&self) -> Result<StreamListener, Error> {
        let listener = match self {
            Endpoint::Tcp { .. } => listen_tcp(&self.addrs()?),
            Endpoint::Unix(path) => listen_unix(path),
        };
        listener.map_err(|source| self.error("listen on", source))
    }

    /// Resolves the host to its addresses in the wanted family, in the resolver's order. A
    /// Unix-domain socket has none.
    ///
    /// # Errors
    /// When the host cannot be resolved, or has no address in that family.
    pub fn addrs(&self) -> Result<Vec<SocketAddr>, Error> {
        let Endpoint::Tcp { host, port, family } = self else { return Ok(Vec::new()) };
        let addrs = (host.as_str(), *port).to_socket_addrs();
        let addrs = addrs.map_err(|source| self.error("resolve", source))?;
        let addrs: Vec<_> = addrs.filter(|addr| family.includes(addr)).collect();
        if addrs.is_empty() {
            return Err(self.error("resolve", io::Error::other(NO_ADDRESS)));
        }
        Ok(addrs)
    }

    fn error(&self, action: &'static str, source: io::Error) -> Error {
        Error::new(action, self.to_string(), source)
    }

    fn dial_unix(&self) -> io::Result<Stream> {
        let Endpoint::Unix(path) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        Ok(Stream { socket: UnixStream::connect(path)?.into(), peer: self.to_string() })
    }
}

impl Family {
    fn includes(self, addr: &SocketAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => addr.is_ipv4(),
            Family::V6 => addr.is_ipv6(),
        }
    }
}

fn connect(addr: SocketAddr, options: &DialOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if options.source_port != 0 {
        socket.set_reuse_address(true)?; // the port may be used again while its last use times out
        socket.bind(&any_address(addr, options.source_port).into())?;
    }
    match options.timeout {
        Some(timeout) => socket.connect_timeout(&addr.into(), timeout)?,
        None => socket.connect(&addr.into())?,
    }
    Ok(socket)
}

/// The unspecified address of the family of `peer`, with a port.
fn any_address(peer: SocketAddr, port: u16) -> SocketAddr {
    if peer.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, port).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, port).into()
    }
}

fn listen_tcp(addrs: &[SocketAddr]) -> io::Result<StreamListener> {
    let sockets = ListeningSockets::bind(addrs, None)?;
    sockets.announce()?;
    Ok(StreamListener(Sockets::Tcp(sockets)))
}

fn listen_unix(path: &Path) -> io::Result<StreamListener> {
    let listener = match UnixListener::bind(path) {
        Err(err) if err.kind() == io::ErrorKind::AddrInUse && is_stale_socket(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        bound => bound,
    }?;
    log::info!(target: NOTICE, "listening on {}", path.display());
    Ok(StreamListener(Sockets::Unix(listener, path.to_owned())))
}

/// Whether `path` is a socket on which nobody listens, left by a program that has ended.
fn is_stale_socket(path: &Path) -> bool {
    let is_socket = path.symlink_metadata().is_ok_and(|file| file.file_type().is_socket());
    let refused = |err: io::Error| err.kind() == io::ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).is_err_and(refused)
}

impl StreamListener {
    /// Waits for the next client.
    ///
    /// # Errors
    /// Those of accept(2), except errors that concern one connection only, which are skipped.
    pub fn accept(&self) -> io::Result<Stream> {
        loop {
            let accepted = match &self.0 {
                Sockets::Tcp(sockets) => {
                    sockets.accept().map(|(stream, peer)| Stream::tcp(stream, peer))
                }
                Sockets::Unix(listener, path) => listener.accept().map(|(stream, _)| Stream {
                    socket: stream.into(),
                    peer: path.display().to_string(),
                }),
            };
            match accepted {
                Err(err) if is_transient(&err) => {}
                accepted => return accepted,
            }
        }
    }
}

impl Drop for StreamListener {
    fn drop(&mut self) {
        if let Sockets::Unix(_, path) = &self.0 {
            _ = std::fs::remove_file(path); // else the next to listen replaces it
        }
    }
}

impl Stream {
    /// Connects to a TCP address.
    ///
    /// # Errors
    /// When it does not accept.
    pub fn dial(addr: SocketAddr, options: &DialOptions) -> Result<Self, Error> {
        let dialled = connect(addr, options).map(|socket| Stream::tcp(socket, addr));
        dialled.map_err(|source| Error::new("dial", addr.to_string(), source))
    }

    fn tcp(socket: impl Into<Socket>, peer: SocketAddr) -> Self {
        let socket = socket.into();
        tune(&socket, None);
        Stream { socket, peer: peer.to_string() }
    }

    /// Returns the peer's address, or the path of the Unix-domain socket.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Shuts down one half or both; blocked reads and writes return.
    pub fn shutdown(&self, how: Shutdown) {
        _ = self.socket.shutdown(how); // it may have ended already
    }

    /// Returns the number of bytes that were sent and that the peer's kernel has not acknowledged;
    /// after a shutdown of the write half, the end of the stream counts as one. 0 where the system
    /// does not tell, as for a Unix-domain socket.
    #[must_use]
    pub fn n_unacknowledged(&self) -> u64 {
        self.tcp_addrs().map_or(0, |(local, peer)| n_unacknowledged(local, peer))
    }

    /// Whether the peer, which has ended its half, has closed the connection altogether and will read
    /// nothing more.
    ///
    /// It is known at once of a Unix-domain socket and of a process on this machine. Another machine
    /// resets the connection when keep-alive asks it, about a minute later; the error is taken.
    #[must_use]
    pub fn is_peer_closed(&self) -> bool {
        match self.tcp_addrs() {
            Some((local, peer)) => self.take_error().is_some() || is_closed(local, peer),
            None => send(&self.socket, &[], SendFlags::NOSIGNAL) == Err(Errno::PIPE),
        }
    }

    /// The addresses of both ends of a TCP connection.
    fn tcp_addrs(&self) -> Option<(SocketAddr, SocketAddr)> {
        let local = self.socket.local_addr().ok()?.as_socket()?;
        Some((local, self.peer.parse().ok()?))
    }

    /// Takes the error that the kernel has noted and that no read or write has returned, such as a
    /// reset after the end of the stream.
    pub fn take_error(&self) -> Option<io::Error> {
        let err = self.socket.take_error().ok().flatten()?;
        Some(self.with_peer(&err))
    }

    /// Sets the timeout of the reads that follow; `None` for none.
    ///
    /// # Errors
    /// When `timeout` is zero.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)
    }

    /// Moves the input to `output` with splice(2), without copying it through this process.
    ///
    /// Returns `None` at the end of the input. Where splice is not supported, or `output` accepts
    /// no more, it returns the bytes that were read and not written; the caller goes on by copying.
    /// `received` is called with the number of bytes of each read.
    ///
    /// The data passes through a pipe of its own even if `output` is a pipe: while splice waits for
    /// a socket to fill a pipe it keeps that pipe locked, and its reader blocked.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn splice_to(
        &self,
        output: impl AsFd,
        mut received: impl FnMut(usize),
    ) -> io::Result<Option<Vec<u8>>> {
        let Ok((pipe_out, pipe_in)) = pipe() else { return Ok(Some(Vec::new())) };
        _ = fcntl_setpipe_size(&pipe_in, SPLICE_MAX); // a smaller pipe works too
        loop {
            let n = match splice(&self.socket, None, &pipe_in, None, SPLICE_MAX, SpliceFlags::MOVE)
            {
                Ok(0) => return Ok(None),
                Ok(n) => n,
                Err(Errno::INTR) => continue,
                Err(Errno::INVAL) => return Ok(Some(Vec::new())),
                Err(err) => return Err(self.with_peer(&err.into())),
            };
            received(n);
            if let Some(left) = empty_pipe(&pipe_out, &output, n)? {
                return Ok(Some(left));
            }
        }
    }

    fn with_peer(&self, err: &io::Error) -> io::Error {
        io::Error::new(err.kind(), format!("{}: {err}", self.peer))
    }
}

/// Moves `n` bytes from a pipe to `output`; returns those that `output` does not accept.
fn empty_pipe(pipe: &OwnedFd, output: impl AsFd, mut n: usize) -> io::Result<Option<Vec<u8>>> {
    while n > 0 {
        match splice(pipe, None, &output, None, n, SpliceFlags::MOVE) {
            Ok(moved @ 1..) => n -= moved,
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => {
                let mut left = vec![0; n];
                File::from(pipe.try_clone()?).read_exact(&mut left)?;
                return Ok(Some(left));
            }
        }
    }
    Ok(None)
}

impl Read for &Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        (&self.socket).read(buf).map_err(|err| self.with_peer(&err))
    }
}

impl Write for &Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        (&self.socket).write(buf).map_err(|err| self.with_peer(&err))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, family: Family) -> Endpoint {
        Endpoint::Tcp { host: host.to_owned(), port: 0, family }
    }

    #[test]
    fn endpoints_are_displayed_as_they_are_written() {
        assert_eq!(tcp("localhost", Family::Any).to_string(), "localhost:0");
        assert_eq!(tcp("::1", Family::Any).to_string(), "[::1]:0");
        assert_eq!(Endpoint::Unix("/tmp/x".into()).to_string(), "/tmp/x");
    }

    #[test]
    fn a_family_selects_addresses() {
        assert!(tcp("127.0.0.1", Family::V4).listen().is_ok());
        let err = tcp("127.0.0.1", Family::V6).listen().unwrap_err();
        assert_eq!(err.to_string(), "resolve 127.0.0.1:0: no address found");
        let err = tcp("::1", Family::V4).dial(&DialOptions::default(), |_| {}).unwrap_err();
        assert_eq!(err.to_string(), "resolve [::1]:0: no address found");
    }

    #[test]
    fn a_socket_file_is_removed_with_its_listener_and_a_stale_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let endpoint = Endpoint::Unix(path.clone());
        drop(UnixListener::bind(&path).unwrap()); // the file stays
        let listener = endpoint.listen().unwrap();
        assert!(endpoint.listen().is_err(), "it is in use");
        assert!(endpoint.dial(&DialOptions::default(), |_| {}).is_ok());
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "not a socket").unwrap();
        assert!(endpoint.listen().is_err());
        assert!(path.exists());
    }
}
