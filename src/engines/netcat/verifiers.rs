//! Which certificates of servers a client accepts, beside rustls's own rule.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

/// Accepts servers' certificates by one of two rules. Whatever the certificate, the handshake proves
/// that the server has its key.
#[derive(Debug)]
pub(super) struct Verifier {
    provider: CryptoProvider,
    /// Without a file, the certificate of any server is accepted.
    file: Option<TrustFile>,
}

/// Certificates of a file, and those that they have signed, if they are for the server's name. A
/// self-signed certificate is often marked as an authority's, which rustls alone would refuse.
#[derive(Debug)]
struct TrustFile {
    certificates: Vec<CertificateDer<'static>>,
    authorities: Arc<WebPkiServerVerifier>,
}

impl Verifier {
    /// Accepts any certificate.
    pub(super) fn of_any() -> Self {
        Verifier { provider: ring::default_provider(), file: None }
    }

    /// Accepts these certificates, and those that they have signed.
    pub(super) fn of_file(certificates: Vec<CertificateDer<'static>>) -> Result<Self, String> {
        let provider = ring::default_provider();
        let mut roots = RootCertStore::empty();
        for certificate in &certificates {
            roots.add(certificate.clone()).map_err(|err| err.to_string())?;
        }
        let (roots, shared) = (Arc::new(roots), Arc::new(provider.clone()));
        let authorities = WebPkiServerVerifier::builder_with_provider(roots, shared).build();
        let authorities = authorities.map_err(|err| err.to_string())?;
        Ok(Verifier { provider, file: Some(TrustFile { certificates, authorities }) })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.file {
            None => Ok(ServerCertVerified::assertion()),
            Some(file) if file.certificates.contains(certificate) => {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            Some(TrustFile { authorities, .. }) => {
                authorities.verify_server_cert(certificate, intermediates, name, ocsp, now)
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
