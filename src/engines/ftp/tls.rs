//! The server's side of TLS: one key for all sessions, and what each of them alone may resume.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use ring::rand::{SecureRandom, SystemRandom};
use rustls::ServerConfig;
use rustls::crypto::ring as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions};

/// Tickets that a client gets at its login: as many as clients keep.
const TICKETS: usize = 8;
/// Tickets that come with a download.
const TICKETS_MORE: usize = 2;

/// How TLS is offered.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ServerConfig>,
    /// Nobody logs in, and nothing is transferred, without it.
    pub is_required: bool,
    /// A data connection must resume its control connection's TLS session.
    pub must_resume: bool,
}

/// Which file could not be used, and why.
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
    /// Reads a chain of certificates and the key of the first, both as PEM.
    ///
    /// # Errors
    /// When either file cannot be read, or they do not belong together.
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

    /// For the control connection of that session.
    pub(super) fn for_control(&self, session: &Resumable) -> ServerConfig {
        let mut config = (*self.config).clone();
        config.session_storage = Arc::clone(&session.by_id);
        config
    }

    /// For a data connection of that session.
    ///
    /// A client that only writes would not read new tickets, and close with them unread: that
    /// resets the connection, and may lose the end of the file. So an upload brings none, but to
    /// who shakes hands before it is told to begin.
    pub(super) fn for_data(&self, session: Resumable, is_upload: bool) -> ServerConfig {
        let mut config = (*self.config).clone();
        // Where nothing must be resumed, any ticket will do.
        if self.must_resume {
            let bound = Arc::new(Bound { tickets: config.ticketer, session, shown: None.into() });
            config.ticketer = Arc::clone(&bound) as _;
            config.session_storage = bound;
        }
        config.send_tls13_tickets = if is_upload { 0 } else { TICKETS_MORE };
        config
    }
}

/// What the tickets of one session carry. Nobody else can make one up, or guess it.
pub(super) type SessionId = [u8; 16];

/// A control connection's TLS session, as its data connections may resume it.
#[derive(Clone, Debug)]
pub(super) struct Resumable {
    pub(super) id: SessionId,
    /// For who uses no tickets, as curl with TLS 1.2: the one session of this login.
    by_id: Arc<dyn StoresServerSessions>,
}

impl Resumable {
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut id = SessionId::default();
        let filled = SystemRandom::new().fill(&mut id);
        filled.map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        Ok(Resumable { id, by_id: ServerSessionMemoryCache::new(1) })
    }
}

/// Takes and makes tickets of `session` alone, and stores nothing. If it did, whoever shook hands
/// on the data port and was then refused would have something to resume the next time.
#[derive(Debug)]
struct Bound {
    tickets: Arc<dyn ProducesTickets>,
    session: Resumable,
    /// What the last ticket says that was taken.
    shown: Mutex<Option<Vec<u8>>>,
}

impl StoresServerSessions for Bound {
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

impl ProducesTickets for Bound {
    fn enabled(&self) -> bool {
        self.tickets.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.tickets.lifetime()
    }

    /// With TLS 1.2 rustls asks for a ticket before it can be told the session's id. Then the same
    /// again does: without any, Go's client would forget the one it has. Who has only seen it pass
    /// by lacks the secret that belongs to it.
    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if memchr::memmem::find(plain, &self.session.id).is_some() {
            return self.tickets.encrypt(plain);
        }
        self.tickets.encrypt(self.shown.lock().ok()?.as_ref()?)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let plain = self.tickets.decrypt(cipher)?;
        memchr::memmem::find(&plain, &self.session.id)?;
        *self.shown.lock().ok()? = Some(plain.clone());
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
    // Some clients use a ticket once only. Downloads bring new ones; these are for uploads.
    config.send_tls13_tickets = TICKETS;
    // A ticket holds all of its session: however many are used, none runs out here.
    config.ticketer = provider::Ticketer::new()?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_are_of_one_session() {
        let tickets = provider::Ticketer::new().unwrap();
        let (own, other) = (Resumable::new().unwrap(), Resumable::new().unwrap());
        let bound =
            Bound { tickets: Arc::clone(&tickets), session: own.clone(), shown: None.into() };
        let plain = |session: &Resumable| [b"more", &session.id[..]].concat();
        let shown = tickets.encrypt(&plain(&own)).unwrap();
        assert_eq!(bound.decrypt(&tickets.encrypt(&plain(&other)).unwrap()), None);
        assert_eq!(bound.encrypt(b"of TLS 1.2"), None); // to who has shown none, none
        assert_eq!(bound.encrypt(&plain(&other)), None);
        assert_eq!(bound.decrypt(&shown), Some(plain(&own)));
        let again = bound.encrypt(b"of TLS 1.2").unwrap();
        assert_eq!(tickets.decrypt(&again), Some(plain(&own)));
    }
}
