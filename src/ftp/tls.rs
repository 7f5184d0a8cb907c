//! The server's side of TLS: one configuration for all sessions, whose tickets carry the session.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Tickets that a client gets at its login: as many as clients keep.
const TICKETS: usize = 8;

/// How TLS is offered.
#[derive(Clone, Debug)]
pub struct Tls {
    pub(super) config: Arc<ServerConfig>,
    /// The same, but no new tickets are sent. A client that only writes would not read them, and
    /// close with them unread: that resets the connection, and may lose the end of the file.
    pub(super) silent: Arc<ServerConfig>,
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
        let silent = ServerConfig { send_tls13_tickets: 0, ..config.clone() };
        let (config, silent) = (Arc::new(config), Arc::new(silent));
        Ok(Tls { config, silent, is_required: false, must_resume: true })
    }
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ServerConfig, rustls::Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    // Some clients use a ticket once only. Downloads bring new ones; these are for uploads.
    config.send_tls13_tickets = TICKETS;
    // A ticket holds all of its session: however many are used, none runs out here.
    config.ticketer = ring::Ticketer::new()?;
    Ok(config)
}
