//! The TLS handshake of a data connection, which must resume the session of its control connection.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};
use socket2::Socket;

use crate::engines::ftp::reply::ReplyError;
use crate::engines::ftp::ticket_time::{TicketTime, UploadTicket};
use crate::engines::ftp::tls::SessionTickets;
use crate::net::is_timeout;

/// How long to continue a handshake that the client began before the transfer was announced. A client
/// that waits for the announcement in the middle of the handshake gets it then.
const EARLY_HANDSHAKE_TIMEOUT: Duration = Duration::from_millis(500);

/// How a data connection is protected.
#[derive(Debug)]
pub(crate) struct Protection {
    pub(crate) config: ServerConfig,
    /// The tickets that it may resume.
    pub(crate) tickets: Arc<SessionTickets>,
    /// Whether the data connection must resume one of them.
    pub(crate) must_resume: bool,
    pub(crate) is_upload: bool,
    /// When the ticket of an upload is sent.
    pub(crate) ticket_time: Arc<TicketTime>,
}

/// A socket, and the TLS connection on it.
#[derive(Debug)]
pub(super) struct Secured {
    pub(super) socket: Arc<Socket>,
    pub(super) tls: Box<ServerConnection>,
    /// The ticket of an upload, if sessions must be resumed and the handshake began early.
    pub(super) ticket: Option<UploadTicket>,
}

/// A handshake under way.
#[derive(Debug)]
pub(super) struct Handshake {
    socket: Arc<Socket>,
    tls: Box<ServerConnection>,
    tickets: Arc<SessionTickets>,
    must_resume: bool,
    /// When it has taken too long.
    deadline: Instant,
    /// Whether tickets of TLS 1.3 are sent at the end of the client's data, not now. A client that
    /// only writes does not read them, and closing with unread input resets its connection, which
    /// may lose the end of the file.
    delays_tickets: bool,
    /// What the ticket's time depends on, if the handshake began early.
    ticket_time: Option<Arc<TicketTime>>,
    ticket: Option<UploadTicket>,
}

impl Handshake {
    pub(super) fn new(
        socket: Arc<Socket>,
        protection: Protection,
        deadline: Instant,
    ) -> io::Result<Self> {
        let Protection { config, tickets, must_resume, is_upload, ticket_time: _ } = protection;
        let tls = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
        Ok(Handshake {
            socket,
            tls: Box::new(tls),
            tickets,
            must_resume,
            deadline,
            delays_tickets: is_upload,
            ticket_time: None,
            ticket: None,
        })
    }

    /// Does what is possible of a handshake that the client has begun before the transfer is
    /// announced. Where sessions must be resumed, the client may need an upload's ticket now.
    pub(super) fn begin_early(
        socket: Arc<Socket>,
        protection: Protection,
        deadline: Instant,
    ) -> io::Result<Self> {
        let early = Instant::now() + EARLY_HANDSHAKE_TIMEOUT;
        let time = Some(Arc::clone(&protection.ticket_time)).filter(|_| protection.must_resume);
        let mut handshake = Handshake::new(socket, protection, early.min(deadline))?;
        let ticket = time.as_ref().filter(|_| handshake.delays_tickets).map(TicketTime::next);
        handshake.delays_tickets &= !ticket.as_ref().is_some_and(|ticket| ticket.is_early);
        (handshake.ticket_time, handshake.ticket) = (time, ticket);
        let result = handshake.run();
        handshake.deadline = deadline;
        match result {
            Err(err) if !is_timeout(&err) => Err(err),
            _ => Ok(handshake),
        }
    }

    /// Completes the handshake. Returns `None` if it did not resume a session and must.
    ///
    /// # Errors
    /// 522 when the handshake fails.
    pub(super) fn complete(mut self) -> Result<Option<Secured>, ReplyError> {
        self.run().map_err(|err| ReplyError::handshake(&err))?;
        acknowledge(&self.socket);
        if self.must_resume && !resumes(&self.tls, &self.tickets) {
            if let Some(time) = &self.ticket_time {
                time.record_missing();
            }
            self.tls.send_close_notify();
            _ = self.tls.complete_io(&mut &*self.socket); // the connection is refused in any case
            return Ok(None);
        }
        let Handshake { socket, tls, ticket, .. } = self;
        Ok(Some(Secured { socket, tls, ticket }))
    }

    fn run(&mut self) -> io::Result<()> {
        while self.tls.is_handshaking() {
            self.write_tls()?;
            self.read_tls()?;
        }
        if self.delays_tickets && self.tls.protocol_version() == Some(ProtocolVersion::TLSv1_3) {
            return Ok(()); // nothing else is left to send
        }
        self.write_tls()
    }

    /// New tickets carry the session's id only if the client has presented one that did.
    fn read_tls(&mut self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.socket.set_read_timeout(Some(left))?;
        if self.tls.read_tls(&mut &*self.socket)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if let Err(err) = self.tls.process_new_packets() {
            _ = self.tls.write_tls(&mut &*self.socket); // the alert that tells the client why
            return Err(io::Error::other(err));
        }
        if self.tls.received_resumption_data().is_some_and(|data| self.tickets.is_own(data)) {
            self.tls.set_resumption_data(self.tickets.own_id());
        }
        Ok(())
    }

    fn write_tls(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            self.tls.write_tls(&mut &*self.socket)?;
        }
        Ok(())
    }
}

/// Acknowledges the end of the handshake at once. A client with Nagle's algorithm holds a small file
/// back until then: 40 ms, where the server sends nothing that could carry the acknowledgement.
fn acknowledge(socket: &Socket) {
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _ = socket.set_tcp_quickack(true); // only tunes
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _ = socket;
}

/// With TLS 1.2, rustls does not give the resumption data; there the configuration accepts no other
/// session.
fn resumes(tls: &ServerConnection, tickets: &SessionTickets) -> bool {
    tls.handshake_kind() == Some(HandshakeKind::Resumed)
        && tls.received_resumption_data().is_none_or(|data| tickets.is_own(data))
}
