//! 8.6: crawl1 to crawl3, on a small web of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use crate::support::{Outcome, run};

const CRAWLS: [&str; 3] = ["crawl1", "crawl2", "crawl3"];

/// A web site: pages by path. It counts how often each was asked for, and by how many at once.
struct Site {
    addr: SocketAddr,
    listener: TcpListener,
    server: Option<JoinHandle<()>>,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    requests: Mutex<BTreeMap<String, usize>>,
    n_now: AtomicUsize,
    n_most: AtomicUsize,
}

impl Site {
    fn start(page: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        SockRef::from(&listener).listen(1024).unwrap();
        let (addr, serving) = (listener.local_addr().unwrap(), listener.try_clone().unwrap());
        let seen = Arc::new(Seen::default());
        let counting = Arc::clone(&seen);
        let server = thread::spawn(move || {
            thread::scope(|s| {
                while let Ok((client, _)) = serving.accept() {
                    s.spawn(|| _ = answer(&{ client }, &page, &counting));
                }
            });
        });
        Site { addr, listener, server: Some(server), seen }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    fn requests(&self) -> BTreeMap<String, usize> {
        self.seen.requests.lock().unwrap().clone()
    }
}

/// A page of links to `/0`, `/1` …
fn hub(n_links: usize) -> String {
    (0..n_links).fold(String::new(), |page, i| page + &format!("<a href={i}>{i}</a>\n"))
}

/// One request a connection.
fn answer(
    mut client: &TcpStream,
    page: &impl Fn(&str) -> Option<String>,
    seen: &Seen,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(client).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
    seen.n_most.fetch_max(seen.n_now.fetch_add(1, SeqCst) + 1, SeqCst);
    let body = page(&path);
    *seen.requests.lock().unwrap().entry(path).or_default() += 1;
    let (status, body) = body.map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
    let length = body.len();
    seen.n_now.fetch_sub(1, SeqCst);
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

impl Drop for Site {
    fn drop(&mut self) {
        SockRef::from(&self.listener).shutdown(Shutdown::Both).unwrap();
        self.server.take().unwrap().join().unwrap();
    }
}

/// Cycles, fragments, relative and absolute spellings, a mail address, two broken links.
fn small_web(path: &str) -> Option<String> {
    let page = match path {
        "/" => "<a href=/a>a</a> <a href='b/'>b</a> <a href='#top'>top</a> <a href='/a#x'>x</a>",
        "/a" => {
            "<a href=/>home</a> <a href=/a?q=1>q</a> <a href=mailto:a@b>mail</a> <a href=gone>gone</a>"
        }
        "/a?q=1" => "<a href='/a'>a</a>",
        "/b/" => "<a href='c'>c</a> <A HREF=\"../b/\">b</A> <a href='javascript:void(0)'>js</a>",
        "/b/c" => "<a href=missing#part>missing</a> <a href=>self</a> no end",
        _ => return None,
    };
    Some(page.to_owned())
}

const REACHABLE: [&str; 7] = ["/", "/a", "/a?q=1", "/b/", "/b/c", "/b/missing", "/gone"];

fn assert_crawled(outcome: &Outcome, site: &Site, paths: &[&str]) {
    let printed: BTreeSet<String> = outcome.lines().into_iter().map(str::to_owned).collect();
    let expected: BTreeSet<String> = paths.iter().map(|path| site.url(path)).collect();
    assert_eq!(printed, expected);
    assert_eq!(outcome.lines().len(), expected.len(), "a URL was printed twice");
    let asked: BTreeMap<String, usize> = paths.iter().map(|&path| (path.to_owned(), 1)).collect();
    assert_eq!(site.requests(), asked, "each page once");
}

#[test]
fn a_crawl_reaches_everything_once_and_ends() {
    for name in CRAWLS {
        let site = Site::start(small_web);
        let outcome = run(name, &[site.url("/")]);
        assert_crawled(&outcome, &site, &REACHABLE);
        assert_eq!(outcome.code(), 1, "two links are broken");
        let mut errors: Vec<&str> = outcome.stderr.lines().collect();
        errors.sort_unstable();
        let error = |path: &str| format!("{name}: {}: 404 Not Found", site.url(path));
        assert_eq!(errors, [error("/b/missing"), error("/gone")]);
    }
}

#[test]
fn several_starts_of_which_one_refuses() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for name in CRAWLS {
        let site = Site::start(|path| (path == "/leaf").then(String::new));
        let refused = format!("http://{refusing}/");
        let outcome = run(name, &[site.url("/leaf#here"), site.url("/leaf"), refused.clone()]);
        assert_eq!(outcome.code(), 1, "{outcome:?}");
        let printed: BTreeSet<&str> = outcome.lines().into_iter().collect();
        assert_eq!(printed, BTreeSet::from([&*site.url("/leaf"), &refused]));
        assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
        assert!(outcome.stderr.starts_with(&format!("{name}: {refused}: ")), "{outcome:?}");
    }
}

#[test]
fn crawl2_and_crawl3_ask_for_twenty_pages_at_the_most() {
    for name in &CRAWLS[1..] {
        let site = Site::start(|path| match path {
            "/" => Some(hub(200)),
            _ => Some(String::new()),
        });
        let outcome = run(name, &[site.url("/")]);
        assert_eq!((outcome.code(), outcome.lines().len()), (0, 201), "{outcome:?}");
        let n_most = site.seen.n_most.load(SeqCst);
        assert!(n_most <= 20, "{name}: {n_most} at once");
    }
}

#[test]
fn crawl1_says_when_a_page_has_too_many_links() {
    // Nobody is answered before main has seen all the links of the first page.
    let site = Site::start(|path| match path {
        "/" => Some(hub(1_500)),
        _ => Some(String::new()),
    });
    let outcome = run("crawl1", &[site.url("/")]);
    let skipped = outcome.stderr.matches(": skipped\n").count();
    assert_eq!(outcome.lines().len() + skipped, 1_501, "each is crawled or named");
    assert_eq!(outcome.code(), i32::from(skipped > 0), "{}", outcome.stderr);
    let warnings = outcome.stderr.matches("crawl1: 1000 links at once are too parallel\n").count();
    assert_eq!(warnings, usize::from(skipped > 0));
}

#[test]
fn wrong_usage() {
    for name in CRAWLS {
        assert_eq!(run(name, &[] as &[&str]).code(), 2);
        assert_eq!(run(name, &["gopl.io"]).code(), 2, "not absolute");
        assert_eq!(run(name, &["ftp://gopl.io/"]).code(), 2, "not the web");
    }
}
