//! crawl's way to a server: certificates, proxies and cookies.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::wire::{Server, html, not_found, path};
use crate::support::{Outcome, command, outcome, run};

/// Serves one page over TLS with a certificate for `host`. Returns the port and the certificate of
/// the authority.
fn serve_tls(host: &str) -> (u16, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let pem = authority.self_signed(&key).unwrap().pem();
    let issuer = rcgen::Issuer::new(authority, key);
    let own = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec![host.to_owned()]).unwrap();
    let certificate = params.signed_by(&own, &issuer).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key);
    let config = Arc::new(config.unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut stream = rustls::StreamOwned::new(connection, client.unwrap());
            _ = stream.read(&mut [0; 4096]); // a client that does not trust us disconnects
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\n";
            _ = write!(stream, "{head}Content-Length: 4\r\n\r\nfine");
            stream.conn.send_close_notify();
            _ = stream.flush();
        }
    });
    (port, pem)
}

#[test]
fn only_valid_certificates_are_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let check = |host: &str, trusted: bool| {
        let (port, pem) = serve_tls(host);
        let (file, url) = (dir.path().join(host), format!("https://localhost:{port}/"));
        fs::write(&file, pem).unwrap();
        let cacert = ["--cacert", file.to_str().unwrap()];
        run("crawl", &[if trusted { &cacert[..] } else { &[] }, &[&*url]].concat())
    };
    let good = check("localhost", true);
    assert!(good.code() == 0 && good.lines().len() == 1, "{good:?}");
    for (host, trusted, reason) in
        [("localhost", false, "UnknownIssuer"), ("elsewhere", true, "not valid for name")]
    {
        let refused = check(host, trusted);
        assert_eq!((refused.code(), refused.stderr.lines().count()), (1, 1), "{refused:?}");
        assert!(refused.stderr.contains("invalid peer certificate"), "{refused:?}");
        assert!(refused.stderr.contains(reason), "{refused:?}");
    }
}

#[test]
fn an_insecure_crawl_says_so_once() {
    let (port, _) = serve_tls("elsewhere");
    let url = format!("https://localhost:{port}/");
    let outcome = run("crawl", &["--insecure", "-n", "2", &url]);
    let warning = "crawl: --insecure: certificates are not checked\n";
    outcome.is(0, &format!("{url}\n"), warning);
}

/// An HTTP proxy that takes the absolute form and CONNECT, and sends everything to one server.
struct Proxy {
    addr: SocketAddr,
    /// The first line and the credentials of each request.
    requests: Arc<Mutex<Vec<ProxyRequest>>>,
}

/// The first line of a request, and its Proxy-Authorization.
type ProxyRequest = (String, Option<String>);

impl Proxy {
    fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let all = Arc::clone(&requests);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let all = Arc::clone(&all);
                thread::spawn(move || _ = serve(&client, server, &all)); // either side may disconnect
            }
        });
        Proxy { addr, requests }
    }

    fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    fn lines(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests.iter().map(|(line, _)| line.clone()).collect()
    }
}

fn serve(client: &TcpStream, server: SocketAddr, all: &Mutex<Vec<ProxyRequest>>) -> io::Result<()> {
    let lines = BufReader::new(client).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let Some((first, headers)) = head.split_first() else { return Ok(()) };
    let is_credential = |line: &&String| line.starts_with("Proxy-Authorization: ");
    all.lock().unwrap().push((first.clone(), headers.iter().find(is_credential).cloned()));
    let words: Vec<&str> = first.split(' ').collect();
    let mut upstream = TcpStream::connect(server)?;
    if words[0] == "CONNECT" {
        write!(&*client, "HTTP/1.1 200 Connection established\r\n\r\n")?;
        let (mut from, mut to) = (client.try_clone()?, upstream.try_clone()?);
        thread::spawn(move || {
            _ = io::copy(&mut from, &mut to);
            to.shutdown(Shutdown::Write)
        });
    } else if let Some(rest) = words[1].strip_prefix("http://") {
        let path = &rest[rest.find('/').unwrap()..];
        let kept: Vec<&str> =
            headers.iter().filter(|line| !is_credential(line)).map(|l| &**l).collect();
        write!(upstream, "{} {path} HTTP/1.1\r\n{}\r\n\r\n", words[0], kept.join("\r\n"))?;
    } else {
        return write!(&*client, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    }
    io::copy(&mut upstream, &mut &*client)?;
    client.shutdown(Shutdown::Both)
}

/// A site of two pages.
fn site() -> Server {
    Server::start(|head| {
        let page = match path(head) {
            "/robots.txt" => not_found(),
            "/a" => html("<a href=/b>"),
            _ => html("fine"),
        };
        Some(page)
    })
}

/// Runs crawl with these variables.
fn crawl_with(variables: &[(&str, &str)], args: &[&str]) -> Outcome {
    let mut command = command("crawl", args);
    command.envs(variables.iter().copied());
    outcome(command)
}

#[test]
fn plain_requests_go_through_a_proxy_in_the_absolute_form() {
    let site = site();
    let expected = [
        "GET http://site.test/robots.txt HTTP/1.1",
        "GET http://site.test/a HTTP/1.1",
        "GET http://site.test/b HTTP/1.1",
    ];
    for all in ["http_proxy", "all_proxy", "ALL_PROXY", "--proxy"] {
        let proxy = Proxy::start(site.addr);
        let (url, start) = (proxy.url(), "http://site.test/a"); // a name that no resolver knows
        let outcome = match all {
            "--proxy" => {
                crawl_with(&[("http_proxy", "http://127.0.0.1:1")], &["--proxy", &url, start])
            }
            name => crawl_with(&[(name, &url)], &[start]),
        };
        outcome.is(0, "http://site.test/a\nhttp://site.test/b\n", "");
        assert_eq!(proxy.lines(), expected, "{all}");
    }
}

#[test]
fn secure_requests_go_through_a_tunnel() {
    let (port, _) = serve_tls("site.test");
    let proxy = Proxy::start(SocketAddr::from(([127, 0, 0, 1], port)));
    let with_password = proxy.url().replace("http://", "http://user:pass%40word@");
    let start = "https://site.test/";
    let outcome =
        crawl_with(&[("HTTPS_PROXY", &with_password)], &["--insecure", "--no-robots", start]);
    assert_eq!((outcome.code(), &*outcome.stdout), (0, "https://site.test/\n"), "{outcome:?}");
    let request = proxy.requests.lock().unwrap().clone();
    let credentials = "Proxy-Authorization: Basic dXNlcjpwYXNzQHdvcmQ=".to_owned(); // user:pass@word
    assert_eq!(request, [("CONNECT site.test:443 HTTP/1.1".to_owned(), Some(credentials))]);
}

#[test]
fn a_proxy_gets_credentials_with_plain_requests_too() {
    let site = site();
    let proxy = Proxy::start(site.addr);
    let with_password = proxy.url().replace("http://", "http://user:word@");
    let args = ["--proxy", &*with_password, "--no-robots", "http://site.test/b"];
    assert_eq!(crawl_with(&[], &args).code(), 0);
    let request = proxy.requests.lock().unwrap().clone();
    let credentials = "Proxy-Authorization: Basic dXNlcjp3b3Jk".to_owned();
    assert_eq!(request, [("GET http://site.test/b HTTP/1.1".to_owned(), Some(credentials))]);
    let seen_by_site = site.heads.lock().unwrap().concat().join("\n");
    assert!(!seen_by_site.contains("dXNlcjp3b3Jk"), "{seen_by_site}");
}

#[test]
fn hosts_without_a_proxy_and_proxies_that_are_none() {
    let site = site();
    let proxy = Proxy::start(site.addr);
    let (url, start) = (proxy.url(), site.url("/b"));
    for no_proxy in ["*", "example.org,127.0.0.1", "127.0.0.0/8"] {
        let variables = [("http_proxy", &*url), ("no_proxy", no_proxy)];
        crawl_with(&variables, &[&start]).is(0, &format!("{start}\n"), "");
    }
    // A CGI program gets HTTP_PROXY from the header Proxy of its client, so it does not count.
    crawl_with(&[("HTTP_PROXY", &url)], &[&start]).is(0, &format!("{start}\n"), "");
    assert_eq!(proxy.lines(), [""; 0]);
    let outcome = crawl_with(&[("http_proxy", "no proxy")], &[&start]);
    outcome.is(1, "", "crawl: http_proxy: no proxy: no URL of a proxy\n");
    assert_eq!(crawl_with(&[], &["--proxy", "ftp://host", &start]).code(), 2);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let args = ["--retries", "0", "--no-robots", "--proxy", &format!("http://{closed}"), &*start];
    let outcome = crawl_with(&[], &args);
    let error = format!("through the proxy {closed}: Connection refused (os error 111)");
    outcome.is(1, "", &format!("crawl: {start}: {error}\n"));
}

#[test]
fn cookies_come_back_within_a_run_and_from_a_file() {
    let site = Server::start(|head| {
        let has = |cookie: &str| {
            head.iter().any(|line| {
                line.to_ascii_lowercase().starts_with("cookie: ") && line.contains(cookie)
            })
        };
        Some(match path(head) {
            "/a" if has("session=1") => html("<a href=/members>"),
            "/a" => b"HTTP/1.1 302 Found\r\nSet-Cookie: session=1\r\nSet-Cookie: x=y; Path=/other\r\nLocation: /b\r\n\r\n"
                .to_vec(),
            "/b" if has("session=1") && !has("x=y") => html("<a href=/members>"),
            "/members" if has("session=1") && has("key=2") => html("fine"),
            _ => not_found(),
        })
    });
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, "#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tkey\t2\n").unwrap();
    let (file, start) = (file.path().to_str().unwrap(), site.url("/a"));
    let (b, members) = (site.url("/b"), site.url("/members"));
    let gone = format!("crawl: {members}: 404 Not Found\n");
    run("crawl", &[&*start]).is(1, &format!("{b}\n"), &gone);
    run("crawl", &["--cookies", file, &start]).is(0, &format!("{b}\n{members}\n"), "");
    let given = run("crawl", &["--header", "Cookie: key=2", &start]);
    given.is(0, &format!("{b}\n{members}\n"), "");
    fs::write(file, "no cookie").unwrap();
    let outcome = run("crawl", &["--cookies", file, &start]);
    assert_eq!((outcome.code(), outcome.stderr.lines().count()), (2, 1), "{outcome:?}");
    assert!(outcome.stderr.contains("line 1: 1 fields instead of 7"), "{outcome:?}");
}
