//! How requests are made.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{Certificate, PemItem, parse_pem};

use super::cookies::Cookies;
use super::proxies::Proxies;

/// How requests are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// Maximum time from looking up the host to the last byte of the body.
    pub timeout: Duration,
    /// Maximum size of a body in bytes, after decompression.
    pub body_max: u64,
    /// Maximum number of idle connections kept open to one host.
    pub n_idle: usize,
    /// The User-Agent header.
    pub user_agent: String,
    /// Names and values of further headers.
    pub headers: Vec<(String, String)>,
    /// The certificate authorities to trust instead of those that Mozilla trusts.
    pub authorities: Option<Authorities>,
    /// Whether certificates are accepted without being checked.
    pub is_insecure: bool,
    /// The cookies to begin with.
    pub cookies: Cookies,
    /// Which requests go through a proxy.
    pub proxies: Proxies,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            timeout: Duration::from_secs(30),
            body_max: 10 << 20,
            n_idle: 20,
            user_agent: concat!("threadbare/", env!("CARGO_PKG_VERSION")).to_owned(),
            headers: Vec::new(),
            authorities: None,
            is_insecure: false,
            cookies: Cookies::default(),
            proxies: Proxies::default(),
        }
    }
}

/// Certificates of trusted authorities.
#[derive(Clone, Debug)]
pub struct Authorities(pub(super) Arc<Vec<Certificate<'static>>>);

/// Reads the certificates of authorities from the PEM file `path`.
///
/// # Errors
/// When the file cannot be read or contains no certificate.
pub fn read_authorities(path: &str) -> Result<Authorities, String> {
    let pem = fs::read(path).map_err(|err| err.to_string())?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|err| err.to_string())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err("the file contains no certificate".to_owned());
    }
    Ok(Authorities(Arc::new(certificates)))
}
