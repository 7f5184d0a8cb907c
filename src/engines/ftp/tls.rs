//! The server's side of TLS: one key for all sessions, and session tickets that only their own
//! control connection's data connections can resume.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ring::rand::{SecureRandom, SystemRandom};
use rustls::ServerConfig;
use rustls::crypto::ring as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

/// Tickets sent on a control connection: as many as clients keep.
const CONTROL_TICKETS: usize = 8;
/// Tickets sent on the data connection of a download.
const DOWNLOAD_TICKETS: usize = 2;

/// A certificate with its key, and whether TLS and resumed sessions are required (RFC 4217).
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    /// Whether logins and transfers without TLS are refused.
    pub is_required: bool,
    /// Whether a data connection must resume its control connection's TLS session: nobody else can.
    pub must_resume: bool,
}

/// A certificate or key file that could not be used, and why.
#[derive(Debug)]
pub struct Error {
    path: PathBuf,
    cause: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

impl std::error::Error for Error {}

impl Tls {
    /// Reads a certificate chain, the leaf first, and the private key of the leaf, both in PEM.
    ///
    /// # Errors
    /// When either file cannot be read, or the key does not belong to the certificate.
    pub fn new(certificates: &Path, key: &Path) -> Result<Self, Error> {
        let error = |path: &Path, cause: String| Error { path: path.to_owned(), cause };
        let chain = CertificateDer::pem_file_iter(certificates)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|err| error(certificates, err.to_string()))?;
        let secret =
            PrivateKeyDer::from_pem_file(key).map_err(|err| error(key, err.to_string()))?;
        let config = config(chain, secret).map_err(|err| error(certificates, err.to_string()))?;
        Ok(Tls { config: Arc::new(config), is_required: false, must_resume: true })
    }

    /// The configuration for the control connection of `session`.
    pub(super) fn for_control(&self, session: &Resumable) -> ServerConfig {
        let mut config = (*self.config).clone();
        config.session_storage = Arc::clone(&session.by_id);
        config
    }

    /// The configuration for a data connection of `session`.
    ///
    /// A client that only writes does not read new tickets. Closing with them unread resets the
    /// connection and may lose the end of the file, so no tickets are sent on uploads, unless the
    /// client does the handshake before the transfer is announced.
    pub(super) fn for_data(&self, session: Resumable, is_upload: bool) -> ServerConfig {
        let mut config = (*self.config).clone();
        // Without the requirement, the tickets of any session are accepted.
        if self.must_resume {
            let tickets = Arc::new(SessionTickets {
                tickets: config.ticketer,
                session,
                accepted: None.into(),
            });
            config.ticketer = Arc::clone(&tickets) as _;
            config.session_storage = tickets;
        }
        config.send_tls13_tickets = if is_upload { 0 } else { DOWNLOAD_TICKETS };
        config
    }
}

/// A random number that identifies a session in its tickets.
pub(super) type SessionId = [u8; 16];

/// A control connection's TLS session, as its data connections may resume it.
#[derive(Clone, Debug)]
pub(super) struct Resumable {
    pub(super) id: SessionId,
    /// The session by its id, for clients that use no tickets (curl with TLS 1.2).
    by_id: Arc<dyn StoresServerSessions>,
}

impl Resumable {
    /// A new session with a random id.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut id = SessionId::default();
        let filled = SystemRandom::new().fill(&mut id);
        filled.map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        Ok(Resumable { id, by_id: ServerSessionMemoryCache::new(1) })
    }
}

/// Accepts and issues tickets of `session` alone, and stores no sessions. Otherwise a stranger whose
/// handshake on the data port succeeded before the refusal could resume that session the next time.
#[derive(Debug)]
struct SessionTickets {
    tickets: Arc<dyn ProducesTickets>,
    session: Resumable,
    /// The decrypted contents of the last accepted ticket.
    accepted: Mutex<Option<Vec<u8>>>,
}

impl StoresServerSessions for SessionTickets {
    fn put(&self, _: Vec<u8>, _: Vec<u8>) -> bool {
        false
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        self.session.by_id.get(id)
    }

    fn take(&self, _: &[u8]) -> Option<Vec<u8>> {
        None // TLS 1.3 without tickets
    }

    fn can_cache(&self) -> bool {
        false
    }
}

impl ProducesTickets for SessionTickets {
    fn enabled(&self) -> bool {
        self.tickets.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.tickets.lifetime()
    }

    /// With TLS 1.2, rustls asks for a ticket before it knows the session's id. Then the contents of
    /// the accepted ticket are encrypted again: without a new ticket, Go's client would forget the
    /// one it has. An eavesdropper who copied the accepted ticket lacks its secret.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if memchr::memmem::find(plain, &self.session.id).is_some() {
            return self.tickets.encrypt(plain);
        }
        self.tickets.encrypt(self.accepted.lock().ok()?.as_ref()?)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let plain = self.tickets.decrypt(cipher)?;
        memchr::memmem::find(&plain, &self.session.id)?;
        *self.accepted.lock().ok()? = Some(plain.clone());
        Some(plain)
    }
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Some clients use a ticket only once. Downloads renew them; uploads need these.
    config.send_tls13_tickets = CONTROL_TICKETS;
    // A ticket contains the whole session, so the server stores nothing per ticket.
    config.ticketer = provider::Ticketer::new()?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_of_other_sessions_are_refused() {
        let tickets = provider::Ticketer::new().unwrap();
        let (own, other) = (Resumable::new().unwrap(), Resumable::new().unwrap());
        let bound = SessionTickets {
            tickets: Arc::clone(&tickets),
            session: own.clone(),
            accepted: None.into(),
        };
        let plain = |session: &Resumable| [b"more", &session.id[..]].concat();
        let accepted = tickets.encrypt(&plain(&own)).unwrap();
        assert_eq!(bound.decrypt(&tickets.encrypt(&plain(&other)).unwrap()), None);
        assert_eq!(bound.encrypt(b"of TLS 1.2"), None); // no ticket was accepted yet
        assert_eq!(bound.encrypt(&plain(&other)), None);
        assert_eq!(bound.decrypt(&accepted), Some(plain(&own)));
        let again = bound.encrypt(b"of TLS 1.2").unwrap();
        assert_eq!(tickets.decrypt(&again), Some(plain(&own)));
    }
}
