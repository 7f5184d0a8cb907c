//! Data connections: agreed on by PASV, EPSV, PORT or EPRT, opened when there is something to move.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::{HandshakeKind, ServerConfig, ServerConnection};
use socket2::{Domain, Socket, Type};

use super::tls::SessionId;
use super::transfer::Transfer;

/// How long a finished connection is read on so that the client's TLS farewell does not reset it.
const LINGER: Duration = Duration::from_millis(500);
/// Strangers may connect too; each waits here until the client's turn.
const BACKLOG: i32 = 16;

/// Where the data connection will come from.
#[derive(Debug)]
pub(super) enum Endpoint {
    Passive(Arc<Socket>),
    Active(SocketAddr),
}

/// Ports that passive connections may use.
#[derive(Debug)]
pub(super) struct Ports {
    first: u16,
    n_all: usize,
    next: AtomicUsize,
}

impl Ports {
    pub(super) fn new(first: u16, last: u16) -> Self {
        Ports { first, n_all: usize::from(last - first) + 1, next: AtomicUsize::new(0) }
    }

    /// A listening socket on the first free port, counted from where the last search ended.
    fn listen(&self, ip: IpAddr) -> io::Result<Socket> {
        let mut last = io::ErrorKind::AddrInUse.into();
        for _ in 0..self.n_all {
            let nth = self.next.fetch_add(1, Ordering::Relaxed) % self.n_all;
            #[allow(clippy::cast_possible_truncation, reason = "below the number of ports")]
            match listen_on(SocketAddr::new(ip, self.first + nth as u16)) {
                Ok(socket) => return Ok(socket),
                Err(err) => last = err,
            }
        }
        Err(last)
    }
}

/// Listens on `ip`, on one of `ports` or any. Returns the port too.
pub(super) fn listen(ip: IpAddr, ports: Option<&Ports>) -> io::Result<(Endpoint, u16)> {
    let socket = match ports {
        Some(ports) => ports.listen(ip)?,
        None => listen_on(SocketAddr::new(ip, 0))?,
    };
    let addr = socket.local_addr()?.as_socket();
    let port = addr.ok_or(io::ErrorKind::AddrNotAvailable)?.port();
    Ok((Endpoint::Passive(Arc::new(socket)), port))
}

fn listen_on(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(addr.port() != 0)?; // the port's last connection may still linger
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// What is needed to open a data connection.
#[derive(Debug)]
pub(super) struct Opener {
    pub(super) endpoint: Endpoint,
    pub(super) peer: IpAddr,
    pub(super) local: IpAddr,
    pub(super) timeout: Duration,
    pub(super) tls: Option<Protection>,
}

/// How a data connection is protected.
#[derive(Debug)]
pub(super) struct Protection {
    pub(super) config: Arc<ServerConfig>,
    pub(super) session: SessionId,
    /// Whether it must resume that session's TLS session: nobody else can.
    pub(super) must_resume: bool,
}

/// Why there is no data connection.
#[derive(Debug)]
pub(super) enum Unopened {
    Connection(io::Error),
    Tls(String),
}

impl From<io::Error> for Unopened {
    fn from(err: io::Error) -> Self {
        Unopened::Connection(err)
    }
}

impl Opener {
    pub(super) fn open(self, transfer: &Transfer) -> Result<Stream, Unopened> {
        let socket = match &self.endpoint {
            Endpoint::Passive(listener) => self.accept(listener, transfer)?,
            Endpoint::Active(addr) => self.connect(*addr, transfer)?,
        };
        _ = socket.set_tcp_nodelay(true); // only tunes
        socket.set_read_timeout(Some(self.timeout))?;
        socket.set_write_timeout(Some(self.timeout))?;
        let mut stream = Stream { socket, tls: None };
        if let Some(tls) = self.tls {
            stream.secure(&tls).map_err(Unopened::Tls)?;
        }
        Ok(stream)
    }

    /// Strangers who connect first are sent away; the client may still come.
    fn accept(&self, listener: &Arc<Socket>, transfer: &Transfer) -> io::Result<Arc<Socket>> {
        transfer.blocks_on(listener)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            listener.set_read_timeout(Some(left))?; // holds for accept too
            match listener.accept() {
                Ok((socket, addr)) if self.is_client(&addr) => {
                    let socket = Arc::new(socket);
                    transfer.blocks_on(&socket)?;
                    return Ok(socket);
                }
                Ok(_) => log::warn!("{}: a stranger came to the data port", transfer.title),
                Err(err) if is_passing(&err) => {}
                Err(err) => return Err(err),
            }
        }
    }

    fn is_client(&self, addr: &socket2::SockAddr) -> bool {
        addr.as_socket().is_some_and(|addr| addr.ip().to_canonical() == self.peer)
    }

    fn connect(&self, addr: SocketAddr, transfer: &Transfer) -> io::Result<Arc<Socket>> {
        let socket = Arc::new(Socket::new(Domain::for_address(addr), Type::STREAM, None)?);
        socket.bind(&SocketAddr::new(self.local, 0).into())?; // the address the client knows
        transfer.blocks_on(&socket)?;
        socket.connect_timeout(&addr.into(), self.timeout)?;
        Ok(socket)
    }
}

fn is_passing(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

/// An open data connection.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Arc<Socket>,
    tls: Option<Box<ServerConnection>>,
}

impl Stream {
    fn secure(&mut self, how: &Protection) -> Result<(), String> {
        let words = |err: io::Error| format!("TLS on the data connection: {err}");
        let tls = ServerConnection::new(Arc::clone(&how.config));
        let mut tls = tls.map_err(|err| words(io::Error::other(err)))?;
        self.shake_hands(&mut tls, &how.session).map_err(words)?;
        // Of TLS 1.2 rustls does not tell the data; there the ticketer has let no other ticket pass.
        let is_resumed = matches!(tls.handshake_kind(), Some(HandshakeKind::Resumed))
            && tls.received_resumption_data().is_none_or(|data| data == how.session);
        if how.must_resume && !is_resumed {
            tls.send_close_notify();
            _ = tls.complete_io(&mut &*self.socket); // it is refused either way
            return Err("The data connection must resume this session's TLS session.".to_owned());
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// New tickets carry the session's id only where one that did was shown.
    fn shake_hands(&self, tls: &mut ServerConnection, session: &SessionId) -> io::Result<()> {
        let mut socket = &*self.socket;
        while tls.is_handshaking() {
            if tls.wants_write() {
                tls.write_tls(&mut socket)?;
            } else if tls.read_tls(&mut socket)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            } else if let Err(err) = tls.process_new_packets() {
                _ = tls.write_tls(&mut socket); // the alert that says why
                return Err(io::Error::other(err));
            }
            if tls.received_resumption_data() == Some(session) {
                tls.set_resumption_data(session);
            }
        }
        while tls.wants_write() {
            tls.write_tls(&mut socket)?;
        }
        Ok(())
    }

    /// The socket alone, where nothing needs to be encrypted.
    pub(super) fn plain(&self) -> Option<&Socket> {
        self.tls.is_none().then_some(&*self.socket)
    }

    /// Says that all was sent.
    pub(super) fn end(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(&mut &*self.socket)?;
            }
        }
        self.socket.shutdown(Shutdown::Write)
    }

    /// Whether the connection broke after its last byte had come. TLS has a farewell of its own,
    /// which was heard: a client may close in any manner behind it.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.tls.is_some() {
            return Ok(());
        }
        self.socket.take_error()?.map_or(Ok(()), Err)
    }

    /// Closes without a reset that could overtake what was sent.
    pub(super) fn linger(self) {
        if self.tls.is_none() || self.socket.set_read_timeout(Some(LINGER)).is_err() {
            return;
        }
        let (deadline, mut socket) = (Instant::now() + LINGER, &*self.socket);
        while Instant::now() < deadline && matches!(socket.read(&mut [0; 512]), Ok(1..)) {}
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => (&*self.socket).read(buf),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut &*self.socket).read(buf),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => (&*self.socket).write(buf),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut &*self.socket).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut &*self.socket).flush(),
        }
    }
}
