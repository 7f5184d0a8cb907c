//! `crawl mirror --update` against a server that knows what has changed (RFC 9110, 13).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::wire::{self, Server, not_found};
use crate::support::{Outcome, run};

/// A file of the server: its media type, validators as headers, and body.
type SiteFile = (&'static str, &'static str, &'static str);

/// The files of the server, by path.
type Files = Arc<Mutex<BTreeMap<&'static str, SiteFile>>>;

/// A server that responds 304 to a request with the current `ETag`, or without one and with the current
/// date.
fn serve(files: &Files) -> Server {
    let files = Arc::clone(files);
    Server::start(move |head| {
        let Some(&(mime, validators, body)) = files.lock().unwrap().get(wire::path(head)) else {
            return Some(not_found());
        };
        let value = |name: &str| head.iter().find_map(|line| line.strip_prefix(name));
        let is_same = match (value("if-none-match: "), value("if-modified-since: ")) {
            (Some(etag), _) => validators.contains(&format!("ETag: {etag}\r\n")),
            (None, Some(date)) => validators.contains(&format!("Last-Modified: {date}\r\n")),
            (None, None) => false,
        };
        let (status, body) = if is_same { ("304 Not Modified", "") } else { ("200 OK", body) };
        Some(format!("HTTP/1.1 {status}\r\nContent-Type: {mime}\r\n{validators}\r\n{body}").into())
    })
}

/// Updates the copy in `dir`. Returns the outcome, and the paths requested and how often they were
/// requested with a condition.
fn update(server: &Server, dir: &Path, args: &[&str]) -> (Outcome, BTreeMap<String, bool>) {
    server.heads.lock().unwrap().clear();
    let (dir, url) = (dir.to_str().unwrap(), server.url("/"));
    let outcome = run("crawl", &[&["mirror", dir, "--update"], args, &[&*url]].concat());
    let heads = std::mem::take(&mut *server.heads.lock().unwrap());
    let is_conditional = |head: &Vec<String>| head.iter().any(|line| line.starts_with("if-"));
    let requests = heads.iter().map(|head| (wire::path(head).to_owned(), is_conditional(head)));
    (outcome, requests.filter(|(path, _)| path != "/robots.txt").collect())
}

/// The paths that were fetched, and those that had not changed.
fn conditional(requests: &BTreeMap<String, bool>) -> (Vec<&str>, Vec<&str>) {
    let with = |wanted: bool| {
        requests.iter().filter(move |(_, is)| **is == wanted).map(|(path, _)| &**path).collect()
    };
    (with(false), with(true))
}

const HTML: &str = "text/html; charset=iso-8859-1";
const TAG: &str = "ETag: \"one\"\r\n";
const DATE: &str = "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
const BOTH: &str = "ETag: W/\"two\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n";

fn site() -> Files {
    let start = "<a href=/b>b</a> <a href=/new>new</a> <a href=/c>c</a> <img src=/i.png>";
    let files: [(&str, SiteFile); 6] = [
        ("/", (HTML, TAG, start)),
        ("/b", (HTML, DATE, "<link rel=stylesheet href=/s.css>caf\u{e9}")),
        ("/c", (HTML, BOTH, "<a href=/d>")),
        ("/d", (HTML, "", "no validators")),
        ("/i.png", ("image/png", TAG, "\x00png")),
        ("/s.css", ("text/css", BOTH, "a { background: url(i.png) }")),
    ];
    Arc::new(Mutex::new(files.into()))
}

/// The host's folder in a copy, and the contents and times of all files below it.
fn copies(dir: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    let host = fs::read_dir(dir).unwrap().flatten().map(|entry| entry.path());
    let host = host.filter(|path| !path.ends_with(".crawl")).last().unwrap();
    let files = super::files(&host).into_iter();
    let time = |name: &str| fs::metadata(host.join(name)).unwrap().modified().unwrap();
    files.map(|(name, bytes)| (name.clone(), (bytes, time(&name)))).collect()
}

#[test]
fn only_what_changed_is_fetched() {
    let (files, temp) = (site(), tempfile::tempdir().unwrap());
    let (server, dir) = (serve(&files), temp.path());
    let (first, requests) = update(&server, dir, &[]);
    assert_eq!((first.code(), first.lines().len()), (1, 6), "/new is missing: {first:?}");
    assert_eq!(conditional(&requests).1, [""; 0]);
    let before = copies(dir);
    assert_eq!(before.len(), 6, "{:?}", before.keys());

    // All pages are reached through those that have not changed.
    let (second, requests) = update(&server, dir, &["--stats"]);
    assert_eq!(
        conditional(&requests),
        (vec!["/d", "/new"], vec!["/", "/b", "/c", "/i.png", "/s.css"])
    );
    assert_eq!(second.stdout, "", "/d was fetched, but has not changed: {second:?}");
    assert!(second.stderr.contains("6 pages, 5 unchanged, 1 failed"), "{second:?}");
    let after = copies(dir);
    for (name, copy) in before.iter().filter(|(name, _)| !name.starts_with('d')) {
        assert_eq!(copy, &after[name], "{name} was written again");
    }

    // A page appears, one changes, one goes.
    let start = String::from_utf8(after["index.html"].0.clone()).unwrap();
    assert!(start.contains(&format!("href=\"{}\"", server.url("/new"))), "{start}");
    {
        let mut files = files.lock().unwrap();
        files.insert("/new", (HTML, TAG, "<a href=/>"));
        files.insert("/b", (HTML, "Last-Modified: Thu, 22 Oct 2015 07:28:00 GMT\r\n", "now"));
        files.remove("/c");
    }
    let (third, requests) = update(&server, dir, &[]);
    assert_eq!(conditional(&requests), (vec!["/new"], vec!["/", "/b", "/c", "/i.png"]));
    assert_eq!(third.lines().len(), 3, "/, /b and /new: {third:?}");
    let gone = third.stderr.lines().filter(|line| line.contains("kept; "));
    let mut reasons: Vec<&str> = gone.map(|line| line.rsplit(": ").next().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["404 Not Found", "no page links to it"], "/c and /s.css: {third:?}");
    let after = copies(dir);
    assert_eq!(after.len(), 7, "nothing is deleted");
    let is_local = after["index.html"].0.windows(11).any(|link| link == b"\"new~.html\"");
    assert!(is_local, "the link to a new page is local");
    assert_eq!(after["b~.html"].0, b"now");
    assert_eq!(update(&server, dir, &[]).0.stderr.matches("kept").count(), 0, "it was said");
}

#[test]
fn what_was_changed_or_damaged_here_is_fetched_again() {
    let (files, temp) = (site(), tempfile::tempdir().unwrap());
    let (server, dir) = (serve(&files), temp.path());
    update(&server, dir, &[]);
    let before = copies(dir);
    let host = format!("http~{}", server.url("").replace("http://", "").replace(':', "~"));
    fs::write(dir.join(&host).join("i.png"), "edited").unwrap();
    fs::remove_file(dir.join(&host).join("b~.html")).unwrap();
    let (outcome, requests) = update(&server, dir, &[]);
    assert_eq!(conditional(&requests).0, ["/b", "/d", "/i.png", "/new"], "{outcome:?}");
    let contents = |copies: &BTreeMap<String, (Vec<u8>, _)>| -> Vec<Vec<u8>> {
        copies.values().map(|(bytes, _)| bytes.clone()).collect()
    };
    assert_eq!(contents(&copies(dir)), contents(&before));
    for original in fs::read_dir(dir.join(".crawl/originals")).unwrap() {
        fs::write(original.unwrap().path(), "damaged").unwrap();
    }
    let (outcome, _) = update(&server, dir, &[]);
    assert_eq!((outcome.code(), contents(&copies(dir))), (1, contents(&before)), "{outcome:?}");
    fs::write(dir.join(".crawl/index.jsonl"), "nonsense").unwrap();
    let (outcome, _) = update(&server, dir, &[]);
    assert_eq!((outcome.code(), outcome.stderr.lines().count()), (1, 1), "{outcome:?}");
}

#[test]
fn other_options_forget_nothing() {
    let (files, temp) = (site(), tempfile::tempdir().unwrap());
    let (server, dir) = (serve(&files), temp.path());
    update(&server, dir, &[]);
    let (outcome, requests) = update(&server, dir, &["--exclude", "[bc]$|new"]);
    outcome.is(0, "", "");
    assert_eq!(conditional(&requests), (vec![], vec!["/", "/i.png"]));
    let start = copies(dir)["index.html"].0.clone();
    let (_, requests) = update(&server, dir, &[]);
    assert_eq!(
        conditional(&requests),
        (vec!["/d", "/new"], vec!["/", "/b", "/c", "/i.png", "/s.css"])
    );
    assert_eq!(copies(dir)["index.html"].0, start);
}
