//! GET requests with ureq: connections kept open, a bound on time and on the body's size.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io::{ErrorKind, Read};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::{HeaderName, HeaderValue, StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, BodyReader};

use crate::threads::lock;

/// How requests are made.
#[derive(Clone, Debug)]
pub struct Options {
    /// From the look-up of the host to the last byte of the body.
    pub timeout: Duration,
    /// The most of a body that is read, after decompression.
    pub body_max: u64,
    /// Connections kept open to one host.
    pub n_idle: usize,
    /// What the client calls itself.
    pub user_agent: String,
    /// Further headers, names and values.
    pub headers: Vec<(String, String)>,
    /// Who is trusted to certify servers, if not those that Mozilla trusts.
    pub authorities: Option<Authorities>,
}

/// Certificates of authorities.
#[derive(Clone, Debug)]
pub struct Authorities(Arc<Vec<Certificate<'static>>>);

/// Makes requests for many threads at once.
#[derive(Clone, Debug)]
pub struct Client {
    agent: Agent,
    headers: Vec<(String, String)>,
    body_max: u64,
}

/// Why there is no answer, or only a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    cause: String,
    /// Whether it may go better another time.
    pub is_passing: bool,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.cause)
    }
}

impl std::error::Error for Error {}

/// The head of an answer, and its body to be read.
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: ureq::http::HeaderMap,
    body: BodyReader<'static>,
    n_left: u64,
}

impl Client {
    /// A client without open connections.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let authorities = options.authorities.clone();
        let roots = authorities.map_or(RootCerts::WebPki, |known| RootCerts::Specific(known.0));
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
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), Addresses::default());
        Client { agent, headers: options.headers.clone(), body_max: options.body_max }
    }

    /// Asks for `url`. A connection that turns out to be closed is no failure yet: servers close
    /// idle ones at any moment, so the request is made once more.
    ///
    /// # Errors
    /// When there is no answer in time.
    pub fn get(&self, url: &str) -> Result<Answer, Error> {
        let first = self.try_get(url);
        if matches!(&first, Err(ureq::Error::Io(err)) if is_closed(err.kind())) {
            return self.try_get(url).map_err(Error::from);
        }
        first.map_err(Error::from)
    }

    fn try_get(&self, url: &str) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.get(url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let (head, body) = request.call()?.into_parts();
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok(Answer { status, headers, body: body.into_reader(), n_left: self.body_max })
    }

    /// Ends all requests that are being made; none can be made after it.
    pub fn shutdown(&self) {
        self.agent.clone().shutdown();
    }
}

fn is_closed(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(kind, BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

impl Answer {
    /// The first header of that name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// The Content-Type without its parameters, in lower case; empty if there is none.
    #[must_use]
    pub fn mime(&self) -> String {
        let value = self.headers.get("content-type").map(HeaderValue::as_bytes);
        let mime = value.unwrap_or_default().split(|&byte| byte == b';').next();
        String::from_utf8_lossy(mime.unwrap_or_default()).trim().to_ascii_lowercase()
    }

    /// Reads on in the body; 0 is its end.
    ///
    /// # Errors
    /// When the body breaks off, comes too slowly or is too large.
    pub fn read(&mut self, buf: &mut [u8]) -> Result<usize, Error> {
        loop {
            return match self.body.read(buf) {
                Ok(n) if n as u64 > self.n_left => {
                    Err(Error { cause: "the body is too large".to_owned(), is_passing: false })
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

impl From<ureq::Error> for Error {
    fn from(err: ureq::Error) -> Self {
        let is_passing = match &err {
            // So TLS says that it does not like a certificate.
            ureq::Error::Io(err) => err.kind() != ErrorKind::InvalidData,
            ureq::Error::Timeout(_) => true,
            _ => false,
        };
        let cause = match err {
            ureq::Error::Io(err) if err.kind() == ErrorKind::UnexpectedEof => {
                "the server hung up".to_owned()
            }
            ureq::Error::Io(err) => err.to_string(),
            ureq::Error::Timeout(_) => "no answer in time".to_owned(),
            err => err.to_string(),
        };
        Error { cause, is_passing }
    }
}

/// Checks that a header can be sent.
///
/// # Errors
/// Says what is wrong with it.
pub fn header(name: &str, value: &str) -> Result<(String, String), String> {
    HeaderName::try_from(name).map_err(|err| err.to_string())?;
    HeaderValue::try_from(value).map_err(|err| err.to_string())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// The authorities in a PEM file.
///
/// # Errors
/// Says why there are none.
pub fn authorities(path: &str) -> Result<Authorities, String> {
    let pem = fs::read(path).map_err(|err| err.to_string())?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|err| err.to_string())? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(Authorities(Arc::new(certificates)))
}

/// A status and what it means: `404 Not Found`.
#[must_use]
pub fn reason(status: u16) -> String {
    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
}

/// Addresses of hosts, looked up once.
///
/// The default resolver starts a thread for each request that has a time-out.
#[derive(Debug, Default)]
struct Addresses(Mutex<HashMap<String, ResolvedSocketAddrs>>);

impl Resolver for Addresses {
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
        if let Some(known) = self.known().get(&name) {
            return Ok(known.clone());
        }
        // Not under the lock: a slow look-up is nobody else's. The system's resolver ends it.
        let found = std::net::ToSocketAddrs::to_socket_addrs(&name)?;
        let mut addrs = self.empty();
        let family = config.ip_family();
        let wanted = family.keep_wanted(found);
        wanted.map_while(|addr| addrs.try_push(addr).ok()).for_each(drop);
        if addrs.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        self.known().insert(name, addrs.clone());
        Ok(addrs)
    }
}

impl Addresses {
    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, ResolvedSocketAddrs>> {
        lock(&self.0)
    }
}
