//! 8.6, 8.7 crawl, on a site full of traps.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use url::Url;

use crate::support::{Outcome, Process, command, eventually, limited, outcome, run};
use web::{ORDINARY, Robots, Site};

mod folder;
mod resume;
mod update;
#[path = "../../scripts/site/web.rs"]
mod web;

mod network;
mod outside;
mod report;
mod wire;

/// Runs `crawl ARGS URL-OF-PATH`.
fn crawl(site: &Site, args: &[&str], path: &str) -> Outcome {
    let url = site.url(path);
    run("crawl", &[args, &[&*url]].concat())
}

/// The set of paths printed; each must be printed once.
fn printed(outcome: &Outcome, site: &Site) -> BTreeSet<String> {
    let lines = outcome.lines();
    let paths: BTreeSet<String> = lines.iter().map(|url| url.replace(&site.url(""), "")).collect();
    assert_eq!(paths.len(), lines.len(), "printed twice: {outcome:?}");
    paths
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|&path| path.to_owned()).collect()
}

#[test]
fn each_page_within_the_depth_is_fetched_once() {
    for depth in 0..=5 {
        let site = Site::start();
        let outcome = crawl(&site, &["-depth", &depth.to_string()], "/web/");
        let within = ORDINARY.iter().filter(|(links, _)| *links <= depth).map(|(_, path)| *path);
        let expected: BTreeMap<String, usize> = within.map(|path| (path.to_owned(), 1)).collect();
        assert_eq!(site.requests(), expected, "depth {depth}");
        let mut fetched: BTreeSet<String> = expected.into_keys().collect();
        let is_gone = fetched.remove("/web/gone");
        assert_eq!(printed(&outcome, &site), fetched);
        assert_eq!(outcome.code(), i32::from(is_gone));
    }
}

#[test]
fn several_start_urls_and_one_that_is_unreachable() {
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let site = Site::start();
    let refused = format!("http://{refusing}/");
    let starts = [&*site.url("/web/b/e#x"), &*site.url("/web/b/%65?"), &*refused];
    let outcome = run("crawl", &[&["--retries", "0"][..], &starts].concat());
    assert_eq!(outcome.code(), 1);
    assert_eq!(printed(&outcome, &site), set(&["/web/b/e"]));
    assert_eq!(outcome.stderr.lines().count(), 1, "{outcome:?}");
    assert!(
        outcome.stderr.starts_with(&format!("crawl: {refused}: robots.txt: Connection refused"))
    );
}

#[test]
fn requests_in_flight_are_bounded() {
    for (args, most) in [(["-n", "3"], 3), (["--per-host", "2"], 2)] {
        let site = Site::start();
        let outcome = crawl(&site, &args, "/bench/200/500/2/0");
        assert_eq!(outcome.lines().len(), 200, "{outcome:?}");
        assert!(site.n_in_flight_max() <= most, "{args:?}: {} at once", site.n_in_flight_max());
    }
}

#[test]
fn all_traps_at_once_fit_in_256_megabytes() {
    let site = Site::start();
    let args = ["--depth", "1", "--timeout", "4s", "--retries", "1", &site.url("/")];
    let outcome = outcome(limited("-d 262144", "crawl", &args));
    assert_eq!(outcome.code(), 1, "{outcome:?}");
    let error = |path: &str, cause: &str| {
        let line = format!("crawl: {}: {cause}", site.url(path));
        assert!(outcome.stderr.contains(&line), "{line} is not in {}", outcome.stderr);
    };
    error("/drip", "timed out");
    error("/never", "timed out");
    error("/bomb", "the body is too large");
    error("/stream", "the body is too large");
    error("/short", "the server closed the connection");
    error("/reset", "Connection reset by peer (os error 104)");
    error("/status/410", "410 Gone");
    error("/status/500", "500 Internal Server Error");
    error("/hops/40", "more than 10 redirects");
    error("/loop/b", "redirects in a circle");
    error("/page/long-url", "links too long to follow: 1");
    error("/page/wide-tag", "tags or style sheets too long to read: 1");
    let printed = printed(&outcome, &site);
    for path in [
        "/web/",
        "/flaky",
        "/stale",
        "/long",
        "/busy",
        "/page/attributes",
        "/page/nested",
        "/slow/",
    ] {
        assert!(printed.contains(path), "{path} is not in {printed:?}");
    }
    assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
}

#[test]
fn links_are_found_on_hostile_pages() {
    for name in ["attributes", "malformed", "unclosed", "nested", "flat", "wide-tag", "long-url"] {
        let site = Site::start();
        let path = format!("/page/{name}");
        let outcome = crawl(&site, &[], &path);
        assert_eq!(printed(&outcome, &site), set(&[&path, "/web/b/e"]));
    }
}

#[test]
fn an_endless_site_ends_at_the_limit() {
    let site = Site::start();
    let outcome = crawl(&site, &["--max-pages", "500"], "/calendar/0");
    assert_eq!((outcome.code(), outcome.lines().len()), (1, 500));
    assert_eq!(outcome.stderr, "crawl: stopped at the limit: --max-pages is 500\n");
}

#[test]
fn redirects_are_followed_in_scope() {
    let check = |args: &[&str], path: &str, code: i32, expected: &[&str]| {
        let site = Site::start();
        let outcome = crawl(&site, args, path);
        assert_eq!((outcome.code(), printed(&outcome, &site)), (code, set(expected)), "{path}");
        outcome.stderr
    };
    assert_eq!(check(&[], "/hops/5", 0, &["/web/b/e"]), "");
    assert!(check(&[], "/hops/11", 1, &[]).ends_with(": more than 10 redirects\n"));
    assert!(check(&[], "/loop/a", 1, &[]).ends_with("/loop/b: redirects in a circle\n"));
    assert!(check(&[], "/away/e", 1, &[]).contains("out of scope"));
    let site = Site::start();
    let other = format!("localhost:{}", site.addr().port());
    let outcome = crawl(&site, &["--hosts", &other], "/away/e");
    outcome.is(0, &format!("http://{other}/web/b/e\n"), "");
}

#[test]
fn every_charset_is_decoded() {
    for name in ["utf-8", "utf-8-mark", "utf-16le", "utf-16be", "header", "meta", "none"] {
        let site = Site::start();
        let path = format!("/charset/{name}");
        let outcome = crawl(&site, &[], &path);
        assert_eq!(printed(&outcome, &site), set(&[&path, "/page/found?%C3%BC"]), "{name}");
    }
}

#[test]
fn robots_txt_and_nofollow_are_obeyed_by_default() {
    let check = |robots: Robots, args: &[&str], path: &str, expected: &[&str]| {
        let site = Site::with_robots(robots);
        let outcome = crawl(&site, args, path);
        let requested: BTreeSet<String> = site.requests().into_keys().collect();
        assert_eq!(requested, set(expected), "{robots:?} {args:?} {path} {outcome:?}");
        outcome
    };
    let rules = Robots::Text("User-agent: *\nDisallow: /web/b\nAllow: /web/b/e$\n");
    check(rules, &[], "/web/", &["/web/", "/web/a", "/web/a?q=1&r"]);
    check(rules, &["--no-robots", "--depth", "1"], "/web/", &["/web/", "/web/a", "/web/b/"]);
    let outcome = check(rules, &[], "/web/b/c", &[]);
    assert!(outcome.stderr.ends_with("/web/b/c: forbidden by robots.txt\n"), "{outcome:?}");
    check(rules, &[], "/web/b/e", &["/web/b/e"]);
    let outcome = check(Robots::Status(503), &["--retries", "0"], "/web/", &[]);
    assert!(outcome.stderr.ends_with("robots.txt: 503 Service Unavailable\n"), "{outcome:?}");
    for path in ["/page/nofollow", "/page/meta-nofollow", "/nofollow"] {
        check(Robots::Missing, &[], path, &[path]);
        check(Robots::Missing, &["--no-robots"], path, &[path, "/web/b/e"]);
    }
    check(
        Robots::Missing,
        &["--sitemap"],
        "/web/b/frame",
        &["/sitemap.xml", "/web/b/e", "/web/b/frame"],
    );
    // An index in robots.txt leads to a sitemap that is gzipped.
    let maps = ["/sitemap.xml/index", "/sitemap.xml/map.xml.gz"];
    check(
        Robots::Missing,
        &["--sitemap"],
        maps[0],
        &["/sitemap.xml", maps[0], maps[1], "/web/b/e"],
    );
}

#[test]
fn crawl_delay_rate_and_retry_after_slow_the_crawl() {
    let pages = "/page/deep/1"; // leads to three more, one after the other
    let check = |robots: Robots, args: &[&str], path: &str, least: Duration| {
        let (site, start) = (Site::with_robots(robots), Instant::now());
        assert_eq!(crawl(&site, args, path).code(), 0);
        assert!(start.elapsed() >= least, "{args:?}: {:?}", start.elapsed());
    };
    let slow = Robots::Text("User-agent: threadbare\nCrawl-delay: 0.2\n");
    check(slow, &[], pages, Duration::from_millis(600));
    check(Robots::Missing, &["--rate", "5"], pages, Duration::from_millis(600));
    check(Robots::Missing, &[], "/busy", Duration::from_secs(1));
}

#[test]
fn scope_flags_select_urls() {
    let check = |args: &[&str], path: &str, expected: &[&str]| {
        let site = Site::start();
        let outcome = crawl(&site, args, path);
        assert_eq!(printed(&outcome, &site), set(expected), "{args:?}");
    };
    check(&["--below"], "/web/b/c", &["/web/b/c", "/web/b/d", "/web/b/e"]);
    check(&["--exclude", "/b/", "--exclude", r"\?"], "/web/", &["/web/", "/web/a"]);
    check(&["--include", "a$"], "/web/", &["/web/", "/web/a"]);
    let assets =
        ["/asset/a.png", "/asset/b.png", "/asset/c.png", "/asset/more", "/asset/style.css"];
    check(&[], "/page/assets", &["/page/assets"]);
    check(&["--assets"], "/page/assets", &[&["/page/assets"], &assets[..]].concat());
}

#[test]
fn check_groups_broken_links_by_page() {
    let site = Site::start();
    let outcome = crawl(&site, &["check"], "/web/");
    let (a, c) = (site.url("/web/a"), site.url("/web/b/c"));
    let expected = format!(
        "{a}\n    {}: no such fragment\n{c}\n    {}: 404 Not Found\n",
        site.url("/web/b/#nowhere"),
        site.url("/web/gone")
    );
    outcome.is(1, &expected, "");
    crawl(&site, &["check"], "/web/b/d").is(0, "", "");
    let outcome = crawl(&site, &["check"], "/redirect/status/410");
    let gone = format!("redirects to {}: 410 Gone", site.url("/status/410"));
    let start = site.url("/redirect/status/410");
    outcome.is(1, &format!("start URLs\n    {start}: {gone}\n"), "");
    let outcome = crawl(&site, &["check"], "/nothing");
    outcome.is(1, &format!("start URLs\n    {}: 404 Not Found\n", site.url("/nothing")), "");
}

#[test]
fn json_csv_and_statistics() {
    let site = Site::start();
    let outcome = crawl(&site, &["--json"], "/web/b/c");
    let records: Vec<serde_json::Value> =
        outcome.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let gone = records.iter().find(|record| record["status"] == 404).unwrap();
    assert_eq!((&gone["error"], &gone["depth"]), (&"404 Not Found".into(), &1.into()));
    let outcome = crawl(&site, &["--csv", "--depth", "0"], "/hops/1");
    assert!(outcome.stdout.starts_with("url,depth,status,error,redirect,type,bytes,links,ms\n"));
    assert_eq!(outcome.lines().len(), 4, "two redirects and their end: {outcome:?}");
    let outcome = crawl(&site, &["check", "--json"], "/web/b/c");
    let record: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(record["reason"], "404 Not Found");
    let outcome = crawl(&site, &["--stats"], "/web/b/e");
    assert!(
        outcome.stderr.starts_with("crawl: 1 pages, 0 failed, 0 forbidden, 8 B in "),
        "{outcome:?}"
    );
}

#[test]
fn an_interrupt_ends_the_crawl_at_once() {
    for args in [&[][..], &["check"]] {
        let site = Site::start();
        let url = site.url("/never");
        let mut process = Process::start(&mut command("crawl", &[args, &[&url]].concat()));
        eventually("the request arrives", || site.requests().contains_key("/never"));
        let start = Instant::now();
        process.signal(Signal::INT);
        let outcome = process.wait();
        assert_eq!(outcome.status.signal(), Some(2), "{outcome:?}");
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    }
}

#[test]
fn wrong_usage_is_one_line() {
    let site = Site::start();
    let url = &*site.url("/web/");
    for args in [
        &[][..],
        &["ftp://host/"],
        &["check"],
        &["mirror", url],
        &["--rate", "0", url],
        &["--header", "no colon", url],
        &["--include", "(", url],
        &["-n", "0", url],
        &["--json", "--csv", url],
        &["-depth", "-1", url],
        &["--cacert", "/nowhere", url],
        &["--cacert", "/dev/null", url],
        &[url, "check", url],
    ] {
        let outcome = run("crawl", args);
        assert_eq!((outcome.code(), &*outcome.stdout), (2, ""), "{args:?} {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{args:?} {outcome:?}");
    }
}

#[test]
fn flags_stand_before_a_subcommand_or_after_it() {
    let site = Site::start();
    let url = &*site.url("/web/");
    let after = run("crawl", &["check", "-depth", "3", "--json", url]);
    assert!(after.stdout.contains("/web/gone") && after.code() == 1, "{after:?}");
    for args in [["-depth", "3", "--json", "check", url], ["--json", "check", "-depth", "3", url]] {
        let outcome = run("crawl", &args);
        assert_eq!((outcome.code(), &outcome.stdout), (1, &after.stdout), "{args:?} {outcome:?}");
    }
    run("crawl", &["-depth", "0", "check", url]).is(0, "", "");
}

/// The contents of all files below `dir`, by relative path.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let (mut files, mut dirs) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn links_of_a_mirror_work_offline() {
    let (site, dir) = (Site::start(), tempfile::tempdir().unwrap());
    let target = dir.path().join("new/copy");
    let starts = ["/web/", "/page/assets", "/hops/1", "/charset/meta"].map(|path| site.url(path));
    let mut args = vec!["mirror", target.to_str().unwrap()];
    args.extend(starts.iter().map(String::as_str));
    let outcome = run("crawl", &args);
    assert_eq!(outcome.code(), 1, "one link is broken: {outcome:?}");
    let files = files(&target);
    let printed: BTreeSet<String> = outcome.lines().iter().map(|&line| line.to_owned()).collect();
    let there = files.keys().map(|name| target.join(name).to_str().unwrap().to_owned());
    assert_eq!(printed, there.collect());
    assert_eq!(files.len(), 8 + 6 + 2, "{:?}", files.keys());
    let sheet = files.keys().find(|name| name.ends_with("/asset/style.css")).unwrap();
    assert!(
        String::from_utf8_lossy(&files[sheet]).contains("\"more~.css\""),
        "the name follows the type"
    );
    assert!(files.contains_key(&sheet.replace("style", "more~")));
    let mut n_links = 0;
    for (name, content) in files.iter().filter(|(name, _)| name.contains(".html")) {
        let page = String::from_utf8(content.clone()).unwrap();
        let base = Url::from_file_path(target.join(name)).unwrap();
        let tree = scraper::Html::parse_document(&page);
        let links = scraper::Selector::parse("[href], [src]").unwrap();
        for link in tree.select(&links).filter_map(|e| e.attr("href").or(e.attr("src"))) {
            let url = base.join(link).unwrap();
            if let Ok(path) = url.to_file_path() {
                assert!(path.is_file(), "{name}: {link}");
                n_links += 1;
            }
        }
    }
    assert!(n_links >= 15, "{n_links} links");
    let host = format!("http~127.0.0.1~{}", site.addr().port());
    let index = String::from_utf8(files[&format!("{host}/web/index.html")].clone()).unwrap();
    assert!(index.contains("<a href='a~.html#x'>") && index.contains("<a href='#top'>"), "{index}");
    let page = &files[&format!("{host}/web/b/c~.html")];
    let gone = format!("<a href=\"{}\">gone", site.url("/web/gone"));
    assert!(
        String::from_utf8_lossy(page).contains(&gone),
        "links to pages that were not copied become absolute"
    );
}
