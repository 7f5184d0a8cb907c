//! The certificate of a TLS server and its private key, read from PEM files. For those that cannot be
//! used, the error says what they are and what to do.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, fs};

use memchr::memmem;
use rustls::ServerConfig;
use rustls::crypto::ring as provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What to do about an encrypted key.
const ENCRYPTED: &str = "the key is encrypted; `openssl pkey -in KEY -out NEW` writes it decrypted, \
    to be readable by the server alone";
/// What to do about a key on the curve P-521.
const P521: &str = "the key is on the curve P-521, which is not supported; use a key on P-256 or \
    P-384, an Ed25519 or an RSA key";
/// What to do about an X.509 certificate of version 1.
const VERSION_1: &str = "an X.509 certificate of version 1, which is not supported; `openssl req -x509 \
    -addext subjectAltName=DNS:HOST -key KEY` makes one of version 3";
/// How the two forms of an encrypted key begin (RFC 7468, 11, and RFC 1421, 4.6.1.1).
const ENCRYPTED_MARKS: [&[u8]; 2] =
    [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
/// The object identifier of P-521, 1.3.132.0.35 (RFC 5480, 2.1.1.1), in DER.
const P521_OID: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x23";
/// The tag of a SEQUENCE in DER.
const SEQUENCE: u8 = 0x30;
/// The tag of the version in a certificate (RFC 5280, 4.1).
const VERSION: u8 = 0xa0;

/// A certificate or key that could not be used, and why.
#[derive(Debug)]
pub struct CertificateError {
    subject: String,
    cause: String,
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.subject, self.cause)
    }
}

impl std::error::Error for CertificateError {}

impl CertificateError {
    /// An error about `subject`, mostly the name of a file.
    pub fn new(subject: impl fmt::Display, cause: impl fmt::Display) -> Self {
        CertificateError { subject: subject.to_string(), cause: cause.to_string() }
    }
}

/// The configuration of a server with the certificate chain in `chain`, the leaf first, and the private
/// key of the leaf in `key`, both in PEM; they may be one file. Clients need no certificates.
///
/// # Errors
/// When either file cannot be read, or the key does not belong to the certificate.
pub fn server_config(chain: &Path, key: &Path) -> Result<ServerConfig, CertificateError> {
    let certificates = read_certificates(chain)?;
    let secret = read_private_key(key)?;
    if certificates.first().is_some_and(|leaf| is_version_1(leaf)) {
        return Err(CertificateError::new(chain.display(), VERSION_1));
    }
    let config = ServerConfig::builder_with_provider(Arc::new(provider::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(certificates, secret));
    config.map_err(|err| CertificateError::new(chain.display(), err))
}

/// Reads all certificates of a file in PEM.
///
/// # Errors
/// When the file cannot be read, or there is none in it.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let pem = read(path)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => {
            Err(CertificateError::new(path.display(), "no certificate in PEM"))
        }
        certificates => certificates.map_err(|err| CertificateError::new(path.display(), err)),
    }
}

fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    private_key(&read(path)?).map_err(|cause| CertificateError::new(path.display(), cause))
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|err| CertificateError::new(path.display(), err))
}

/// The first private key in `pem`.
fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
    if ENCRYPTED_MARKS.iter().any(|mark| memmem::find(pem, mark).is_some()) {
        return Err(ENCRYPTED);
    }
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| "no private key in PEM")?;
    if memmem::find(key.secret_der(), P521_OID).is_some() {
        return Err(P521);
    }
    Ok(key)
}

/// Whether a certificate in DER has no version, which means version 1.
fn is_version_1(certificate: &[u8]) -> bool {
    let version = sequence(certificate).and_then(sequence).and_then(<[u8]>::first);
    version.is_some_and(|tag| *tag != VERSION)
}

/// What is inside a SEQUENCE, as far as `der` goes.
fn sequence(der: &[u8]) -> Option<&[u8]> {
    let &[SEQUENCE, len, ref rest @ ..] = der else { return None };
    let n_long = if len < 0x80 { 0 } else { usize::from(len & 0x7f) }; // bytes of a long length
    rest.get(n_long..)
}
