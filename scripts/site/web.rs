//! A web site full of traps, for tests, benches and comparisons of crawlers.
//!
//! `/web/` is a small ordinary site. `/bench/N/SIZE/MS/I` is page I of N pages of SIZE bytes each,
//! sent after MS milliseconds. Every other path is a trap, and `/` links to all of them.

#![allow(dead_code)] // each program that includes this file uses a part of it

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

#[path = "traps.rs"]
mod traps;

/// The response to a request for robots.txt.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Robots {
    Missing,
    Text(&'static str),
    Status(u16),
}

/// A running site; dropping it stops the server.
pub(crate) struct Site {
    addr: SocketAddr,
    listener: TcpListener,
    server: Option<JoinHandle<()>>,
    statistics: Arc<Statistics>,
}

/// Statistics about the requests.
#[derive(Default)]
struct Statistics {
    requests: Mutex<BTreeMap<String, usize>>,
    n_in_flight: AtomicUsize,
    n_in_flight_max: AtomicUsize,
}

impl Site {
    pub(crate) fn start() -> Self {
        Site::with_robots(Robots::Missing)
    }

    pub(crate) fn with_robots(robots: Robots) -> Self {
        Site::on_port(0, robots)
    }

    pub(crate) fn on_port(port: u16, robots: Robots) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("listen on 127.0.0.1");
        SockRef::from(&listener).listen(4096).expect("a longer backlog");
        let addr = listener.local_addr().expect("it listens");
        let socket = listener.try_clone().expect("a descriptor");
        let statistics = Arc::<Statistics>::default();
        let shared = Arc::clone(&statistics);
        let server = thread::spawn(move || {
            thread::scope(|s| {
                while let Ok((client, _)) = socket.accept() {
                    let statistics = &shared;
                    s.spawn(move || _ = serve(&client, robots, statistics)); // the client may disconnect
                }
            });
        });
        Site { addr, listener, server: Some(server), statistics }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// How often each path was requested, without robots.txt.
    pub(crate) fn requests(&self) -> BTreeMap<String, usize> {
        let mut requests = self.statistics.requests.lock().expect("no holder panics").clone();
        requests.remove("/robots.txt");
        requests
    }

    /// The largest number of requests that were in flight at once.
    pub(crate) fn n_in_flight_max(&self) -> usize {
        self.statistics.n_in_flight_max.load(SeqCst)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(server) = self.server.take() {
            _ = server.join();
        }
    }
}

/// What to do with the connection after a response.
pub(crate) enum Then {
    GoOn,
    Close,
    Reset,
}

/// Responds to one request after the other.
fn serve(client: &TcpStream, robots: Robots, statistics: &Statistics) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut input = BufReader::with_capacity(4 << 10, client);
    let (mut line, mut out) = (String::new(), Vec::new());
    loop {
        line.clear();
        if input.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        while input.read_line(&mut line)? > 2 {} // to the empty line
        let n_in_flight = statistics.n_in_flight.fetch_add(1, SeqCst) + 1;
        statistics.n_in_flight_max.fetch_max(n_in_flight, SeqCst);
        out.clear();
        let then = respond_to(&path, robots, statistics, client, &mut out);
        statistics.n_in_flight.fetch_sub(1, SeqCst);
        // The request is counted as ended before its last byte is sent: only then can the client make
        // the next one.
        (&*client).write_all(&out)?;
        match then? {
            Then::GoOn => (),
            Then::Close => return client.shutdown(Shutdown::Both),
            Then::Reset => return SockRef::from(client).set_linger(Some(Duration::ZERO)),
        }
    }
}

/// Appends the response to a request for `path` to `out`, or writes it to `client` itself.
fn respond_to(
    path: &str,
    robots: Robots,
    statistics: &Statistics,
    client: &TcpStream,
    out: &mut Vec<u8>,
) -> io::Result<Then> {
    if let Some(numbers) = path.strip_prefix("/bench/") {
        bench(numbers, out);
        return Ok(Then::GoOn);
    }
    let n_before = {
        let mut requests = statistics.requests.lock().expect("no holder panics");
        let n = requests.entry(path.to_owned()).or_default();
        *n += 1;
        *n - 1
    };
    if path == "/robots.txt" {
        match robots {
            Robots::Missing => respond(out, 404, "text/plain", b""),
            Robots::Text(text) => respond(out, 200, "text/plain", text.as_bytes()),
            Robots::Status(status) => respond(out, status, "text/plain", b""),
        }
        return Ok(Then::GoOn);
    }
    if let Some(page) = ordinary(path) {
        respond(out, 200, "text/html", page.as_bytes());
        return Ok(Then::GoOn);
    }
    traps::respond_to(path, n_before, client, out)
}

/// Appends a whole response to `out`.
pub(crate) fn respond(out: &mut Vec<u8>, status: u16, content_type: &str, body: &[u8]) {
    respond_with(out, status, &format!("Content-Type: {content_type}\r\n"), body);
}

pub(crate) fn respond_with(out: &mut Vec<u8>, status: u16, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} -\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
}

/// The pages below `/web/`: cycles, spellings of one URL, fragments, other schemes, a broken link.
fn ordinary(path: &str) -> Option<String> {
    let page = match path {
        "/web/" => {
            "<a href=a>a</a> <a href='b/'>b</a> <a href='#top'>top</a> <a href='/web/a#x'>x</a>
             <a href='/web/%61'>a</a> <a href='./b/../a?'>a</a>"
        }
        "/web/a" => {
            "<p id=x> <A HREF=/web/>home</A> <a href='a?q=1&amp;r'>q</a> <a href=mailto:a@b>mail</a>
             <a href=b/#nowhere>b</a>"
        }
        "/web/a?q=1&r" => "<base href=/web/b/><a href='../a'>a</a> <area href=c>",
        "/web/b/" => "<a href=c>c</a> <A href=\"../b/\">b</A> <iframe src=frame></iframe>",
        "/web/b/c" => "<noscript><a href='d'>d</a></noscript> <a href=/web/gone>gone</a>",
        "/web/b/d" => "<meta http-equiv=refresh content='0; url=e'> <a href='javascript:void(0)'>",
        "/web/b/e" | "/web/b/frame" => "no links",
        _ => return None,
    };
    Some(page.to_owned())
}

/// Every page of [`ordinary`] and the missing one, with the number of links from `/web/`.
pub(crate) const ORDINARY: [(u32, &str); 9] = [
    (0, "/web/"),
    (1, "/web/a"),
    (1, "/web/b/"),
    (2, "/web/a?q=1&r"),
    (2, "/web/b/c"),
    (2, "/web/b/frame"),
    (3, "/web/b/d"),
    (3, "/web/gone"),
    (4, "/web/b/e"),
];

/// A page of about SIZE bytes with ten links, which together reach all N pages.
fn bench(numbers: &str, out: &mut Vec<u8>) {
    let mut numbers = numbers.split('/').map(|n| n.parse().unwrap_or(0_usize));
    let mut number = || numbers.next().unwrap_or(0);
    let (n, size, ms, i) = (number().max(1), number(), number(), number());
    if ms > 0 {
        thread::sleep(Duration::from_millis(ms as u64));
    }
    let mut page = Vec::with_capacity(size + 512);
    page.extend_from_slice(b"<!DOCTYPE html>\n<html><head><meta charset=utf-8><title>page");
    page.extend_from_slice(b"</title></head>\n<body>\n<h1>A page like any other</h1>\n<ul>\n");
    let children = (1..=4).map(|child| 4 * i + child).filter(|&child| child < n);
    let others = (1..=6).map(|step| (i + step * 7_919) % n);
    for (k, to) in children.chain(others).enumerate() {
        _ = writeln!(
            page,
            "<li class=\"item\"><a href=\"/bench/{n}/{size}/{ms}/{to}\">{k}</a></li>"
        );
    }
    page.extend_from_slice(b"</ul>\n");
    let text =
        b"<p>Plain words fill this page, <em>some of them</em> stressed, none worth reading. \
                 A crawler has to look at every one of them all the same.</p>\n";
    while page.len() + text.len() + 15 < size {
        page.extend_from_slice(text);
    }
    page.extend_from_slice(b"</body></html>\n");
    respond(out, 200, "text/html; charset=utf-8", &page);
}
