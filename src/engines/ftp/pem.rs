//! Private keys and certificates that cannot be used: what they are, and what to do.

use memchr::memmem;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

/// What to do about an encrypted key.
const ENCRYPTED: &str = "the key is encrypted; `openssl pkey -in KEY -out NEW` writes it decrypted, \
    to be readable by the server alone";
/// What to do about a key on the curve P-521.
const P521: &str = "the key is on the curve P-521, which is not supported; use a key on P-256 or \
    P-384, an Ed25519 or an RSA key";
/// What to do about an X.509 certificate of version 1.
pub(super) const VERSION_1: &str = "an X.509 certificate of version 1, which is not supported; \
    `openssl req -x509 -addext subjectAltName=DNS:HOST -key KEY` makes one of version 3";
/// How the two forms of an encrypted key begin (RFC 7468, 11, and RFC 1421, 4.6.1.1).
const ENCRYPTED_MARKS: [&[u8]; 2] =
    [b"-----BEGIN ENCRYPTED PRIVATE KEY-----", b"Proc-Type: 4,ENCRYPTED"];
/// The object identifier of P-521, 1.3.132.0.35 (RFC 5480, 2.1.1.1), in DER.
const P521_OID: &[u8] = b"\x06\x05\x2b\x81\x04\x00\x23";
/// The tag of a SEQUENCE in DER.
const SEQUENCE: u8 = 0x30;
/// The tag of the version in a certificate (RFC 5280, 4.1).
const VERSION: u8 = 0xa0;

/// The first private key in `pem`.
///
/// # Errors
/// When there is none, or it cannot be used.
pub(super) fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, &'static str> {
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
pub(super) fn is_version_1(certificate: &[u8]) -> bool {
    let version = sequence(certificate).and_then(sequence).and_then(<[u8]>::first);
    version.is_some_and(|tag| *tag != VERSION)
}

/// What is inside a SEQUENCE, as far as `der` goes.
fn sequence(der: &[u8]) -> Option<&[u8]> {
    let &[SEQUENCE, len, ref rest @ ..] = der else { return None };
    let n_long = if len < 0x80 { 0 } else { usize::from(len & 0x7f) }; // bytes of a long length
    rest.get(n_long..)
}
