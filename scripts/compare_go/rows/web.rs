//! 8.6 and 8.4.1: crawling a site in memory, and 256 MiB over a socket.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::run::{Job, Outcome};
use super::{CPU, PEAK, WALL, go_sides, process, shown};

pub(crate) const CRAWL: Row = Row {
    name: "crawl",
    title: "Crawling a site in memory (8.6)",
    programs: &["crawl2"],
    why: "A crawler waits for its server, so twenty threads do as well as twenty goroutines; the rest is \
          parsing. The tool wins because it parses pages as they arrive, without building a tree; the \
          lesson loses because it builds the tree, with a slower parser than Go's.",
    run: crawl,
};

fn crawl(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let site = Site::start(&bench.programs.instrument("site"))?;
    let n_pages = bench.pick(10_000, 1_000);
    let url = format!("http://{}/bench/{n_pages}/3000/0/0", site.addr);
    let programs = bench.programs;
    let lesson = process("crawl2", Job::new(programs.ours("crawl2")).arg(&url), pages);
    let tool = process("crawl (the tool)", Job::new(programs.ours("crawl")).arg(&url), pages);
    let mut sides = vec![lesson, tool];
    for (label, program) in go_sides(bench, Some("crawl2"), Some("crawl")) {
        sides.push(process(label, Job::new(program).arg(&url), pages));
    }
    bench.case(format!("{n_pages} pages of 3 KB"), 3, sides)?;
    Ok(())
}

/// A hash of the set of pages, whatever their order.
#[expect(clippy::unnecessary_wraps, reason = "the signature that process() expects")]
fn pages(outcome: &Outcome) -> anyhow::Result<String> {
    let text = outcome.text();
    let pages: BTreeSet<&str> = text.lines().filter(|line| line.starts_with("http")).collect();
    let mut hasher = DefaultHasher::new();
    pages.hash(&mut hasher);
    Ok(format!("{} pages {:016x}", pages.len(), hasher.finish()))
}

/// The site under test; it is killed on drop.
struct Site {
    child: Child,
    addr: String,
}

impl Site {
    fn start(program: &Path) -> anyhow::Result<Self> {
        let child = Command::new(program).stderr(Stdio::piped()).spawn();
        let child = child.with_context(|| program.display().to_string())?;
        let mut site = Site { child, addr: String::new() };
        let mut line = String::new();
        let stderr = site.child.stderr.take().expect("stderr is piped");
        BufReader::new(stderr).read_line(&mut line)?;
        let addr = line.trim().strip_prefix("listening on ").context("the site does not listen")?;
        addr.clone_into(&mut site.addr);
        Ok(site)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        _ = self.child.kill(); // it may have ended
        _ = self.child.wait();
    }
}

pub(crate) const NETCAT: Row = Row {
    name: "netcat",
    title: "256 MiB over a socket (8.4.1)",
    programs: &["netcat3"],
    why: "The kernel does the copying on both sides; the difference is in the system calls. Ours moves \
          64 KiB at a time through a buffer. Go uses sendfile and splice, which need no buffer, where \
          stdin or stdout is a file, as here; with a pipe or a terminal both copy.",
    run: netcat,
};

const MIB: usize = 1 << 20;

fn netcat(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let n_mib = bench.pick(256, 64);
    let input = make_input(&bench.work.join("input"), n_mib)?;
    let programs = bench.programs;
    let mut programs = vec![
        ("netcat3", programs.ours("netcat3"), "127.0.0.1:0"),
        ("netcat (the tool)", programs.ours("netcat"), "127.0.0.1:0"),
    ];
    for (label, program) in go_sides(bench, Some("netcat3"), Some("netcat")) {
        // The original always dials this address.
        let listens = if label == super::ORIGINAL { "localhost:8000" } else { "127.0.0.1:0" };
        programs.push((label, program, listens));
    }
    for is_sink in [true, false] {
        let sides = programs.iter().map(|(label, program, listens)| {
            let input = input.clone();
            let (program, listens) = (program.clone(), *listens);
            let words = shown(&Job::new(&program).arg("ADDR"));
            Runner::new(*label, words, move || transfer(&program, listens, is_sink, &input, n_mib))
        });
        let direction = if is_sink { "to a sink" } else { "from a source" };
        let sides = sides.collect();
        bench.case(format!("{n_mib} MiB {direction}"), bench.pick(7, 3), sides)?;
    }
    Ok(())
}

fn transfer(
    program: &Path,
    listens: &str,
    is_sink: bool,
    input: &Path,
    n_mib: usize,
) -> anyhow::Result<Sample> {
    let listener = TcpListener::bind(listens).with_context(|| listens.to_owned())?;
    let mut job = Job::new(program);
    if !listens.starts_with("localhost") {
        job = job.arg(listener.local_addr()?.to_string());
    }
    job = if is_sink { job.stdin(input) } else { job.stdin_open_until((n_mib * MIB) as u64) };
    let serve = || {
        let peer = accept(&listener)?;
        if is_sink { sink(peer) } else { source(peer, n_mib) }
    };
    let (outcome, n_moved) = job.run_with(serve)?;
    let n_bytes = if is_sink { n_moved } else { outcome.stdout.len() };
    ensure!(n_bytes == n_mib * MIB, "{n_bytes} bytes arrived");
    let figures = vec![
        (WALL, outcome.usage.wall_ms),
        (CPU, outcome.usage.cpu_ms),
        (PEAK, outcome.usage.peak_mib),
    ];
    Ok(Sample::whole(figures, format!("{n_bytes} bytes")))
}

/// Accepts the program's connection; times out if the program ends without one.
fn accept(listener: &TcpListener) -> anyhow::Result<TcpStream> {
    let timeout = Timespec { tv_sec: 10, tv_nsec: 0 };
    let n_ready = poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&timeout))?;
    ensure!(n_ready > 0, "the program did not connect");
    let (peer, _) = listener.accept()?;
    peer.set_read_timeout(Some(Duration::from_secs(30)))?;
    peer.set_write_timeout(Some(Duration::from_secs(30)))?;
    Ok(peer)
}

fn sink(mut peer: TcpStream) -> anyhow::Result<usize> {
    let (mut chunk, mut n_bytes) = (vec![0; 256 << 10], 0);
    loop {
        match peer.read(&mut chunk)? {
            0 => return Ok(n_bytes),
            n => n_bytes += n,
        }
    }
}

fn source(mut peer: TcpStream, n_mib: usize) -> anyhow::Result<usize> {
    let chunk = vec![b'x'; MIB];
    for _ in 0..n_mib {
        peer.write_all(&chunk)?;
    }
    peer.shutdown(Shutdown::Write)?;
    peer.read_to_end(&mut Vec::new())?; // the program has read everything, its stdin ends, and it closes
    Ok(n_mib * MIB)
}

fn make_input(path: &Path, n_mib: usize) -> anyhow::Result<PathBuf> {
    let path = path.with_extension(n_mib.to_string());
    if fs::metadata(&path).map_or(0, |info| info.len()) != (n_mib * MIB) as u64 {
        let mut file = File::create(&path).with_context(|| path.display().to_string())?;
        let chunk = vec![b'y'; MIB];
        for _ in 0..n_mib {
            file.write_all(&chunk)?;
        }
    }
    Ok(path)
}
