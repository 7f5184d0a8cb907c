//! GET requests with ureq: connections are kept open, and time and size of a response are bounded.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use ureq::http::{HeaderName, HeaderValue, Method, StatusCode};

use super::agents::Agents;
use super::cookies::Cookies;
use super::encoding;
pub use super::fetch_options::{Authorities, Options, read_authorities};
pub use super::proxies::{Proxies, Proxy};
use super::urls;

/// The error of a body that is larger than [`Options::body_max`].
pub const TOO_LARGE: &str = "the body is too large";

/// The longest body that is read only to keep its connection, in bytes: a new connection costs more.
const DISCARDED_MAX: u64 = 64 << 10;

/// An HTTP client; clones share its connections, so every thread can have one.
#[derive(Clone, Debug)]
pub struct Client {
    agents: Agents,
    headers: Vec<(String, String)>,
    /// The origins that the headers are sent to; `None` for all.
    header_origins: Option<Arc<[String]>>,
    body_max: u64,
    cookies: Cookies,
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

impl Error {
    /// An error that another attempt would meet, too.
    #[must_use]
    pub fn lasting(cause: String) -> Self {
        Error { cause, is_temporary: false }
    }
}

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
        let (headers, body_max) = (options.headers.clone(), options.body_max);
        let (agents, cookies) = (Agents::new(options), options.cookies.clone());
        Client { agents, headers, header_origins: None, body_max, cookies }
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
        self.get_with(url, &[])
    }

    /// Requests `url` as [`get`](Self::get) does, with further headers.
    ///
    /// # Errors
    /// When there is no response within the timeout.
    pub fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Result<Response, Error> {
        self.request(&Method::GET, url, headers)
    }

    /// Requests the head of `url` without its body, as [`get`](Self::get) does.
    ///
    /// # Errors
    /// When there is no response within the timeout.
    pub fn head(&self, url: &str) -> Result<Response, Error> {
        self.request(&Method::HEAD, url, &[])
    }

    fn request(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, Error> {
        let mut result = self.try_request(method, url, headers);
        if matches!(&result, Err(ureq::Error::Io(err)) if is_closed(err.kind())) {
            result = self.try_request(method, url, headers);
        }
        result.map_err(|err| match self.agents.proxy(url) {
            Some(proxy) => Error::from(err).through(proxy),
            None => err.into(),
        })
    }

    fn try_request(
        &self,
        method: &Method,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response, ureq::Error> {
        let agent = self.agents.agent(url);
        let mut request = if *method == Method::HEAD { agent.head(url) } else { agent.get(url) };
        for &(name, value) in headers {
            request = request.header(name, value);
        }
        let headers = self.headers.iter().filter(|_| self.sends_headers_to(url));
        let (cookies, others): (Vec<_>, Vec<_>) =
            headers.partition(|(name, _)| name.eq_ignore_ascii_case("cookie"));
        for (name, value) in others {
            request = request.header(name, value);
        }
        let cookies = cookies.into_iter().map(|(_, value)| value.clone());
        let cookies: Vec<String> = cookies.chain(self.cookies.header(url)).collect();
        if !cookies.is_empty() {
            request = request.header("Cookie", cookies.join("; "));
        }
        let (head, body) = request.call()?.into_parts();
        let (status, headers) = (head.status.as_u16(), head.headers);
        self.cookies.store(url, headers.get_all("set-cookie").iter().map(HeaderValue::as_bytes));
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
        self.agents.shutdown();
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
    /// A response that no server sent, without the headers whose value is empty; at most `n_left`
    /// bytes of its body are read.
    #[must_use]
    pub fn new(
        status: u16,
        headers: &[(&'static str, &str)],
        body: Box<dyn Read + Send + Sync>,
        n_left: u64,
    ) -> Self {
        let header = |&(name, value): &(&'static str, &str)| {
            let value = HeaderValue::from_str(value).ok().filter(|value| !value.is_empty())?;
            Some((HeaderName::from_static(name), value))
        };
        Response { status, headers: headers.iter().filter_map(header).collect(), body, n_left }
    }

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

impl Error {
    /// The same error of a request through a proxy.
    fn through(self, proxy: &Proxy) -> Self {
        let (host, port) = (proxy.host(), proxy.port());
        Error { cause: format!("through the proxy {host}:{port}: {}", self.cause), ..self }
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

/// A status code with its reason phrase: `404 Not Found`.
#[must_use]
pub fn status_text(status: u16) -> String {
    StatusCode::from_u16(status).map_or_else(|_| status.to_string(), |status| status.to_string())
}
