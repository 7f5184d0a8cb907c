//! The server's side of TLS: one key for all sessions, and session tickets that only data connections
//! of the same user from the same address can resume.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use rustls::crypto::ring as provider;
use rustls::server::{ProducesTickets, StoresServerSessions};
use rustls::{ProtocolVersion, ServerConfig};

use super::logins::{OwnLogin, Resumable, SessionId};
use crate::net::certificate::{CertificateError, server_config};
use crate::threads::lock;

/// Tickets sent on a control connection: as many as clients keep.
const CONTROL_TICKETS: usize = 8;
/// Tickets sent on the data connection of a download.
const DOWNLOAD_TICKETS: usize = 2;
/// Tickets sent on the data connection of an upload, at its end: PHP's and Ruby's clients use each
/// ticket once and keep only the last one.
const UPLOAD_TICKETS: usize = 1;

/// A certificate with its key, and whether TLS and resumed sessions are required (RFC 4217).
#[derive(Clone, Debug)]
pub struct Tls {
    /// Shared by all clones, so that [`replace`](Self::replace) reaches them.
    config: Arc<Mutex<Arc<ServerConfig>>>,
    /// Whether logins and transfers without TLS are refused.
    pub is_required: bool,
    /// Whether a data connection must resume its control connection's TLS session: nobody else can.
    pub must_resume: bool,
}

impl Tls {
    /// Reads a certificate chain, the leaf first, and the private key of the leaf, both in PEM.
    ///
    /// # Errors
    /// When either file cannot be read, or the key does not belong to the certificate.
    pub fn new(certificates: &Path, key: &Path) -> Result<Self, CertificateError> {
        let mut config = server_config(certificates, key)?;
        // Some clients use a ticket only once. Downloads renew them; uploads need these.
        config.send_tls13_tickets = CONTROL_TICKETS;
        // A ticket contains the whole session, so the server stores nothing per ticket.
        config.ticketer =
            provider::Ticketer::new().map_err(|err| CertificateError::new("TLS", err))?;
        Ok(Tls {
            config: Arc::new(Mutex::new(Arc::new(config))),
            is_required: false,
            must_resume: true,
        })
    }

    /// Takes the certificate and key of `other` for all later connections, here and in all clones.
    /// Sessions that have begun go on, and their data connections resume them.
    pub fn replace(&self, other: &Tls) {
        let mut config = other.config();
        let mut current = lock(&self.config);
        config.ticketer = Arc::clone(&current.ticketer); // it decrypts the tickets of these sessions
        *current = Arc::new(config);
    }

    fn config(&self) -> ServerConfig {
        let config = Arc::clone(&lock(&self.config));
        (*config).clone()
    }

    /// The configuration for the control connection of `session`.
    pub(super) fn for_control(&self, session: &Resumable) -> ServerConfig {
        let mut config = self.config();
        config.session_storage = Arc::clone(&session.by_id);
        config
    }

    /// The configuration for a data connection of `session`, and the tickets that it accepts. Without
    /// the requirement to resume a session, those are the tickets of any.
    pub(super) fn for_data(
        &self,
        session: Resumable,
        login: Option<OwnLogin>,
        is_upload: bool,
    ) -> (ServerConfig, Arc<SessionTickets>) {
        let mut config = self.config();
        let tickets = Arc::new(SessionTickets {
            tickets: config.ticketer,
            session,
            login,
            is_own_only: self.must_resume,
            is_resumed: AtomicBool::new(false),
        });
        config.ticketer = Arc::clone(&tickets) as _;
        if self.must_resume {
            config.session_storage = Arc::clone(&tickets) as _;
        }
        config.send_tls13_tickets = if is_upload { UPLOAD_TICKETS } else { DOWNLOAD_TICKETS };
        (config, tickets)
    }
}

/// The tickets of one data connection. Stores no sessions.
#[derive(Debug)]
pub(super) struct SessionTickets {
    tickets: Arc<dyn ProducesTickets>,
    session: Resumable,
    /// The login, whose user's other sessions are accepted too.
    login: Option<OwnLogin>,
    /// Accepts and issues tickets of these sessions alone. Otherwise a stranger whose handshake on
    /// the data port succeeded before the refusal could resume the session the next time.
    is_own_only: bool,
    /// Whether the client has presented a ticket, or the id of its session, that was accepted.
    is_resumed: AtomicBool,
}

impl SessionTickets {
    /// The id of the control connection's session.
    pub(super) fn own_id(&self) -> &SessionId {
        &self.session.id
    }

    /// Whether `plain`, the contents of a ticket or the id alone, is that of a session that the data
    /// connection may resume.
    pub(super) fn is_own(&self, plain: &[u8]) -> bool {
        contains_id(plain, &self.session).is_some()
            || self.find_other(|other| contains_id(plain, other)).is_some()
    }

    fn is_accepted(&self, plain: &[u8]) -> bool {
        !self.is_own_only || self.is_own(plain)
    }

    fn find_other<T>(&self, pick: impl Fn(&Resumable) -> Option<T>) -> Option<T> {
        self.login.as_ref().and_then(|login| login.find_other(pick))
    }
}

fn contains_id(plain: &[u8], session: &Resumable) -> Option<()> {
    memchr::memmem::find(plain, &session.id).map(|_| ())
}

impl StoresServerSessions for SessionTickets {
    fn put(&self, _: Vec<u8>, _: Vec<u8>) -> bool {
        false
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        let mut stored = self.session.by_id.get(id);
        if stored.is_none() {
            stored = self.find_other(|other| other.by_id.get(id));
        }
        let session = stored?;
        self.is_resumed.store(true, Ordering::Relaxed);
        Some(session)
    }

    fn take(&self, _: &[u8]) -> Option<Vec<u8>> {
        None // TLS 1.3 without tickets
    }

    fn can_cache(&self) -> bool {
        false
    }
}

impl ProducesTickets for SessionTickets {
    /// With TLS 1.2, no ticket is sent in a handshake that resumes a session: clients keep the ticket
    /// they have (RFC 5077, 3.3), and OpenSSL's session cache would drop the session for a new one.
    /// rustls asks after it has read the client's ticket.
    fn enabled(&self) -> bool {
        let is_tls12 = self.session.version == Some(ProtocolVersion::TLSv1_2);
        self.tickets.enabled() && !(is_tls12 && self.is_resumed.load(Ordering::Relaxed))
    }

    fn lifetime(&self) -> u32 {
        self.tickets.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if self.is_accepted(plain) { self.tickets.encrypt(plain) } else { None }
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let plain = self.tickets.decrypt(cipher).filter(|plain| self.is_accepted(plain))?;
        self.is_resumed.store(true, Ordering::Relaxed);
        Some(plain)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::engines::ftp::logins::Logins;

    fn tickets(session: &Resumable, is_own_only: bool) -> SessionTickets {
        SessionTickets {
            tickets: provider::Ticketer::new().unwrap(),
            session: session.clone(),
            login: None,
            is_own_only,
            is_resumed: AtomicBool::new(false),
        }
    }

    fn plain(session: &Resumable) -> Vec<u8> {
        [b"more", &session.id[..]].concat()
    }

    #[test]
    fn tickets_of_other_sessions_are_refused() {
        let (own, other) = (Resumable::new().unwrap(), Resumable::new().unwrap());
        let bound = tickets(&own, true);
        let ticket = |session| bound.tickets.encrypt(&plain(session)).unwrap();
        assert_eq!(bound.decrypt(&ticket(&other)), None);
        assert_eq!(bound.encrypt(&plain(&other)), None);
        assert_eq!(bound.decrypt(&ticket(&own)), Some(plain(&own)));
        assert_eq!(bound.decrypt(&bound.encrypt(&plain(&own)).unwrap()), Some(plain(&own)));
        let any = tickets(&own, false);
        assert_eq!(any.decrypt(&any.encrypt(&plain(&other)).unwrap()), Some(plain(&other)));
    }

    #[test]
    fn sessions_of_the_same_user_and_address_are_shared_while_they_live() {
        let [own, other] = [(); 2].map(|()| Resumable::new().unwrap());
        let check = |user: &str, ip: [u8; 4], expected: bool| {
            let logins = Arc::new(Logins::default());
            let mut bound = tickets(&own, true);
            let login = logins.add([127, 0, 0, 1].into(), own.clone());
            login.set_user(Some("ann"));
            bound.login = Some(login);
            let login = logins.add(ip.into(), other.clone());
            thread::scope(|scope| {
                let is_own = scope.spawn(|| bound.is_own(&plain(&other)));
                login.set_user(Some(user)); // it waits for that
                assert_eq!(is_own.join().unwrap(), expected, "{user} {ip:?}");
            });
            drop(login);
            assert!(!bound.is_own(&plain(&other)) && bound.is_own(&plain(&own)));
        };
        check("ann", [127, 0, 0, 1], true);
        check("bob", [127, 0, 0, 1], false);
        check("ann", [127, 0, 0, 2], false);
    }

    #[test]
    fn only_tls_1_3_sends_tickets_in_a_resumed_handshake() {
        for (version, expected) in
            [(ProtocolVersion::TLSv1_2, false), (ProtocolVersion::TLSv1_3, true)]
        {
            let session = Resumable { version: Some(version), ..Resumable::new().unwrap() };
            let tickets = tickets(&session, true);
            assert!(tickets.enabled(), "{version:?}");
            let ticket = tickets.encrypt(&plain(&session)).unwrap();
            tickets.decrypt(&ticket).unwrap();
            assert_eq!(tickets.enabled(), expected, "{version:?}");
        }
    }
}
