//! 8.6: crawl1 to crawl3, on a small web of our own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread::{self, JoinHandle};

use socket2::SockRef;

use super::every::assert_interruptible;
use crate::support::{Process, command, eventually, run};

/// crawl1 never ends by itself.
const CRAWLS_THAT_END: [&str; 2] = ["crawl2", "crawl3"];

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

fn assert_crawled(mut printed: Vec<&str>, site: &Site, paths: &[&str]) {
    let mut expected: Vec<String> = paths.iter().map(|path| site.url(path)).collect();
    expected.sort_unstable();
    printed.sort_unstable();
    assert_eq!(printed, expected, "each URL once");
    let asked: BTreeMap<String, usize> = paths.iter().map(|&path| (path.to_owned(), 1)).collect();
    assert_eq!(site.requests(), asked, "each page once");
}

fn assert_broken_links_reported(name: &str, stderr: &str, site: &Site) {
    let mut errors: Vec<&str> = stderr.lines().collect();
    errors.sort_unstable();
    let error = |path: &str| format!("{name}: {}: 404 Not Found", site.url(path));
    assert_eq!(errors, [error("/b/missing"), error("/gone")]);
}

#[test]
fn crawl2_and_crawl3_reach_every_page_once_and_end() {
    for name in CRAWLS_THAT_END {
        let site = Site::start(small_web);
        let outcome = run(name, &[site.url("/")]);
        assert_crawled(outcome.lines(), &site, &REACHABLE);
        assert_eq!(outcome.code(), 1, "two links are broken");
        assert_broken_links_reported(name, &outcome.stderr, &site);
    }
}

#[test]
fn crawl1_reaches_every_page_once_and_runs_until_interrupted() {
    let site = Site::start(small_web);
    let mut crawl = Process::start(&mut command("crawl1", &[site.url("/")]));
    let printed: Vec<String> = REACHABLE.iter().map(|_| crawl.line().unwrap()).collect();
    let errors = [crawl.stderr_line().unwrap(), crawl.stderr_line().unwrap()];
    // With only main left, no page is outstanding: crawl2 and crawl3 would end here.
    eventually("its crawlers have ended", || crawl.n_threads() == 1);
    assert_crawled(printed.iter().map(String::as_str).collect(), &site, &REACHABLE);
    assert_broken_links_reported("crawl1", &errors.join("\n"), &site);
    crawl.signal(rustix::process::Signal::INT);
    let outcome = crawl.wait();
    assert_eq!(outcome.status.code(), None, "the interrupt ended it: {outcome:?}");
    assert_eq!((outcome.lines().len(), outcome.stderr.lines().count()), (REACHABLE.len(), 2));
}

#[test]
fn of_several_urls_to_start_from_one_refuses() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for name in CRAWLS_THAT_END {
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
fn crawl2_and_crawl3_ask_for_twenty_pages_at_once() {
    for name in CRAWLS_THAT_END {
        let twenty = Barrier::new(20); // none is answered until twenty have been asked for
        let site = Site::start(move |path| {
            if path == "/" {
                return Some(hub(200));
            }
            twenty.wait();
            Some(String::new())
        });
        let outcome = run(name, &[site.url("/")]);
        assert_eq!((outcome.code(), outcome.lines().len()), (0, 201), "{outcome:?}");
        assert_eq!(site.seen.n_most.load(SeqCst), 20, "{name}");
    }
}

#[test]
fn crawl1_says_when_a_page_has_too_many_links() {
    // No link is answered until the test has seen that main skipped the last one.
    let (answer, answered) = crossbeam::channel::bounded::<()>(0);
    let site = Site::start(move |path| {
        if path == "/" {
            return Some(hub(1_500));
        }
        _ = answered.recv();
        Some(String::new())
    });
    let crawl = Process::start(&mut command("crawl1", &[site.url("/")]));
    let printed: BTreeSet<String> = (0..=1_000).map(|_| crawl.line().unwrap()).collect();
    let warning = crawl.stderr_line();
    assert_eq!(warning.as_deref(), Some("crawl1: 1000 links at once are too parallel"));
    let skipped: BTreeSet<String> = (0..500).map(|_| crawl.stderr_line().unwrap()).collect();
    drop(answer);
    let link = |i| site.url(&format!("/{i}"));
    let expected = (0..1_500).map(link).chain([site.url("/")]);
    for link in expected {
        let is_skipped = skipped.contains(&format!("crawl1: {link}: skipped"));
        assert!(is_skipped != printed.contains(&link), "{link} is crawled or skipped, by name");
    }
    eventually("its crawlers have ended", || crawl.n_threads() == 1);
    assert_eq!(crawl.stderr_so_far().lines().count(), 501, "it says so once");
    assert_interruptible(crawl);
}

#[test]
fn wrong_usage() {
    for name in ["crawl1", "crawl2", "crawl3"] {
        assert_eq!(run(name, &[] as &[&str]).code(), 2);
        assert_eq!(run(name, &["gopl"]).code(), 2, "neither a URL nor a host");
        assert_eq!(run(name, &["ftp://gopl.io/"]).code(), 2, "not the web");
    }
}
