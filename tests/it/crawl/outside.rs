//! crawl check beyond the site: links to other hosts, and which answers are good.

use std::collections::BTreeMap;

use super::wire::{HTML, Server, html, not_found, path};
use crate::support::run;

/// Methods and paths of all requests to a server, and how often each came.
fn requests(server: &Server) -> BTreeMap<String, usize> {
    let mut requests = BTreeMap::new();
    for head in server.heads.lock().unwrap().iter() {
        let line = head[0].trim_end_matches(" HTTP/1.1");
        *requests.entry(line.to_owned()).or_default() += 1;
    }
    requests
}

fn status(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\n\r\n").into_bytes()
}

/// A host with a path for each way to answer HEAD and GET.
fn other_host() -> Server {
    Server::start(|head| {
        let is_head = head[0].starts_with("HEAD ");
        Some(match path(head) {
            "/robots.txt" => b"HTTP/1.1 200 OK\r\n\r\nUser-agent: *\nDisallow: /".to_vec(),
            "/no-head-405" if is_head => status("405 Method Not Allowed", ""),
            "/no-head-404" if is_head => not_found(),
            "/no-head-at-all" if is_head => Vec::new(),
            "/gone" => not_found(),
            "/moved" => status("301 Moved Permanently", "Location: /page\r\n"),
            "/lost" => status("302 Found", "Location: /gone\r\n"),
            "/forbidden" => status("403 Forbidden", ""),
            _ if is_head => format!("{HTML}Content-Length: 5000\r\n\r\n").into_bytes(),
            _ => html("<a href=/never>"),
        })
    })
}

/// A site whose two pages link to the paths of another host.
fn site(other: &Server, paths: &[&str]) -> Server {
    let link = |path: &&str| format!("<a href='{}'>x</a>", other.url(path));
    let links: Vec<String> = paths.iter().map(link).collect();
    let page = html(&format!("<a href=/b>b</a>{}", links.concat()));
    Server::start(move |head| {
        Some(if path(head) == "/robots.txt" { not_found() } else { page.clone() })
    })
}

#[test]
fn outside_urls_are_asked_for_once_and_not_crawled() {
    let other = other_host();
    let paths = ["/page", "/page#x", "/no-head-405", "/no-head-404", "/no-head-at-all", "/moved"];
    let site = site(&other, &paths);
    let start = site.url("/a");
    let header = ["--header", "Authorization: Basic c2VjcmV0"];
    run("crawl", &["check", &*start]).is(0, "", "");
    assert_eq!(requests(&other), BTreeMap::new(), "only if they are asked for");
    let outcome = run("crawl", &[&header[..], &["check", "--external", &start]].concat());
    outcome.is(0, "", "");
    let expected = [
        ("GET /no-head-404", 1),
        ("GET /no-head-405", 1),
        ("GET /no-head-at-all", 1),
        ("HEAD /moved", 1),
        ("HEAD /no-head-404", 1),
        ("HEAD /no-head-405", 1),
        ("HEAD /page", 1), // the target of /moved, too
    ];
    let mut asked = requests(&other);
    // A connection that is closed without an answer is tried twice.
    assert!(asked.remove("HEAD /no-head-at-all").is_some_and(|n| n <= 2));
    let expected = expected.map(|(line, n)| (line.to_owned(), n));
    assert_eq!(asked, BTreeMap::from(expected));
    let heads = other.heads.lock().unwrap().concat();
    assert!(!heads.iter().any(|line| line.to_ascii_lowercase().starts_with("authorization")));
}

#[test]
fn broken_outside_links_are_reported_with_their_pages() {
    let other = other_host();
    let site = site(&other, &["/gone", "/lost", "/forbidden", "/page"]);
    let args = ["check", "--external", "--exclude", "/page$", &*site.url("/a")];
    let outcome = run("crawl", &args);
    let (forbidden, gone, lost) = (other.url("/forbidden"), other.url("/gone"), other.url("/lost"));
    let links = format!(
        "    {forbidden}: 403 Forbidden\n    {gone}: 404 Not Found\n    {lost}: redirects to {gone}: 404 Not Found\n"
    );
    let (a, b) = (site.url("/a"), site.url("/b"));
    outcome.is(1, &format!("{a}\n{links}{b}\n{links}"), "");
    assert!(!requests(&other).contains_key("HEAD /page"), "patterns select outside URLs, too");
    let accepted = run("crawl", &[&args[..], &["--accept", "403,404-410"]].concat());
    accepted.is(0, "", "");
}

#[test]
fn a_redirect_out_of_the_site_is_an_outside_link() {
    let other = other_host();
    let target = other.url("/gone");
    let site = Server::start(move |head| {
        Some(match path(head) {
            "/a" => html("<a href=/away>x</a>"),
            "/away" => status("302 Found", &format!("Location: {target}\r\n")),
            _ => not_found(),
        })
    });
    let start = site.url("/a");
    run("crawl", &["check", &*start]).is(0, "", "");
    let broken = format!(
        "{start}\n    {}: redirects to {}: 404 Not Found\n",
        site.url("/away"),
        other.url("/gone")
    );
    run("crawl", &["check", "--external", &*start]).is(1, &broken, "");
    let away = site.url("/away");
    let out_of_scope =
        format!("start URLs\n    {away}: redirects to {}: 404 Not Found\n", other.url("/gone"));
    run("crawl", &["check", "--external", &*away]).is(1, &out_of_scope, "");
}

#[test]
fn accepted_status_codes_are_no_failures() {
    let site = Server::start(|head| {
        Some(match path(head) {
            "/a" => html("<a href=/teapot>x</a><a href=/busy>y</a>"),
            "/teapot" => status("418 I'm a teapot", ""),
            "/busy" => status("429 Too Many Requests", ""),
            _ => not_found(),
        })
    });
    let start = site.url("/a");
    let check =
        |args: &[&str]| run("crawl", &[&["check", "--retries", "0"], args, &[&*start]].concat());
    let (busy, teapot) = (site.url("/busy"), site.url("/teapot"));
    let busy = format!("    {busy}: 429 Too Many Requests\n");
    check(&[]).is(1, &format!("{start}\n{busy}    {teapot}: 418 I'm a teapot\n"), "");
    check(&["--accept", "418"]).is(1, &format!("{start}\n{busy}"), "");
    check(&["--accept", "200-299,418,429"]).is(0, "", "");
    check(&["--accept", "400-499"]).is(0, "", "");
    for wrong in ["", "x", "5", "429-400", "400-", "1000"] {
        assert_eq!(check(&["--accept", wrong]).code(), 2, "{wrong}");
    }
}

#[test]
fn a_url_without_a_scheme_is_http() {
    let site = Server::start(|_| Some(html("fine")));
    let port = site.addr.port();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("http://{host}:{port}/a");
        run("crawl", &[format!("{host}:{port}/a")]).is(0, &format!("{url}\n"), "");
    }
    assert_eq!(run("crawl", &["chekc", "localhost:1"]).code(), 2, "a word is no host");
}
