//! The one request of a connection (HTTP/1.1): for the page, or to speak as a web socket.

use std::io::{Read, Write};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use tungstenite::Error;
use tungstenite::error::ProtocolError;
use tungstenite::handshake::machine::TryParse;
use tungstenite::handshake::server::{Request, create_response, write_response};
use tungstenite::http::HeaderMap;

use super::super::resume::Resume;
use super::super::transport::Transport;
use super::super::upgrade::Upgrade;
use super::page;

/// How long a client may take to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest request, in bytes.
const REQUEST_MAX: usize = 8 << 10;
/// The path of the web socket.
const SOCKET_PATH: &str = "/chat";

/// The answer to a request that is no upgrade.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// The page, for a request to this host.
    Page(String),
    /// An error: status with reason, and one line for people.
    Error(&'static str, &'static str),
    /// The connection ended before the request did.
    None,
}

const BAD_REQUEST: Response = Response::Error("400 Bad Request", "not a request of HTTP/1.1");
const NOT_FOUND: Response = Response::Error("404 Not Found", "the page is at /");
const NO_METHOD: Response = Response::Error("405 Method Not Allowed", "only GET");
const TIMEOUT: Response = Response::Error("408 Request Timeout", "the request took too long");
const FOREIGN: Response =
    Response::Error("403 Forbidden", "the page of another site must not speak for its visitors");
const MISDIRECTED: Response = Response::Error(
    "421 Misdirected Request",
    "this name of the server is not known to it; start chat with --web-origin",
);
const NO_SOCKET: Response =
    Response::Error("426 Upgrade Required", "only web sockets of version 13 are served here");
const TOO_LARGE: Response =
    Response::Error("431 Request Header Fields Too Large", "the request is too long");

/// Receives the request. Accepts an upgrade that comes from the page, or from no page at all.
pub(super) fn receive(
    transport: &mut Transport<'_>,
    origins: &[String],
) -> Result<Upgrade, Response> {
    let (request, rest) = read_request(transport)?;
    let host = check_origin(request.headers(), transport.conn.peer().ip(), origins)?;
    match request.uri().path() {
        "/" => Err(Response::Page(host)),
        SOCKET_PATH => {
            let response = create_response(&request).map_err(|_| NO_SOCKET)?;
            let mut head = Vec::new();
            write_response(&mut head, &response).map_err(|_| BAD_REQUEST)?;
            transport.write_all(&head).map_err(|_| Response::None)?;
            let resume = Resume::from_query(request.uri().query().unwrap_or_default());
            let origin = request.headers().get("origin").and_then(|origin| origin.to_str().ok());
            let is_safe = origin.is_none_or(is_safe_origin) && transport.is_safe();
            Ok(Upgrade { resume, is_safe, rest })
        }
        _ => Err(NOT_FOUND),
    }
}

/// The request, and the bytes behind it.
fn read_request(transport: &mut Transport<'_>) -> Result<(Request, Vec<u8>), Response> {
    let deadline = Instant::now() + REQUEST_TIMEOUT;
    let mut bytes = Vec::new();
    let mut buf = [0; 1_024];
    let conn = transport.conn;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || conn.set_read_timeout(Some(left)).is_err() {
            return Err(TIMEOUT);
        }
        match transport.read(&mut buf) {
            Ok(0) => return Err(Response::None),
            Ok(n) => bytes.extend_from_slice(&buf[..n]),
            Err(err) if crate::net::is_timeout(&err) => continue,
            Err(_) => return Err(Response::None),
        }
        match Request::try_parse(&bytes) {
            Ok(Some((n, request))) => {
                _ = conn.set_read_timeout(None);
                return Ok((request, bytes.split_off(n)));
            }
            Ok(None) if bytes.len() > REQUEST_MAX => return Err(TOO_LARGE),
            Ok(None) => {}
            Err(Error::Protocol(ProtocolError::WrongHttpMethod)) => return Err(NO_METHOD),
            Err(_) => return Err(BAD_REQUEST),
        }
    }
}

/// Returns the host that the request is for, unless it may be of another site's page.
///
/// A browser says which page a web socket is for (RFC 6455, 10.2), and that must be ours. To a
/// visitor on this machine, the host must be the machine itself: another site could give its own
/// name our loopback address (DNS rebinding).
fn check_origin(headers: &HeaderMap, peer: IpAddr, origins: &[String]) -> Result<String, Response> {
    let header = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = header("host").filter(|host| is_host(host)).ok_or(BAD_REQUEST)?;
    let is_listed = |host: &str| {
        let known = origins.iter().map(|origin| host_of(origin));
        known.flatten().any(|known| known.eq_ignore_ascii_case(host))
    };
    if peer.to_canonical().is_loopback() && !is_this_machine(host) && !is_listed(host) {
        return Err(MISDIRECTED);
    }
    match header("origin") {
        None => {} // no browser
        Some(origin) if origins.iter().any(|known| known == origin) => {}
        Some(origin) if host_of(origin).is_some_and(|own| own.eq_ignore_ascii_case(host)) => {}
        Some(_) => return Err(FOREIGN),
    }
    Ok(host.to_owned())
}

/// `HOST:PORT` of an origin such as `http://HOST:PORT`.
fn host_of(origin: &str) -> Option<&str> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
}

/// Whether `host` has only the characters of a host and port, so that it can stand in a header.
fn is_host(host: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte);
    (1..=255).contains(&host.len()) && host.bytes().all(is_allowed)
}

/// Whether a page of this origin reached its browser by TLS, or within this machine: behind a reverse
/// proxy, all connections come from there.
fn is_safe_origin(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").unwrap_or_default();
    let name = host_name(host);
    let is_loopback = name.parse::<IpAddr>().is_ok_and(|addr| addr.to_canonical().is_loopback());
    origin.starts_with("https://") || name.eq_ignore_ascii_case("localhost") || is_loopback
}

fn is_this_machine(host: &str) -> bool {
    let name = host_name(host);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// The host without its port and without brackets.
fn host_name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(ipv6) => ipv6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// Sends an answer and closes the connection.
pub(super) fn respond(transport: &mut Transport<'_>, response: &Response) {
    let text = match response {
        Response::None => return transport.conn.mark_drained(),
        Response::Page(host) => page::response(host),
        Response::Error(status, line) => {
            let allow = if *response == NO_METHOD { "Allow: GET\r\n" } else { "" };
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
                 Content-Length: {}\r\n{allow}Connection: close\r\n\r\n{line}\n",
                line.len() + 1
            )
        }
    };
    _ = transport.write_all(text.as_bytes()); // a client that has gone needs no answer
    if let Some(session) = transport.session() {
        _ = (&**transport.conn).write_all(&session.close_notify());
    }
    transport.conn.close_gracefully();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_page_may_open_a_web_socket() {
        let check =
            |peer: &str, host: &str, origin: Option<&str>, expected: Result<(), Response>| {
                let mut headers = HeaderMap::new();
                headers.insert("host", host.parse().unwrap());
                if let Some(origin) = origin {
                    headers.insert("origin", origin.parse().unwrap());
                }
                let origins = ["https://chat.example".to_owned()];
                let result = check_origin(&headers, peer.parse().unwrap(), &origins).map(drop);
                assert_eq!(result, expected, "{peer} {host} {origin:?}");
            };
        check("127.0.0.1", "localhost:8080", None, Ok(()));
        check("127.0.0.1", "localhost:8080", Some("http://localhost:8080"), Ok(()));
        check("::1", "[::1]:8080", Some("http://[::1]:8080"), Ok(()));
        check("192.0.2.1", "box.lan:8080", Some("http://BOX.lan:8080"), Ok(()));
        check("192.0.2.1", "box.lan:8080", Some("https://chat.example"), Ok(()));
        check("127.0.0.1", "chat.example", Some("https://chat.example"), Ok(()));
        check("127.0.0.1", "localhost:8080", Some("http://localhost:81"), Err(FOREIGN));
        check("127.0.0.1", "localhost:8080", Some("https://evil.example"), Err(FOREIGN));
        check("127.0.0.1", "localhost:8080", Some("null"), Err(FOREIGN));
        check("192.0.2.1", "box.lan", Some("http://box.lan.evil.example"), Err(FOREIGN));
        check("127.0.0.1", "evil.example", Some("http://evil.example"), Err(MISDIRECTED));
        check("::ffff:127.0.0.1", "evil.example", None, Err(MISDIRECTED));
        check("192.0.2.1", "a b", None, Err(BAD_REQUEST));
        check("192.0.2.1", "x'; script-src *", None, Err(BAD_REQUEST));
    }
}
