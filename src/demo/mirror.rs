//! A small web server that responds after a delay, and an HTTP/1.0 client for it.
//!
//! The lesson `mirroredquery` queries several mirrors at once and shuts down the connections to all
//! but the first to respond. For that it needs the sockets, which an HTTP library does not give out.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use socket2::SockRef;
use url::Url;

/// Maximum time for connecting: a thread blocked in connect(2) cannot be woken.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time between two reads of a response or a request.
const READ_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest response read, head and body, in bytes.
const RESPONSE_MAX: u64 = 16 << 20;

/// Connects to the host of an `http://` URL.
///
/// # Errors
/// When the scheme is not http, the host has no address, or none accepts within five seconds.
pub fn connect(url: &Url) -> io::Result<TcpStream> {
    let (Some(host), "http") = (url.host_str(), url.scheme()) else {
        return Err(io::Error::other("only http:// URLs can be queried"));
    };
    let mut last = io::Error::other("the host has no address");
    for addr in (host.trim_matches(['[', ']']), url.port_or_known_default().unwrap_or(80))
        .to_socket_addrs()?
    {
        match TcpStream::connect_timeout(&addr, CONNECT_TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(err) => last = err,
        }
    }
    Err(last)
}

/// Requests `url` over `stream` and returns the body. The stream cannot be used for another request.
///
/// # Errors
/// When the connection fails or is shut down, no byte arrives for 30 s, the status is not 200, or
/// the body is shorter than announced.
pub fn get(mut stream: &TcpStream, url: &Url) -> io::Result<Vec<u8>> {
    stream.set_read_timeout(Some(READ_TIMEOUT))?;
    let (target, host) =
        (&url[url::Position::BeforePath..url::Position::AfterQuery], url.authority());
    write!(stream, "GET {target} HTTP/1.0\r\nHost: {host}\r\n\r\n")?;
    let mut response = Vec::new();
    stream.take(RESPONSE_MAX).read_to_end(&mut response).map_err(|err| match err.kind() {
        io::ErrorKind::WouldBlock => io::Error::other(format!("timed out after {READ_TIMEOUT:?}")),
        _ => err,
    })?;
    body(&response).map(<[u8]>::to_vec).map_err(io::Error::other)
}

/// The body of a complete response with status 200.
fn body(response: &[u8]) -> Result<&[u8], String> {
    let end =
        response.windows(4).position(|bytes| bytes == b"\r\n\r\n").ok_or("not an HTTP response")?;
    let (head, body) = (String::from_utf8_lossy(&response[..end]), &response[end + 4..]);
    let mut lines = head.lines();
    let (_, status) =
        lines.next().and_then(|line| line.split_once(' ')).ok_or("not an HTTP response")?;
    if !status.starts_with("200") {
        return Err(status.to_owned());
    }
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let announced = length.and_then(|(_, value)| value.trim().parse().ok());
    if announced.is_some_and(|n_bytes: usize| n_bytes != body.len()) {
        return Err("the response was cut short".to_owned());
    }
    Ok(body)
}

/// A small web server on a free port of 127.0.0.1, with the same page for every path.
///
/// Dropping it stops the server.
#[derive(Debug)]
pub struct Mirror {
    addr: SocketAddr,
    listener: TcpListener,
    /// Dropped first, which ends the delay of a response under way.
    stop: Option<Sender<()>>,
    server: Option<JoinHandle<()>>,
}

impl Mirror {
    /// Starts a mirror that waits for `delay` before each response.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(page: String, delay: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (addr, socket) = (listener.local_addr()?, listener.try_clone()?);
        let (stop_tx, stop_rx) = bounded(0);
        let server = thread::spawn(move || {
            // One client at a time; an error means that the client has disconnected.
            while let Ok((client, _)) = socket.accept() {
                _ = respond(&client, &page, delay, &stop_rx);
            }
        });
        Ok(Mirror { addr, listener, stop: Some(stop_tx), server: Some(server) })
    }

    /// The URL of the page.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/", self.addr)
    }
}

/// Reads one request and responds after `delay`, unless `stopped` is closed before.
fn respond(
    mut client: &TcpStream,
    page: &str,
    delay: Duration,
    stopped: &Receiver<()>,
) -> io::Result<()> {
    client.set_read_timeout(Some(READ_TIMEOUT))?;
    let mut head = BufReader::new(client.take(64 << 10)).lines();
    while head.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    if stopped.recv_timeout(delay) == Err(RecvTimeoutError::Timeout) {
        let length = page.len();
        write!(client, "HTTP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n{page}")?;
    }
    Ok(())
}

impl Drop for Mirror {
    fn drop(&mut self) {
        drop(self.stop.take());
        if SockRef::from(&self.listener).shutdown(Shutdown::Both).is_err() {
            _ = TcpStream::connect(self.addr); // wakes accept where shutdown does not
        }
        if let Some(server) = self.server.take() {
            _ = server.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    fn url(mirror: &Mirror) -> Url {
        mirror.url().parse().unwrap()
    }

    #[test]
    fn a_mirror_responds() {
        let mirror = Mirror::start("page\n".to_owned(), Duration::ZERO).unwrap();
        for _ in 0..3 {
            let stream = connect(&url(&mirror)).unwrap();
            assert_eq!(get(&stream, &url(&mirror)).unwrap(), b"page\n");
        }
    }

    #[test]
    fn a_shutdown_ends_a_request_and_dropping_ends_a_mirror() {
        let start = Instant::now();
        let mirror = Mirror::start(String::new(), Duration::from_hours(1)).unwrap();
        let stream = connect(&url(&mirror)).unwrap();
        thread::scope(|s| {
            let request = s.spawn(|| get(&stream, &url(&mirror)));
            stream.shutdown(Shutdown::Both).unwrap();
            assert!(request.join().unwrap().is_err());
        });
        drop(mirror);
        assert!(start.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn only_a_complete_response_counts() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"), Ok(&b"ab"[..]));
        assert_eq!(body(b"HTTP/1.0 200 OK\r\n\r\n"), Ok(&b""[..]));
        for bad in [
            &b""[..],
            b"nonsense",
            b"\r\n\r\n",
            b"HTTP/1.0 404 Not Found\r\n\r\n",
            b"HTTP/1.0 200 OK\r\ncontent-length: 9\r\n\r\nab",
        ] {
            assert!(body(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn only_http_urls_can_be_queried() {
        for text in ["https://localhost/", "file:///etc/passwd", "mailto:a@b"] {
            assert!(connect(&text.parse().unwrap()).is_err(), "{text}");
        }
    }
}
