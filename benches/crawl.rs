//! 8.6 crawl: crawling a site in memory on this machine, and the share of parsing in it.
//!
//! For comparison: the GETs alone, over as many keep-alive connections, and scraper for the parsing.
//! `scripts/compare-crawl` compares with the Go crawler. `THREADBARE_FULL=1` adds numbers of threads.

#![allow(missing_docs)] // criterion's macros generate public functions

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel;
use scraper::{Html, Selector};
use threadbare::engines::crawl::{self, Options};
use threadbare::web::fetch;
use threadbare::web::html::{Item, Scanner, Wants};
use web::{Robots, Site};

#[path = "../scripts/site/web.rs"]
mod web;

mod support;

const N_THREADS: usize = 20;

fn options(n_workers: usize) -> Options {
    let defaults = Options::default();
    let fetch = fetch::Options { n_idle: n_workers, ..defaults.fetch.clone() };
    Options { n_workers, per_host: n_workers, retries: 0, fetch, ..defaults }
}

fn crawl_all(start: &str, n_pages: usize, n_threads: usize) {
    let never = channel::never();
    let mut n_lines = 0;
    let starts = [start.to_owned()];
    let crawl = crawl::run(&starts, &options(n_threads), &never, &mut |pages, _| {
        n_lines += pages.iter().map(|page| black_box(format!("{}\n", page.url))).count();
        true
    });
    assert_eq!(crawl.expect("there is room for the workers").summary.n_pages, n_pages);
    assert_eq!(n_lines, n_pages);
}

/// As many GETs over as many connections; the pages are discarded.
fn get_all(site: &Site, path: &str, n_pages: usize) {
    let next = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..N_THREADS {
            s.spawn(|| {
                let stream = TcpStream::connect(site.addr()).expect("the site listens");
                let mut input = BufReader::with_capacity(32 << 10, &stream);
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n_pages {
                        return;
                    }
                    let request =
                        format!("GET {path}{i} HTTP/1.1\r\nHost: {}\r\n\r\n", site.addr());
                    (&stream).write_all(request.as_bytes()).expect("the site reads");
                    body(&mut input);
                }
            });
        }
    });
}

/// The same GETs through the HTTP client that the crawler uses.
fn fetch_all(site: &Site, path: &str, n_pages: usize) {
    let client = fetch::Client::new(&options(N_THREADS).fetch);
    let next = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..N_THREADS {
            s.spawn(|| {
                let mut buf = vec![0; 32 << 10];
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n_pages {
                        return;
                    }
                    let mut response =
                        client.get(&site.url(&format!("{path}{i}"))).expect("a page");
                    while response.read(&mut buf).expect("a whole page") > 0 {}
                }
            });
        }
    });
}

fn body(input: &mut BufReader<&TcpStream>) {
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        input.read_line(&mut line).expect("a head");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    input.read_exact(&mut body).expect("a body");
    black_box(body);
}

fn pages(c: &mut Criterion) {
    let site = Site::with_robots(Robots::Missing);
    let mut group = c.benchmark_group("crawl");
    for (name, size) in [("3 KB", 3_000), ("16 KB", 16_000)] {
        let path = format!("/bench/10000/{size}/0/");
        group.throughput(Throughput::Elements(10_000));
        group.bench_function(BenchmarkId::new("bare GETs", name), |b| {
            b.iter(|| get_all(&site, &path, 10_000));
        });
        group.bench_function(BenchmarkId::new("GETs by ureq", name), |b| {
            b.iter(|| fetch_all(&site, &path, 10_000));
        });
        group.bench_function(BenchmarkId::new("crawl", name), |b| {
            b.iter(|| crawl_all(&site.url(&format!("{path}0")), 10_000, N_THREADS));
        });
    }
    group.throughput(Throughput::Elements(2_000));
    group.bench_function("2000 pages after 20 ms each: at least 2 s", |b| {
        b.iter(|| crawl_all(&site.url("/bench/2000/3000/20/0"), 2_000, N_THREADS));
    });
    for &n_threads in support::either(&[][..], &[1, 2, 4, 8, 16, 32, 64]) {
        group.throughput(Throughput::Elements(10_000));
        group.bench_function(BenchmarkId::new("threads", n_threads), |b| {
            b.iter(|| crawl_all(&site.url("/bench/10000/3000/0/0"), 10_000, n_threads));
        });
    }
    group.finish();
}

fn parsing(c: &mut Criterion) {
    let site = Site::with_robots(Robots::Missing);
    let links = Selector::parse("a[href]").expect("a constant that parses");
    let mut group = c.benchmark_group("links of a page");
    for (name, size) in [("3 KB", 3_000), ("16 KB", 16_000)] {
        let client = fetch::Client::new(&options(1).fetch);
        let mut answer =
            client.get(&site.url(&format!("/bench/10000/{size}/0/1"))).expect("a page");
        let (mut page, mut buf) = (Vec::new(), vec![0; size]);
        while let Ok(n @ 1..) = answer.read(&mut buf) {
            page.extend_from_slice(&buf[..n]);
        }
        group.throughput(Throughput::Bytes(page.len() as u64));
        group.bench_function(BenchmarkId::new("Scanner", name), |b| {
            b.iter(|| {
                let mut n_links = 0;
                let count = |item: Item<'_>| n_links += usize::from(matches!(item, Item::Link(..)));
                let mut scanner = Scanner::new(Wants::default(), count);
                scanner.write(&page);
                assert_eq!(scanner.end(), 0);
                assert_eq!(n_links, 10);
            });
        });
        group.bench_function(BenchmarkId::new("scraper", name), |b| {
            b.iter(|| {
                let tree = Html::parse_document(&String::from_utf8_lossy(&page));
                assert_eq!(tree.select(&links).count(), 10);
            });
        });
    }
    group.finish();
}

criterion_group!(name = benches; config = support::short(); targets = pages, parsing);
criterion_main!(benches);
