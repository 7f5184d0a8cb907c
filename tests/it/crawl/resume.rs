//! `crawl --state FILE`: a crawl that is interrupted continues.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustix::process::Signal;

use super::wire::{Server, html, not_found, path};
use crate::support::{Outcome, Process, command, eventually, run};

const N_PAGES: usize = 150;

/// A site of pages that lead to three others each; every tenth has a broken link.
fn site() -> Server {
    Server::start(|head| {
        let number = path(head).strip_prefix("/page/").and_then(|number| number.parse().ok());
        let Some(i) = number.filter(|&i: &usize| i < N_PAGES) else { return Some(not_found()) };
        let links = [2 * i + 1, 2 * i + 2, i * 7 % N_PAGES];
        let links = links.iter().filter(|&&to| to < N_PAGES);
        let links: Vec<String> = links.map(|to| format!("<a href={to}#x>")).collect();
        let broken = if i % 10 == 0 { format!("<a href=/gone/{i}>") } else { String::new() };
        Some(html(&(links.concat() + &broken)))
    })
}

/// The arguments of a crawl that takes three quarters of a second.
fn args<'a>(path: &'a str, url: &'a str) -> [&'a str; 5] {
    ["--rate", "200", "--state", path, url]
}

fn n_requests(site: &Server) -> usize {
    site.heads.lock().unwrap().len()
}

fn lines(outcome: &Outcome) -> BTreeSet<String> {
    outcome.lines().iter().map(|&line| line.to_owned()).collect()
}

/// Crawls, killed by `signal` after so many more requests. Returns the outcome if the crawl ended
/// before.
fn interrupted(site: &Server, args: &[&str], n: usize, signal: Signal) -> Option<Outcome> {
    let n_before = n_requests(site);
    let mut process = Process::start(&mut command("crawl", args));
    eventually("some requests, or the end", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", process.pid()));
        let has_ended = stat.is_ok_and(|stat| stat.contains(") Z "));
        has_ended || n_requests(site) >= n_before + n
    });
    process.signal(signal);
    let outcome = process.wait();
    outcome.status.signal().is_none().then_some(outcome)
}

fn state(dir: &Path) -> String {
    dir.join("state").to_str().unwrap().to_owned()
}

#[test]
fn a_crawl_that_is_killed_at_any_moment_ends_as_one_that_is_not() {
    let (site, temp) = (site(), tempfile::tempdir().unwrap());
    let (path, url) = (state(temp.path()), site.url("/page/0"));
    let whole = run("crawl", &[&*url]);
    assert_eq!((whole.code(), whole.lines().len()), (1, N_PAGES), "{whole:?}");
    let mut rng = StdRng::seed_from_u64(1);
    let mut n_kills = 0;
    while n_kills < 20 {
        let outcome = loop {
            let signal = if rng.random_bool(0.3) { Signal::INT } else { Signal::KILL };
            let n = rng.random_range(0..N_PAGES);
            match interrupted(&site, &args(&path, &url), n, signal) {
                Some(outcome) => break outcome,
                None => n_kills += 1,
            }
        };
        assert_eq!((outcome.code(), lines(&outcome)), (1, lines(&whole)));
        assert_eq!(outcome.lines().len(), N_PAGES, "each page once");
        assert!(!Path::new(&path).exists(), "the state is removed at the end");
    }
}

#[test]
fn pages_that_are_saved_are_not_requested_again() {
    let (site, temp) = (site(), tempfile::tempdir().unwrap());
    let (path, url) = (state(temp.path()), site.url("/page/0"));
    assert!(interrupted(&site, &args(&path, &url), 100, Signal::INT).is_none());
    let n_before = n_requests(&site);
    let outcome = run("crawl", &args(&path, &url));
    assert_eq!((outcome.code(), outcome.lines().len()), (1, N_PAGES));
    let n_gone = N_PAGES / 10;
    let n_again = n_requests(&site) - N_PAGES - n_gone - 2; // two requests for robots.txt
    assert!(n_again <= 20, "{n_again} were requested again, {n_before} before the interrupt");
}

#[test]
fn broken_links_are_reported_as_without_interruption() {
    let (site, temp) = (site(), tempfile::tempdir().unwrap());
    let (path, url) = (state(temp.path()), site.url("/page/0"));
    let whole = run("crawl", &["check", &url]);
    assert!(whole.stdout.matches("404 Not Found").count() == N_PAGES / 10, "{whole:?}");
    assert!(whole.stdout.contains("no such fragment"), "{whole:?}");
    let args = [&["check"], &args(&path, &url)[..]].concat();
    for n in [1, 40, 120] {
        assert!(interrupted(&site, &args, n, Signal::INT).is_none());
        let outcome = run("crawl", &args);
        assert_eq!((outcome.code(), &outcome.stdout), (1, &whole.stdout), "after {n}");
        assert!(!Path::new(&path).exists());
    }
}

#[test]
fn the_state_of_something_else_is_refused() {
    let (site, temp) = (site(), tempfile::tempdir().unwrap());
    let (path, url) = (state(temp.path()), site.url("/page/0"));
    let ended = interrupted(&site, &args(&path, &url), 10, Signal::INT);
    assert!(ended.is_none(), "{ended:?}");
    let notes = temp.path().join("notes");
    fs::write(&notes, "my notes").unwrap();
    let notes = notes.to_str().unwrap();
    let (other, dir) = (site.url("/page/1"), temp.path().to_str().unwrap());
    for (args, reason) in [
        (&["--state", &path, "--depth", "3", &url][..], "--depth was \"none\" and is \"3\""),
        (&["--state", &path, &other], "start URLs was "),
        (&["check", "--state", &path, &url], "check was \"false\" and is \"true\""),
        (&["--state", notes, &url], "not the state of a crawl"),
        (&["--state", dir, &url], "not a regular file"),
        (&["--state", "/nowhere/state", &url], "No such file or directory"),
        (&["mirror", dir, "--state", &path, &url], "mirror --update"),
        (&["check", dir, "--state", &path], "no pages"),
    ] {
        let outcome = run("crawl", args);
        assert_eq!((outcome.code(), &*outcome.stdout), (1, ""), "{args:?} {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{args:?} {outcome:?}");
        assert!(outcome.stderr.contains(reason), "{args:?} {outcome:?}");
    }
    assert_eq!(fs::read(notes).unwrap(), b"my notes");
    let outcome = run("crawl", &["--state", &*path, &*url]);
    assert_eq!((outcome.code(), outcome.lines().len()), (1, N_PAGES), "the state is as it was");
}
