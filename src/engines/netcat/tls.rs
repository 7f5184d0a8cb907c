//! TLS for both sides of a connection: whom a client trusts, and the certificate of a server.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};

use super::peer_stream::PeerStream;
use super::tls_session::TlsSession;
use super::verifiers::Verifier;
use crate::net::Stream;
use crate::net::certificate::{CertificateError, read_certificates, server_config};

/// How long a step of the handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Which servers a client trusts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Any: the connection is encrypted, to whomever.
    Anyone,
    /// Those whose certificate an authority of this system has signed for their name.
    System,
    /// Those whose certificate is in this file (PEM), or was signed by an authority in the file, and
    /// is for their name.
    File(PathBuf),
}

/// TLS for connections to servers.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    /// Whether a missing `close_notify` is an error: where the server is verified.
    is_strict: bool,
}

/// TLS for connections from clients.
#[derive(Clone, Debug)]
pub struct TlsServer {
    config: Arc<ServerConfig>,
}

impl TlsClient {
    /// Reads the certificates that `trust` names.
    ///
    /// # Errors
    /// When there are none, or they cannot be read.
    pub fn new(trust: &Trust) -> Result<Self, CertificateError> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|err| CertificateError::new("TLS", err))?;
        let config = match trust {
            Trust::Anyone => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier::of_any()))
            }
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::File(path) => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(trust_file(path)?))
            }
        };
        let config = Arc::new(config.with_no_client_auth());
        Ok(TlsClient { config, is_strict: *trust != Trust::Anyone })
    }

    /// Performs the handshake with the server called `name`, a host name or an IP address; no step of
    /// it may take longer than `timeout`, or ten seconds.
    ///
    /// # Errors
    /// When the handshake fails, and in particular when the server is not trusted.
    pub fn connect(
        &self,
        stream: Stream,
        name: &str,
        timeout: Option<Duration>,
    ) -> io::Result<PeerStream> {
        let invalid = |err| io::Error::other(format!("{name}: {err}"));
        let server = ServerName::try_from(name.to_owned()).map_err(invalid)?;
        let client = ClientConnection::new(Arc::clone(&self.config), server);
        let client = client.map_err(io::Error::other)?;
        let timeout = timeout.unwrap_or(HANDSHAKE_TIMEOUT);
        let tls = TlsSession::handshake(client.into(), &stream, timeout, self.is_strict)?;
        Ok(PeerStream::with_tls(stream, tls))
    }
}

impl TlsServer {
    /// Reads a certificate chain, the leaf first, and the private key of the leaf, both in PEM; they
    /// may be in one file.
    ///
    /// # Errors
    /// When either file cannot be read, or the key does not belong to the certificate.
    pub fn new(certificates: &Path, key: &Path) -> Result<Self, CertificateError> {
        let mut config = server_config(certificates, key)?;
        // A client that only sends would leave tickets unread, and its close would then reset the
        // connection, which may lose the end of what it sent.
        config.send_tls13_tickets = 0;
        Ok(TlsServer { config: Arc::new(config) })
    }

    /// Performs the handshake with a client; no step of it may take longer than `timeout`, or ten
    /// seconds.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn accept(&self, stream: Stream, timeout: Option<Duration>) -> io::Result<PeerStream> {
        let server = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        let timeout = timeout.unwrap_or(HANDSHAKE_TIMEOUT);
        let tls = TlsSession::handshake(server.into(), &stream, timeout, false)?;
        Ok(PeerStream::with_tls(stream, tls))
    }
}

fn trust_file(path: &Path) -> Result<Verifier, CertificateError> {
    Verifier::of_file(read_certificates(path)?)
        .map_err(|err| CertificateError::new(path.display(), err))
}

/// The authorities that this system trusts. Those that rustls cannot use are left out.
fn system_roots() -> Result<RootCertStore, CertificateError> {
    let loaded = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (n_added, _) = roots.add_parsable_certificates(loaded.certs);
    if n_added > 0 {
        return Ok(roots);
    }
    let cause = loaded.errors.first().map(ToString::to_string);
    Err(CertificateError::new(
        "trusted certificates",
        cause.unwrap_or_else(|| "none found".to_owned()),
    ))
}
