//! crawl against responses given byte by byte: heads, encodings, fragments, redirects.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};

use crate::support::{Outcome, run};

/// The bytes of the response to a request whose head is given, line by line; `None` never responds.
type Respond = dyn Fn(&[String]) -> Option<Vec<u8>> + Send + Sync;

/// A server that closes the connection after each response.
pub(super) struct Server {
    pub(super) addr: SocketAddr,
    /// The heads of all requests.
    pub(super) heads: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Server {
    pub(super) fn start(
        respond: impl Fn(&[String]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let heads = Arc::<Mutex<Vec<Vec<String>>>>::default();
        let (respond, all): (Arc<Respond>, _) = (Arc::new(respond), Arc::clone(&heads));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (respond, all) = (Arc::clone(&respond), Arc::clone(&all));
                thread::spawn(move || {
                    let lines = BufReader::new(&client).lines().map_while(Result::ok);
                    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                    if head.is_empty() {
                        return;
                    }
                    all.lock().unwrap().push(head.clone());
                    match respond(&head) {
                        Some(response) => _ = (&client).write_all(&response), // it may disconnect
                        None => _ = (&client).read(&mut [0]),
                    }
                });
            }
        });
        Server { addr, heads }
    }

    /// A server of pages with the link `/b`, the first of which has this head and body.
    fn of_page(head: &str, body: &[u8]) -> Self {
        let page = [head.as_bytes(), b"\r\n", body].concat();
        Server::start(move |head| Some(if path(head) == "/a" { page.clone() } else { other(head) }))
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    fn paths(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads
            .iter()
            .map(|head| path(head).to_owned())
            .filter(|path| path != "/robots.txt")
            .collect()
    }
}

pub(super) fn path(head: &[String]) -> &str {
    head[0].split(' ').nth(1).unwrap_or_default()
}

pub(super) const HTML: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n";

pub(super) fn html(page: &str) -> Vec<u8> {
    format!("{HTML}\r\n{page}").into_bytes()
}

pub(super) fn not_found() -> Vec<u8> {
    b"HTTP/1.1 404 Not Found\r\n\r\n".to_vec()
}

fn other(head: &[String]) -> Vec<u8> {
    if path(head) == "/robots.txt" { not_found() } else { html("fine") }
}

fn crawl(server: &Server, args: &[&str]) -> Outcome {
    run("crawl", &[args, &[&*server.url("/a")]].concat())
}

#[test]
fn heads_that_curl_takes_are_mended() {
    let many = "X-Filler: x\r\n".repeat(300);
    let check = |headers: &str| {
        let server = Server::of_page(&format!("HTTP/1.1 200 OK\r\n{headers}"), b"<a href=/b>");
        let outcome = crawl(&server, &[]);
        assert_eq!(
            (outcome.code(), server.paths()),
            (0, vec!["/a".into(), "/b".into()]),
            "{headers} {outcome:?}"
        );
    };
    check("X: folded\r\n  into\r\n\ttwo\r\nContent-Type: text/html\r\n");
    check("Content-Type : text/html\r\nMy Header: x\r\n: x\r\nno colon\r\n");
    check(&format!("{many}Content-Type: text/html\r\n"));
    check("X: a\x01b\r\nContent-Type: text/html\r\n");
    check("X-No-Type: the body shows what it is\r\n");
    check("Content-Type: nonsense\r\n");
    let refused = crawl(&Server::of_page("HTTP/9 nonsense\r\n", b""), &[]);
    assert_eq!((refused.code(), refused.stderr.lines().count()), (1, 1), "{refused:?}");
}

fn compressed(mut encoder: impl Read) -> Vec<u8> {
    let mut body = Vec::new();
    encoder.read_to_end(&mut body).unwrap();
    body
}

#[test]
fn every_content_encoding_is_decoded_or_fails_by_name() {
    let (page, level) = (&b"<a href=/b>"[..], Compression::fast());
    let get = |name: &str, body: Vec<u8>| {
        let server = Server::of_page(&format!("{HTML}Content-Encoding: {name}\r\n"), &body);
        (crawl(&server, &[]), server)
    };
    // `printf '<a href=/b>' | brotli -c | xxd -i`, brotli 1.0.9
    let brotli =
        [0x1f, 0x0a, 0x00, 0xf8, 0x25, 0x5f, 0x7c, 0xc4, 0x4a, 0x13, 0x61, 0xa2, 0xa0, 0x9a, 0x72]
            .to_vec();
    for (name, body) in [
        ("x-gzip", compressed(GzEncoder::new(page, level))),
        ("gzip", compressed(GzEncoder::new(page, level))),
        ("deflate", compressed(ZlibEncoder::new(page, level))),
        ("deflate", compressed(DeflateEncoder::new(page, level))),
        ("br", brotli),
    ] {
        let (outcome, server) = get(name, body);
        assert_eq!((outcome.code(), server.paths().len()), (0, 2), "{name} {outcome:?}");
        let heads = server.heads.lock().unwrap();
        assert!(heads.iter().flatten().any(|line| line == "accept-encoding: gzip, deflate, br"));
    }
    let (outcome, server) = get("zstd", b"(\xb5/\xfd".to_vec());
    let error = format!("crawl: {}: Content-Encoding zstd is not supported\n", server.url("/a"));
    outcome.is(1, "", &error);
}

#[test]
fn fragments_are_found_as_browsers_find_them() {
    let server = Server::start(|head| {
        Some(match path(head) {
            "/a" => html(
                "<a href='#impl-A%3CT%3E'>raw</a><a href='#b%20c'>decoded</a><a href='#TOP'>top</a>
                 <a href='/b#sec:~:text=x'>directive</a><a href='#:~:text=y'>only a directive</a>
                 <a href='/own#no'>replaced</a><a href='/plain#sec'>inherited</a>
                 <a href='/plain#gone'>inherited, gone</a><a href='/bad'>its own, gone</a>
                 <p id='impl-A%3CT%3E'><p id='b c'>",
            ),
            "/b" => html("<p id=sec>"),
            "/own" => b"HTTP/1.1 302 -\r\nLocation: /b#sec\r\n\r\n".to_vec(),
            "/plain" => b"HTTP/1.1 302 -\r\nLocation: /b\r\n\r\n".to_vec(),
            "/bad" => b"HTTP/1.1 302 -\r\nLocation: /b#missing\r\n\r\n".to_vec(),
            _ => not_found(),
        })
    });
    let (bad, gone) = (server.url("/bad#missing"), server.url("/plain#gone"));
    let reason = "no such fragment";
    let expected = format!("{}\n    {bad}: {reason}\n    {gone}: {reason}\n", server.url("/a"));
    crawl(&server, &["check"]).is(1, &expected, "");
}

#[test]
fn a_robots_txt_that_fails_for_a_moment_is_requested_again() {
    let server = Server::start(|head| Some(other(head)));
    let n_requests = Arc::new(Mutex::new(0));
    let busy = Server::start(move |head| {
        let is_robots = path(head) == "/robots.txt";
        let mut n_requests = n_requests.lock().unwrap();
        *n_requests += usize::from(is_robots);
        Some(match (is_robots, *n_requests) {
            (true, 1) => b"HTTP/1.1 503 -\r\nRetry-After: 0\r\n\r\n".to_vec(),
            (true, _) => b"HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /b\n".to_vec(),
            _ => html("<a href=/b><a href=/c>"),
        })
    });
    assert_eq!(crawl(&server, &[]).code(), 0);
    assert_eq!(crawl(&busy, &[]).code(), 0);
    assert_eq!(busy.paths(), ["/a", "/c"]);
}

#[test]
fn the_user_agent_names_the_crawler_in_robots_txt() {
    let server = Server::start(|head| {
        Some(match path(head) {
            "/robots.txt" => b"HTTP/1.1 200 OK\r\n\r\nUser-agent: mybot\nDisallow: /b\n".to_vec(),
            _ => html("<a href=/b>"),
        })
    });
    crawl(&server, &["--user-agent", "MyBot/2.0"]);
    assert_eq!(server.paths(), ["/a"]);
}

#[test]
fn headers_are_sent_to_the_hosts_of_the_start_urls_only() {
    let server = Server::start(|head| {
        let is_start = head.iter().any(|line| line.starts_with("host: 127.0.0.1"));
        Some(match path(head) {
            "/a" if is_start => {
                let host = head.iter().find_map(|line| line.strip_prefix("host: ")).unwrap();
                let port = host.rsplit(':').next().unwrap();
                html(&format!("<a href=http://localhost:{port}/b><a href=/c>"))
            }
            _ => other(head),
        })
    });
    let outcome = crawl(&server, &["--span", "--header", "Authorization: secret"]);
    assert_eq!(outcome.code(), 0, "{outcome:?}");
    let heads = server.heads.lock().unwrap();
    let (mut with, mut without) = (BTreeSet::new(), BTreeSet::new());
    for head in &*heads {
        let has_header = head.iter().any(|line| line == "authorization: secret");
        let host = head.iter().find_map(|line| line.strip_prefix("host: ")).unwrap();
        let host = host.split(':').next().unwrap();
        if has_header { &mut with } else { &mut without }.insert(host);
    }
    assert_eq!((with, without), (BTreeSet::from(["127.0.0.1"]), BTreeSet::from(["localhost"])));
}

#[test]
fn a_location_in_latin_1_is_requested_byte_by_byte() {
    let server = Server::start(|head| {
        Some(match path(head) {
            "/a" => b"HTTP/1.1 302 -\r\nLocation: /\xfc?\xe4\r\n\r\n".to_vec(),
            _ => other(head),
        })
    });
    assert_eq!(crawl(&server, &[]).code(), 0);
    assert_eq!(server.paths(), ["/a", "/%FC?%E4"]);
}

#[test]
fn a_server_that_hangs_costs_one_timeout() {
    let server = Server::start(|head| (path(head) != "/a").then(not_found));
    let start = Instant::now();
    let outcome = crawl(&server, &["--timeout", "1s"]);
    assert_eq!(outcome.stderr, format!("crawl: {}: timed out\n", server.url("/a")));
    assert_eq!(server.paths(), ["/a"]);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn xhtml_is_read_as_xml_in_its_own_encoding() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/xhtml+xml\r\n";
    let page = b"<?xml version='1.0' encoding='iso-8859-1'?><html><title/><script src='/no'/>\
                 <a href='/\xe4'/></html>";
    let server = Server::of_page(head, page);
    assert_eq!(crawl(&server, &[]).code(), 0);
    assert_eq!(server.paths(), ["/a", "/%C3%A4"]);
    let dir = tempfile::tempdir().unwrap();
    let outcome = crawl(&server, &["mirror", dir.path().to_str().unwrap()]);
    let copy = outcome.lines().into_iter().find(|line| line.contains(".xhtml")).unwrap().to_owned();
    let copy = std::fs::read_to_string(copy).unwrap();
    assert!(copy.contains("encoding='UTF-8'") && copy.contains("<script src='"), "{copy}");
}

#[test]
fn what_is_left_out_of_a_page_is_said() {
    let many = (0..200_010).fold(String::new(), |page, i| page + &format!("<a href=?{i}>"));
    let check = |page: &str, warning: &str| {
        let server = Server::of_page(HTML, page.as_bytes());
        let expected = format!("crawl: {}: {warning}\n", server.url("/a"));
        crawl(&server, &["--depth", "0"]).is(1, &format!("{}\n", server.url("/a")), &expected);
    };
    check(&many, "more than 200000 links: left out 10");
    check(
        &format!("<a title='{}'>", "x".repeat(5 << 20)),
        "tags or style sheets too long to read: 1",
    );
    check(&format!("<a href=/{}>", "x".repeat(70_000)), "links too long to follow: 1");
    let server = Server::of_page(HTML, format!("<a href=/{}>", "x".repeat(9_000)).as_bytes());
    assert_eq!((crawl(&server, &[]).code(), server.paths().len()), (0, 2), "9 KB are followed");
    // A page that is too large exists: links to it are not broken.
    let large = format!("<a href=/b>{}", " ".repeat(20_000));
    let server = Server::of_page(HTML, large.as_bytes());
    let error = format!("crawl: {}: the body is too large\n", server.url("/a"));
    crawl(&server, &["check", "--max-body", "10000"]).is(1, "", &error);
}

#[test]
fn sitemaps_of_every_form() {
    let server = Server::start(|head| {
        let xml =
            |text: &str| format!("HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n\r\n{text}").into();
        Some(match path(head) {
            "/robots.txt" => b"HTTP/1.1 200 OK\r\n\r\nSitemap: index.xml\n".to_vec(),
            "/index.xml" => {
                xml("<x:sitemapindex xmlns:x='y'><x:sitemap><x:loc>/map</x:loc></x:sitemap>\
                                 <x:sitemap><x:loc>/map.txt</x:loc></x:sitemap></x:sitemapindex>")
            }
            "/map" => xml("<urlset><url><loc a='b'><![CDATA[/b]]></loc></url></urlset>"),
            "/map.txt" => {
                let host = head.iter().find_map(|line| line.strip_prefix("host: ")).unwrap();
                format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nhttp://{host}/c\n")
                    .into()
            }
            _ => html("fine"),
        })
    });
    assert_eq!(crawl(&server, &["--sitemap"]).code(), 0);
    let paths: BTreeSet<String> = server.paths().into_iter().collect();
    let expected = ["/a", "/b", "/c", "/index.xml", "/map", "/map.txt"];
    assert_eq!(paths, expected.map(str::to_owned).into());
    // A site without one is no failure.
    let server =
        Server::start(|head| Some(if path(head) == "/a" { html("") } else { not_found() }));
    crawl(&server, &["--sitemap"]).is(0, &format!("{}\n", server.url("/a")), "");
    let paths: BTreeSet<String> = server.paths().into_iter().collect();
    assert_eq!(paths, ["/a", "/sitemap.xml"].map(str::to_owned).into());
}
