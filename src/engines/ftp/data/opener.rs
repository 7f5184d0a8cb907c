//! Opening a data connection, before and after the transfer is announced to the client.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use socket2::{Domain, Socket, Type};

use super::handshake::{Handshake, Protection};
use super::ports::{BACKLOG, Endpoint};
use super::stream::DataStream;
use crate::engines::ftp::reply::ReplyError;
use crate::engines::ftp::transfer::Transfer;

/// What is needed to open a data connection.
#[derive(Debug)]
pub(crate) struct Opener {
    pub(crate) endpoint: Endpoint,
    /// The client's address: connections from others are refused.
    pub(crate) peer: IpAddr,
    /// The server's address that the client knows.
    pub(crate) local: IpAddr,
    /// How long opening may take, and each read or write after that.
    pub(crate) timeout: Duration,
    pub(crate) tls: Option<Protection>,
}

/// A data connection as far as it is open before the transfer is announced.
#[derive(Debug)]
pub(crate) struct Opening {
    opener: Opener,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    NotConnected,
    Connected(Arc<Socket>),
    /// The client has begun the TLS handshake without waiting for the announcement.
    Handshake(io::Result<Handshake>),
}

impl Opener {
    /// Continues the TLS handshake of a client that has begun it before the transfer is announced
    /// (150), so that the client gets its session ticket first. All else waits for the announcement.
    ///
    /// Errors are reported by [`Opening::finish`].
    pub(crate) fn begin(mut self, transfer: &Transfer) -> Opening {
        let connected = self.tls.as_ref().and_then(|_| self.accept_pending(transfer));
        let progress = match connected {
            None => Progress::NotConnected,
            Some(socket) if has_input(&socket) => match self.tls.take() {
                Some(tls) => Progress::Handshake(Handshake::begin_early(socket, tls)),
                None => Progress::Connected(socket),
            },
            Some(socket) => Progress::Connected(socket),
        };
        Opening { opener: self, progress }
    }

    /// The client's connection, if it is in the listener's queue already.
    fn accept_pending(&self, transfer: &Transfer) -> Option<Arc<Socket>> {
        let Endpoint::Passive(listener) = &self.endpoint else { return None };
        listener.set_nonblocking(true).ok()?;
        let accepted = (0..BACKLOG).find_map(|_| self.accept_one(listener, transfer).transpose());
        listener.set_nonblocking(false).ok()?;
        let socket = accepted?.ok()?;
        socket.set_nonblocking(false).ok()?; // some systems inherit it from the listener
        Some(socket)
    }

    /// Blocks until the client has connected.
    fn accept(&self, listener: &Arc<Socket>, transfer: &Transfer) -> io::Result<Arc<Socket>> {
        transfer.set_socket(listener)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            listener.set_read_timeout(Some(left))?; // also the timeout of accept(2)
            if let Some(socket) = self.accept_one(listener, transfer)? {
                return Ok(socket);
            }
        }
    }

    /// Accepts a connection. One from another address is closed, and `None` returned.
    fn accept_one(
        &self,
        listener: &Socket,
        transfer: &Transfer,
    ) -> io::Result<Option<Arc<Socket>>> {
        let (socket, addr) = match listener.accept() {
            Err(err) if is_transient(&err) => return Ok(None),
            accepted => accepted?,
        };
        if addr.as_socket().is_none_or(|addr| addr.ip().to_canonical() != self.peer) {
            log::warn!("{}: data connection from another address refused", transfer.title);
            return Ok(None);
        }
        let socket = Arc::new(socket);
        transfer.set_socket(&socket)?;
        self.tune(&socket)?;
        Ok(Some(socket))
    }

    fn connect(&self, addr: SocketAddr, transfer: &Transfer) -> io::Result<Arc<Socket>> {
        let socket = Arc::new(Socket::new(Domain::for_address(addr), Type::STREAM, None)?);
        socket.bind(&SocketAddr::new(self.local, 0).into())?;
        transfer.set_socket(&socket)?;
        socket.connect_timeout(&addr.into(), self.timeout)?;
        self.tune(&socket)?;
        Ok(socket)
    }

    fn tune(&self, socket: &Socket) -> io::Result<()> {
        _ = socket.set_tcp_nodelay(true); // transfers work without it
        socket.set_read_timeout(Some(self.timeout))?;
        socket.set_write_timeout(Some(self.timeout))
    }
}

impl Opening {
    /// Opens the connection after the transfer was announced.
    ///
    /// # Errors
    /// 425 when there is no connection within the timeout, 522 when the TLS handshake fails.
    pub(crate) fn finish(self, transfer: &Transfer) -> Result<DataStream, ReplyError> {
        let Opening { mut opener, progress } = self;
        let connected = match progress {
            Progress::Handshake(handshake) => return complete(handshake),
            Progress::Connected(socket) => Ok(socket),
            Progress::NotConnected => match &opener.endpoint {
                Endpoint::Passive(listener) => opener.accept(listener, transfer),
                Endpoint::Active(addr) => opener.connect(*addr, transfer),
            },
        };
        let socket = connected.map_err(|err| ReplyError::no_connection(&err))?;
        match opener.tls.take() {
            None => Ok(DataStream::new(socket, None)),
            Some(tls) => complete(Handshake::new(socket, tls)),
        }
    }
}

fn complete(handshake: io::Result<Handshake>) -> Result<DataStream, ReplyError> {
    handshake.map_err(|err| ReplyError::handshake(&err))?.complete()
}

/// Whether there is unread input.
fn has_input(socket: &Socket) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    rustix::net::recv(socket, &mut [0; 1][..], flags).is_ok_and(|(n, _)| n > 0)
}

/// Whether an error of accept(2) concerns only one connection.
fn is_transient(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}
