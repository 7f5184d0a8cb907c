//! GET requests with ureq: connections are kept open, and time and size of a response are bounded.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::{HeaderName, HeaderValue, StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, DefaultConnector, NextTimeout};

use super::encoding;
use super::response_head::HeadMender;
use super::urls;
use crate::threads::lock;

/// The error of a body that is larger than [`Options::body_max`].
pub const TOO_LARGE: &str = "the body is too large";

/// The longest body that is read only to keep its connection, in bytes: a new connection costs more.
const DISCARDED_MAX: u64 = 64 << 10;

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
        }
    }
}

/// Certificates of trusted authorities.
#[derive(Clone, Debug)]
pub struct Authorities(Arc<Vec<Certificate<'static>>>);

/// An HTTP client; clones share its connections, so every thread can have one.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    headers: Vec<(String, String)>,
    /// The origins that the headers are sent to; `None` for all.
    header_origins: Option<Arc<[String]>>,
    body_max: u64,
}

/// Why there is no response, or only a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    cause: String,
    /// Whether another attempt may succeed.
    pub is_temporary: bool,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Error {}

/// A response whose head has been read; its body follows through [`read`](Response::read).
pub struct Response {
    /// The status code.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    body: Box<dyn Read + Send + Sync>,
    /// How many bytes of the body may still be read.
    n_left: u64,
}

impl Client {
    /// A client without open connections.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let authorities = options.authorities.clone();
        let roots =
            authorities.map_or(RootCerts::WebPki, |authorities| RootCerts::Specific(authorities.0));
        let config = Config::builder()
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(options.timeout))
            .max_idle_connections_per_host(options.n_idle)
            .max_idle_connections(4 * options.n_idle)
            .user_agent(&options.user_agent)
            .accept_encoding(encoding::ACCEPTED)
            .build();
        let connector = DefaultConnector::default().chain(HeadMender);
        let agent = Agent::with_parts(config, connector, AddressCache::default());
        let (headers, body_max) = (options.headers.clone(), options.body_max);
        Client { agent, headers, header_origins: None, body_max }
    }

    /// The same client, which sends [`Options::headers`] to these origins only: they may hold
    /// credentials.
    #[must_use]
    pub fn with_header_origins(self, origins: Vec<String>) -> Self {
        Client { header_origins: Some(origins.into()), ..self }
    }

    /// Requests `url`. Redirects are not followed, and every status is a success.
    ///
    /// If the connection turns out to be closed, the request is made once more: servers close idle
    /// connections at any moment.
    ///
    /// # Errors
    /// When there is no response within the timeout.
    pub fn get(&self, url: &str) -> Result<Response, Error> {
        let first = self.try_get(url);
        if matches!(&first, Err(ureq::Error::Io(err)) if is_closed(err.kind())) {
            return self.try_get(url).map_err(Error::from);
        }
        first.map_err(Error::from)
    }

    fn try_get(&self, url: &str) -> Result<Response, ureq::Error> {
        let mut request = self.agent.get(url);
        if self.sends_headers_to(url) {
            for (name, value) in &self.headers {
                request = request.header(name, value);
            }
        }
        let (head, body) = request.call()?.into_parts();
        let (status, headers) = (head.status.as_u16(), head.headers);
        let mut response =
            Response { status, headers, body: Box::new(io::empty()), n_left: self.body_max };
        let content_encoding = response.header("content-encoding").unwrap_or_default();
        response.body = encoding::decoded(Box::new(body.into_reader()), &content_encoding)
            .unwrap_or_else(|reason| Box::new(Unreadable(reason)));
        Ok(response)
    }

    fn sends_headers_to(&self, url: &str) -> bool {
        let Some(origins) = self.header_origins.as_ref().filter(|_| !self.headers.is_empty())
        else {
            return true;
        };
        origins.iter().any(|origin| origin == urls::origin(url))
    }

    /// Ends all requests of this client and its clones; later ones fail.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }
}

/// A body that cannot be decoded, and why.
struct Unreadable(String);

impl Read for Unreadable {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::new(ErrorKind::Unsupported, self.0.clone()))
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

impl Response {
    /// The value of the first header of that name; bytes that are not UTF-8 become U+FFFD.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The Location header as a URL reference: its bytes outside ASCII are percent-encoded, so that
    /// the server gets back what it sent, in whatever encoding that is.
    #[must_use]
    pub fn location(&self) -> Option<String> {
        let bytes = self.headers.get("location")?.as_bytes();
        let char = |&byte: &u8| match byte {
            byte if byte.is_ascii() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        };
        Some(bytes.iter().map(char).collect())
    }

    /// The Content-Type without its parameters, in lower case; empty if the header is missing.
    #[must_use]
    pub fn mime(&self) -> String {
        let value = self.headers.get("content-type").map(HeaderValue::as_bytes);
        let mime = value.unwrap_or_default().split(|&byte| byte == b';').next();
        String::from_utf8_lossy(mime.unwrap_or_default()).trim().to_ascii_lowercase()
    }

    /// Reads the next bytes of the body. Returns their number, 0 at the end.
    ///
    /// # Errors
    /// When the connection breaks, the timeout is over, or the body is larger than
    /// [`body_max`](Options::body_max).
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        loop {
            return match self.body.read(buf) {
                Ok(n) if n as u64 > self.n_left => {
                    Err(Error { cause: TOO_LARGE.to_owned(), is_temporary: false })
                }
                Ok(n) => {
                    self.n_left -= n as u64;
                    Ok(n)
                }
                Err(err) if err.kind() == ErrorKind::Interrupted => continue,
                Err(err) => Err(ureq::Error::from(err).into()),
            };
        }
    }
}

impl Response {
    /// Reads the body and discards it if it is short, because a connection with unread bytes cannot
    /// be used for another request.
    pub fn discard(&mut self, buf: &mut [u8]) {
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        if length.is_some_and(|length: u64| length <= DISCARDED_MAX) {
            while matches!(self.read(buf), Ok(1..)) {}
        }
    }
}

impl From<ureq::Error> for Error {
    fn from(err: ureq::Error) -> Self {
        let is_temporary = match &err {
            // This is how TLS reports an invalid certificate.
            ureq::Error::Io(err) => err.kind() != ErrorKind::InvalidData,
            // A timeout is not retried: a server that hangs would cost one timeout per attempt.
            _ => false,
        };
        let cause = match err {
            ureq::Error::Io(err) if err.kind() == ErrorKind::UnexpectedEof => {
                "the server closed the connection".to_owned()
            }
            ureq::Error::Io(err) => err.to_string(),
            ureq::Error::Timeout(_) => "timed out".to_owned(),
            err => err.to_string(),
        };
        Error { cause, is_temporary }
    }
}

/// Checks name and value of a header and returns both.
///
/// # Errors
/// When one contains a character that is not allowed in a header (RFC 9110, 5.1 and 5.5).
pub fn check_header(name: &str, value: &str) -> Result<(String, String), String> {
    HeaderName::try_from(name).map_err(|err| err.to_string())?;
    HeaderValue::try_from(value).map_err(|err| err.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

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

/// A status code with its reason phrase: `404 Not Found`.
#[must_use]
pub fn status_text(status: u16) -> String {
    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
}

/// A cache of the addresses of hosts.
///
/// ureq's default resolver starts a thread for every request that has a timeout.
#[derive(Debug, Default)]
struct AddressCache(Mutex<HashMap<String, ResolvedSocketAddrs>>);

impl Resolver for AddressCache {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(ureq::Error::BadUri(uri.to_string()));
        };
        let name = DefaultResolver::host_and_port(scheme, authority).unwrap_or_default();
        if let Some(addrs) = self.cache().get(&name) {
            return Ok(addrs.clone());
        }
        // The lock is not held: a slow look-up must not delay others. The system bounds its time.
        let resolved = std::net::ToSocketAddrs::to_socket_addrs(&name)?;
        let mut addrs = self.empty();
        let family = config.ip_family();
        let wanted = family.keep_wanted(resolved);
        wanted.map_while(|addr| addrs.try_push(addr).ok()).for_each(drop);
        if addrs.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        self.cache().insert(name, addrs.clone());
        Ok(addrs)
    }
}

impl AddressCache {
    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<String, ResolvedSocketAddrs>> {
        lock(&self.0)
    }
}
