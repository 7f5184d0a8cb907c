//! A web site that is as bad as they come, for tests, benches and comparisons.
//!
//! `/web/` is a small honest site, `/bench/N/SIZE/MS/I` page I of N, SIZE bytes each, MS
//! milliseconds late; every other path is a trap. `/` names them all.

#![allow(dead_code)] // each of those who include this file uses a part of it

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

/// What the site's robots.txt is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Robots {
    Missing,
    Text(&'static str),
    Status(u16),
}

/// A running site; dropping it ends it.
pub(crate) struct Site {
    addr: SocketAddr,
    listener: TcpListener,
    server: Option<JoinHandle<()>>,
    seen: Arc<Seen>,
}

/// What was asked of it.
#[derive(Default)]
struct Seen {
    requests: Mutex<BTreeMap<String, usize>>,
    n_now: AtomicUsize,
    n_most: AtomicUsize,
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
        let (serving, seen) = (listener.try_clone().expect("a descriptor"), Arc::default());
        let counting: Arc<Seen> = Arc::clone(&seen);
        let server = thread::spawn(move || {
            thread::scope(|s| {
                while let Ok((client, _)) = serving.accept() {
                    let seen = &counting;
                    s.spawn(move || _ = serve(&client, robots, seen)); // the client may hang up
                }
            });
        });
        Site { addr, listener, server: Some(server), seen }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// How often each path was asked for, robots.txt apart.
    pub(crate) fn requests(&self) -> BTreeMap<String, usize> {
        let mut requests = self.seen.requests.lock().expect("no holder panics").clone();
        requests.remove("/robots.txt");
        requests
    }

    /// The most requests that were in flight at once.
    pub(crate) fn n_most(&self) -> usize {
        self.seen.n_most.load(SeqCst)
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

/// What to do with the connection after an answer.
pub(crate) enum Then {
    GoOn,
    Close,
    Reset,
}

/// Answers one request after the other.
fn serve(client: &TcpStream, robots: Robots, seen: &Seen) -> io::Result<()> {
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
        seen.n_most.fetch_max(seen.n_now.fetch_add(1, SeqCst) + 1, SeqCst);
        out.clear();
        let then = answer(&path, robots, seen, client, &mut out);
        seen.n_now.fetch_sub(1, SeqCst);
        // Before the last byte is written the client cannot ask for more.
        (&*client).write_all(&out)?;
        match then? {
            Then::GoOn => (),
            Then::Close => return client.shutdown(Shutdown::Both),
            Then::Reset => return SockRef::from(client).set_linger(Some(Duration::ZERO)),
        }
    }
}

fn answer(
    path: &str,
    robots: Robots,
    seen: &Seen,
    client: &TcpStream,
    out: &mut Vec<u8>,
) -> io::Result<Then> {
    if let Some(which) = path.strip_prefix("/bench/") {
        bench(which, out);
        return Ok(Then::GoOn);
    }
    let n_before = {
        let mut requests = seen.requests.lock().expect("no holder panics");
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
    if let Some(page) = honest(path) {
        respond(out, 200, "text/html", page.as_bytes());
        return Ok(Then::GoOn);
    }
    traps::answer(path, n_before, client, out)
}

/// Puts a whole answer into `out`.
pub(crate) fn respond(out: &mut Vec<u8>, status: u16, content_type: &str, body: &[u8]) {
    respond_with(out, status, &format!("Content-Type: {content_type}\r\n"), body);
}

pub(crate) fn respond_with(out: &mut Vec<u8>, status: u16, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status} -\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
}

/// Cycles, spellings of one URL, fragments, other schemes, a broken link.
fn honest(path: &str) -> Option<String> {
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

/// Every page of [`honest`], and the one it misses, by the links it takes to get there.
pub(crate) const HONEST: [(u32, &str); 9] = [
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
fn bench(which: &str, out: &mut Vec<u8>) {
    let mut numbers = which.split('/').map(|n| n.parse().unwrap_or(0_usize));
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
