//! Data connections: agreed on by PASV, EPSV, PORT or EPRT, opened when there is something to move.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::net::RecvFlags;
use rustls::{HandshakeKind, ServerConfig, ServerConnection};
use socket2::{Domain, Socket, Type};

use super::session::is_timeout;
use super::tls::SessionId;
use super::transfer::Transfer;

/// How long a finished connection is read on so that the client's TLS farewell does not reset it.
const LINGER: Duration = Duration::from_millis(500);
/// How long who shakes hands unasked is waited for before it is told that the transfer begins.
const EARLY: Duration = Duration::from_millis(500);
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
    pub(super) config: ServerConfig,
    pub(super) session: SessionId,
    /// Whether it must resume that session: nobody else can.
    pub(super) must_resume: bool,
}

/// Why there is no data connection.
#[derive(Debug)]
pub(super) enum Unopened {
    Connection(io::Error),
    Tls(io::Error),
    NotResumed,
}

impl From<io::Error> for Unopened {
    fn from(err: io::Error) -> Self {
        Unopened::Connection(err)
    }
}

impl Opener {
    /// Opens it; `begin` tells the client that the transfer begins.
    pub(super) fn open(self, transfer: &Transfer, begin: &dyn Fn()) -> Result<Stream, Unopened> {
        let connected = self.tls.as_ref().and_then(|_| self.accept_now(transfer));
        let early = connected.as_ref().filter(|socket| has_spoken(socket)).map(|_| begin);
        if early.is_none() {
            begin();
        }
        let socket = match (connected, &self.endpoint) {
            (Some(socket), _) => socket,
            (None, Endpoint::Passive(listener)) => self.accept(listener, transfer)?,
            (None, Endpoint::Active(addr)) => self.connect(*addr, transfer)?,
        };
        _ = socket.set_tcp_nodelay(true); // only tunes
        socket.set_read_timeout(Some(self.timeout))?;
        socket.set_write_timeout(Some(self.timeout))?;
        let mut stream = Stream { socket, tls: None };
        if let Some(tls) = self.tls {
            stream.secure(tls, early)?;
        }
        Ok(stream)
    }

    /// The client's connection, if it is here already.
    fn accept_now(&self, transfer: &Transfer) -> Option<Arc<Socket>> {
        let Endpoint::Passive(listener) = &self.endpoint else { return None };
        listener.set_nonblocking(true).ok()?;
        let accepted = (0..BACKLOG).find_map(|_| self.accept_one(listener, transfer).transpose());
        listener.set_nonblocking(false).ok()?;
        let socket = accepted?.ok()?;
        socket.set_nonblocking(false).ok()?; // inherited on some systems
        Some(socket)
    }

    /// The client's connection, whoever comes before it.
    fn accept(&self, listener: &Arc<Socket>, transfer: &Transfer) -> io::Result<Arc<Socket>> {
        transfer.blocks_on(listener)?;
        let deadline = Instant::now() + self.timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            listener.set_read_timeout(Some(left))?; // holds for accept too
            if let Some(socket) = self.accept_one(listener, transfer)? {
                return Ok(socket);
            }
        }
    }

    /// Strangers who connect first are sent away; the client may still come.
    fn accept_one(
        &self,
        listener: &Socket,
        transfer: &Transfer,
    ) -> io::Result<Option<Arc<Socket>>> {
        let (socket, addr) = match listener.accept() {
            Err(err) if is_passing(&err) => return Ok(None),
            accepted => accepted?,
        };
        if addr.as_socket().is_none_or(|addr| addr.ip().to_canonical() != self.peer) {
            log::warn!("{}: a stranger came to the data port", transfer.title);
            return Ok(None);
        }
        let socket = Arc::new(socket);
        transfer.blocks_on(&socket)?;
        Ok(Some(socket))
    }

    fn connect(&self, addr: SocketAddr, transfer: &Transfer) -> io::Result<Arc<Socket>> {
        let socket = Arc::new(Socket::new(Domain::for_address(addr), Type::STREAM, None)?);
        socket.bind(&SocketAddr::new(self.local, 0).into())?; // the address the client knows
        transfer.blocks_on(&socket)?;
        socket.connect_timeout(&addr.into(), self.timeout)?;
        Ok(socket)
    }
}

/// Whether something has come that was not read yet.
fn has_spoken(socket: &Socket) -> bool {
    let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
    rustix::net::recv(socket, &mut [0; 1][..], flags).is_ok_and(|(n, _)| n > 0)
}

fn is_passing(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted)
}

/// A client that has had the last word of the handshake may hold a small file back until that is
/// acknowledged (Nagle's algorithm): 40 ms, where nothing is sent that could carry it.
fn acknowledge(socket: &Socket) {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_quickack(true); // only tunes
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _ = socket;
}

/// Of TLS 1.2 rustls does not tell the data; there the configuration lets no other session pass.
fn resumes(tls: &ServerConnection, session: &SessionId) -> bool {
    tls.handshake_kind() == Some(HandshakeKind::Resumed)
        && tls.received_resumption_data().is_none_or(|data| data == session)
}

/// An open data connection.
#[derive(Debug)]
pub(super) struct Stream {
    socket: Arc<Socket>,
    tls: Option<Box<ServerConnection>>,
}

impl Stream {
    fn secure(&mut self, mut how: Protection, early: Option<&dyn Fn()>) -> Result<(), Unopened> {
        if early.is_some() {
            // curl uses a ticket once, keeps only the last, and looks for a new one when it has
            // sent a file: without one its second upload could resume nothing.
            how.config.send_tls13_tickets = how.config.send_tls13_tickets.max(1);
        }
        let shaken = self.shaken(how.config, &how.session, early);
        let mut tls = shaken.map_err(Unopened::Tls)?;
        acknowledge(&self.socket);
        if how.must_resume && !resumes(&tls, &how.session) {
            tls.send_close_notify();
            _ = tls.complete_io(&mut &*self.socket); // it is refused either way
            return Err(Unopened::NotResumed);
        }
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    fn shaken(
        &self,
        config: ServerConfig,
        session: &SessionId,
        early: Option<&dyn Fn()>,
    ) -> io::Result<ServerConnection> {
        let mut tls = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        match early {
            None => self.shake_hands(&mut tls, session)?,
            Some(begin) => self.shake_hands_early(&mut tls, session, begin)?,
        }
        Ok(tls)
    }

    /// Who shakes hands before it is told to begin has its ticket before it begins; it looks for
    /// it once only, behind a file that may be small.
    fn shake_hands_early(
        &self,
        tls: &mut ServerConnection,
        session: &SessionId,
        begin: &dyn Fn(),
    ) -> io::Result<()> {
        let timeout = self.socket.read_timeout()?;
        self.socket.set_read_timeout(Some(EARLY))?;
        let shaken = self.shake_hands(tls, session);
        self.socket.set_read_timeout(timeout)?;
        begin();
        match shaken {
            Err(err) if is_timeout(&err) => self.shake_hands(tls, session), // it waits for the word
            shaken => shaken,
        }
    }

    fn shake_hands(&self, tls: &mut ServerConnection, session: &SessionId) -> io::Result<()> {
        while tls.is_handshaking() {
            self.say(tls)?;
            self.hear(tls, session)?;
        }
        self.say(tls)
    }

    /// New tickets carry the session's id only where one that did was shown.
    fn hear(&self, tls: &mut ServerConnection, session: &SessionId) -> io::Result<()> {
        if tls.read_tls(&mut &*self.socket)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Err(err) = tls.process_new_packets() {
            _ = tls.write_tls(&mut &*self.socket); // the alert that says why
            return Err(io::Error::other(err));
        }
        if tls.received_resumption_data() == Some(session) {
            tls.set_resumption_data(session);
        }
        Ok(())
    }

    fn say(&self, tls: &mut ServerConnection) -> io::Result<()> {
        while tls.wants_write() {
            tls.write_tls(&mut &*self.socket)?;
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
