//! Connections of clients such as netcat: over TCP or through a Unix-domain socket.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, pipe, splice};
use socket2::Socket;

use super::conn::tune;
use super::errors::{Error, NO_ADDRESS, is_transient};
use super::sockets::{ListeningSockets, NOTICE};
use super::unacknowledged::n_unacknowledged;

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
    /// Connects to the first address that accepts within `timeout`. `failed` is called with the
    /// error of each address before it that does not.
    ///
    /// # Errors
    /// When there is no address, or none accepts: then the error of the last.
    pub fn dial(
        &self,
        timeout: Option<Duration>,
        mut failed: impl FnMut(&Error),
    ) -> Result<Stream, Error> {
        let Endpoint::Tcp { .. } = self else {
            return self.dial_unix().map_err(|source| self.error("dial", source));
        };
        let addrs = self.addrs().map_err(|source| self.error("dial", source))?;
        let mut last = None;
        for addr in addrs {
            if let Some(err) = &last {
                failed(err);
            }
            match connect(addr, timeout) {
                Ok(stream) => return Ok(Stream::tcp(stream, addr)),
                Err(source) => {
                    last = Some(Error::new("dial", addr.to_string(), source));
                }
            }
        }
        Err(last.unwrap_or_else(|| self.error("dial", io::Error::other(NO_ADDRESS))))
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
            Endpoint::Tcp { .. } => self.listen_tcp(),
            Endpoint::Unix(path) => listen_unix(path),
        };
        listener.map_err(|source| self.error("listen on", source))
    }

    fn error(&self, action: &'static str, source: io::Error) -> Error {
        Error::new(action, self.to_string(), source)
    }

    fn addrs(&self) -> io::Result<Vec<SocketAddr>> {
        let Endpoint::Tcp { host, port, family } = self else { return Ok(Vec::new()) };
        let addrs = (host.as_str(), *port).to_socket_addrs()?;
        Ok(addrs.filter(|addr| family.includes(addr)).collect())
    }

    fn dial_unix(&self) -> io::Result<Stream> {
        let Endpoint::Unix(path) = self else { return Err(io::ErrorKind::Unsupported.into()) };
        Ok(Stream { socket: UnixStream::connect(path)?.into(), peer: self.to_string() })
    }

    fn listen_tcp(&self) -> io::Result<StreamListener> {
        let sockets = ListeningSockets::bind(&self.addrs()?, None)?;
        sockets.announce(|addr| format!("listening on {addr}"))?;
        Ok(StreamListener(Sockets::Tcp(sockets)))
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

fn connect(addr: SocketAddr, timeout: Option<Duration>) -> io::Result<TcpStream> {
    match timeout {
        Some(timeout) => TcpStream::connect_timeout(&addr, timeout),
        None => TcpStream::connect(addr),
    }
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
    fn tcp(stream: TcpStream, peer: SocketAddr) -> Self {
        tune(&stream, None);
        Stream { socket: stream.into(), peer: peer.to_string() }
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
        let local = self.socket.local_addr().ok().and_then(|addr| addr.as_socket());
        match (local, self.peer.parse()) {
            (Some(local), Ok(peer)) => n_unacknowledged(local, peer),
            _ => 0,
        }
    }

    /// Takes the error that the kernel has noted and that no read or write has returned, such as a
    /// reset after the end of the stream.
    pub fn take_error(&self) -> Option<io::Error> {
        let err = self.socket.take_error().ok().flatten()?;
        Some(self.with_peer(&err))
    }

    /// Sets the timeout of the reads that follow.
    ///
    /// # Errors
    /// When `timeout` is zero.
    pub fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.socket.set_read_timeout(Some(timeout))
    }

    /// Moves the input to `output` with splice(2), without copying it through this process.
    ///
    /// Returns `None` at the end of the input. Where splice is not supported, or `output` accepts
    /// no more, it returns the bytes that were read and not written; the caller goes on by copying.
    ///
    /// The data passes through a pipe of its own even if `output` is a pipe: while splice waits for
    /// a socket to fill a pipe it keeps that pipe locked, and its reader blocked.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn splice_to(&self, output: impl AsFd) -> io::Result<Option<Vec<u8>>> {
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
        assert_eq!(err.to_string(), "listen on 127.0.0.1:0: no address found");
        let err = tcp("::1", Family::V4).dial(None, |_| {}).unwrap_err();
        assert_eq!(err.to_string(), "dial [::1]:0: no address found");
    }

    #[test]
    fn a_socket_file_is_removed_with_its_listener_and_a_stale_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let endpoint = Endpoint::Unix(path.clone());
        drop(UnixListener::bind(&path).unwrap()); // the file stays
        let listener = endpoint.listen().unwrap();
        assert!(endpoint.listen().is_err(), "it is in use");
        assert!(endpoint.dial(None, |_| {}).is_ok());
        drop(listener);
        assert!(!path.exists());
        std::fs::write(&path, "not a socket").unwrap();
        assert!(endpoint.listen().is_err());
        assert!(path.exists());
    }
}
