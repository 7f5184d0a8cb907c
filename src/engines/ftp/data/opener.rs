//! Opening a data connection, before and after the transfer is announced to the client.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use socket2::{Domain, Socket, Type};

use super::handshake::{Handshake, Protection, Secured};
use super::ports::{BACKLOG, Endpoint};
use super::stream::DataStream;
use super::waiting::{HandOver, WaitingSocket};
use crate::engines::ftp::reply::ReplyError;
use crate::engines::ftp::transfer::Transfer;

/// Why a data connection is refused.
const NOT_RESUMED: &str = "this client does not resume TLS sessions";

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
    deadline: Instant,
}

#[derive(Debug)]
enum Progress {
    NotConnected,
    Connected(Arc<Socket>),
    /// The client has begun the TLS handshake without waiting for the announcement.
    Handshake(io::Result<Handshake>),
}

impl Opener {
    /// With TLS, accepts the connection of a client that has connected before the transfer is announced
    /// (150), and continues the handshake if it has begun that too, so that it gets its session ticket
    /// first. All else waits for the announcement. `hand_over` is called before what may take long.
    ///
    /// Errors are reported by [`Opening::finish`].
    pub(crate) fn begin(mut self, transfer: &Transfer, hand_over: &mut HandOver<'_>) -> Opening {
        let deadline = Instant::now() + self.timeout;
        if self.tls.is_none() {
            return Opening { opener: self, progress: Progress::NotConnected, deadline };
        }
        let connected = self.accept_pending(transfer);
        hand_over.now();
        let progress = match connected {
            None => Progress::NotConnected,
            Some(socket) if has_input(&socket) => match self.tls.take() {
                Some(tls) => Progress::Handshake(Handshake::begin_early(socket, tls, deadline)),
                None => Progress::Connected(socket),
            },
            Some(socket) => Progress::Connected(socket),
        };
        Opening { opener: self, progress, deadline }
    }

    /// The client's connection, if it is in the listener's queue already.
    fn accept_pending(&self, transfer: &Transfer) -> Option<Arc<Socket>> {
        let Endpoint::Passive(listener) = &self.endpoint else { return None };
        let accepted = (0..BACKLOG).find_map(|_| self.accept_one(listener, transfer).transpose());
        accepted?.ok()
    }

    /// Accepts the client's connection or connects to the client. `hand_over` is called before this
    /// blocks.
    fn open(
        &self,
        transfer: &Transfer,
        deadline: Instant,
        hand_over: &mut HandOver<'_>,
    ) -> io::Result<Arc<Socket>> {
        if let Some(socket) = self.accept_pending(transfer) {
            return Ok(socket);
        }
        hand_over.now();
        match &self.endpoint {
            Endpoint::Passive(listener) => self.accept(listener, transfer, deadline),
            Endpoint::Active(addr) => self.connect(*addr, transfer),
        }
    }

    /// Blocks until the client has connected.
    fn accept(
        &self,
        listener: &Arc<Socket>,
        transfer: &Transfer,
        deadline: Instant,
    ) -> io::Result<Arc<Socket>> {
        transfer.set_socket(listener)?;
        listener.set_nonblocking(false)?;
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
        #[cfg(not(target_os = "linux"))]
        socket.set_nonblocking(false)?; // inherited from the listener
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

    /// The administrator, not the client, can do something about a client that resumes no session.
    fn complete<'h>(
        &self,
        handshake: io::Result<Handshake>,
        transfer: &Transfer,
        hand_over: HandOver<'h>,
    ) -> Result<DataStream<'h>, ReplyError> {
        let handshake = handshake.map_err(|err| ReplyError::handshake(&err))?;
        let Some(secured) = handshake.complete()? else {
            let (peer, title) = (self.peer, &transfer.title);
            log::warn!("{peer}: {title}: {NOT_RESUMED} (--tls-resume=off allows that)");
            return Err(ReplyError::not_resumed(NOT_RESUMED));
        };
        self.secure_stream(secured, hand_over)
    }

    fn secure_stream<'h>(
        &self,
        secured: Secured,
        hand_over: HandOver<'h>,
    ) -> Result<DataStream<'h>, ReplyError> {
        let Secured { socket, tls, ticket } = secured;
        Ok(DataStream::secure(self.waiting(socket, hand_over)?, tls, ticket))
    }

    fn waiting<'h>(
        &self,
        socket: Arc<Socket>,
        hand_over: HandOver<'h>,
    ) -> Result<WaitingSocket<'h>, ReplyError> {
        let socket = WaitingSocket::new(socket, self.timeout, hand_over);
        socket.map_err(|err| ReplyError::connection(&err))
    }

    /// Without Nagle's algorithm each [piece](crate::net::SEND_SIZE) of a file leaves as one segment. With
    /// it, pieces were joined to segments of 64 KiB and a rest, and a download took 1.9 times as long.
    fn tune(&self, socket: &Socket) -> io::Result<()> {
        _ = socket.set_tcp_nodelay(true); // transfers work without it
        if self.tls.is_some() {
            socket.set_write_timeout(Some(self.timeout))?;
        }
        Ok(())
    }
}

impl Opening {
    /// Opens the connection after the transfer was announced.
    ///
    /// # Errors
    /// 425 when there is no connection within the timeout, 522 when the TLS handshake fails.
    pub(crate) fn finish<'h>(
        self,
        transfer: &Transfer,
        mut hand_over: HandOver<'h>,
    ) -> Result<DataStream<'h>, ReplyError> {
        let Opening { mut opener, progress, deadline } = self;
        let connected = match progress {
            Progress::Handshake(handshake) => {
                return opener.complete(handshake, transfer, hand_over);
            }
            Progress::Connected(socket) => Ok(socket),
            Progress::NotConnected => opener.open(transfer, deadline, &mut hand_over),
        };
        let socket = connected.map_err(|err| ReplyError::no_connection(&err))?;
        match opener.tls.take() {
            None => Ok(DataStream::plain(opener.waiting(socket, hand_over)?)),
            Some(tls) => {
                opener.complete(Handshake::new(socket, tls, deadline), transfer, hand_over)
            }
        }
    }
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;
    use crate::engines::ftp::data::listen;

    #[test]
    fn data_connections_are_without_nagles_algorithm() {
        let ip = Ipv4Addr::LOCALHOST.into();
        let (endpoint, port) = listen(ip, None).unwrap();
        let timeout = Duration::from_mins(1);
        let opener = Opener { endpoint, peer: ip, local: ip, timeout, tls: None };
        let transfer = Transfer::new("RETR /file".to_owned(), None);
        let _client = TcpStream::connect((ip, port)).unwrap();
        let mut ignore = || ();
        let mut hand_over = HandOver::new(&mut ignore);
        let socket = opener.open(&transfer, Instant::now() + timeout, &mut hand_over).unwrap();
        assert!(socket.tcp_nodelay().unwrap());
    }
}
