//! 8.2, 8.3, 8.10: servers under the load generator, `scripts/load`.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::run::Job;
use super::{ORIGINAL, OWN, shown};

pub(crate) const CLOCK: Row = Row {
    name: "clock",
    title: "Clock server with many clients (8.2)",
    programs: &["clock2"],
    why: "The lesson has one thread per client, which at 1,000 clients costs more memory in the kernel \
          than in the program. The tool serves all clients from one thread with a heap of deadlines, so \
          that a line costs one system call: no goroutine, no stack. The price is a less simple program.",
    run: clock,
};

fn clock(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    steady(bench, "clock", &["cpu_us_per_line", "rss_kib", "cadence_error_p99_ms"])
}

pub(crate) const REVERB: Row = Row {
    name: "reverb",
    title: "Echo server with many clients (8.3)",
    programs: &["reverb2"],
    why: "The lesson starts one thread per line received; the tool has one heap of pending echoes and \
          one pooled reader per client. Go's runtime timers do what the heap does here.",
    run: reverb,
};

fn reverb(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    steady(bench, "reverb", &["cpu_us_per_line", "rss_kib", "timing_error_p99_ms"])
}

pub(crate) const CHAT: Row = Row {
    name: "chat",
    title: "Chat server: each message goes to every client (8.10)",
    programs: &["chat1"],
    why: "A message to 1,000 clients is 1,000 writes. The lesson and the book send each over a channel \
          to the client's own writer, one wake-up each; the tool collects all pending messages into one \
          batch and writes it to each socket once. The price is a broadcaster that must never block.",
    run: chat,
};

fn chat(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let seconds = bench.pick("5s", "2s");
    for &clients in clients(bench) {
        // The highest rate that the slowest side sustains, so that all do the same work.
        let rate = if clients == "1000" { "100" } else { "5" };
        let load = ["chat", "--json", "--clients", clients, "--senders", "10", "--rate", rate];
        let load = [&load[..], &["--duration", seconds, "--timeout", "5s"]].concat();
        let fields = ["cpu_us_per_delivery", "send_rss_kib", "latency_p99_ms"];
        let tool = ["-names=false", "-flood", "0"];
        // With 10,000 clients, announcing each arrival to all takes the book's design minutes.
        let own: &[&str] =
            if clients == "1000" { &["strong-chat", "chat"] } else { &["strong-chat"] };
        under_load(bench, "chat", clients, &load, &fields, &tool, own)?;
    }
    Ok(())
}

fn clients(bench: &Bench<'_>) -> &'static [&'static str] {
    bench.pick(&["1000", "10000"], &["1000"])
}

fn steady(bench: &mut Bench<'_>, name: &str, fields: &[&'static str]) -> anyhow::Result<()> {
    let seconds = bench.pick("8s", "3s");
    for &clients in clients(bench) {
        // One line per client: lesson reverb2 handles a thousand at once.
        let load = [name, "--json", "--clients", clients, "--duration", seconds, "--shouts", "1"];
        under_load(bench, name, clients, &load, fields, &[], &[name])?;
    }
    Ok(())
}

/// Puts the lesson (up to 1,000 clients), the tool and Go's servers under the same load in turn.
fn under_load(
    bench: &mut Bench<'_>,
    name: &str,
    clients: &str,
    load: &[&str],
    fields: &[&'static str],
    tool_args: &[&str],
    own: &[&str],
) -> anyhow::Result<()> {
    let (programs, instrument) = (bench.programs, bench.programs.instrument("load"));
    let side = |label: &str, server: Job, addr: &[&str]| {
        let words = shown(&server);
        let job = Job::new(&instrument).args(load).args(addr).arg("--").args(server.words());
        let fields = fields.to_vec();
        Runner::new(label, words, move || sample(&job, &fields))
    };
    let lesson = if name == "chat" { "chat1".to_owned() } else { format!("{name}2") };
    let mut sides = Vec::new();
    if clients == "1000" {
        let server = Job::new(programs.ours(&lesson)).args(["-port", "0"]);
        sides.push(side(&lesson, server, &[]));
    }
    let server = Job::new(programs.ours(name)).args(["-port", "0"]).args(tool_args);
    sides.push(side(&format!("{name} (the tool)"), server, &[]));
    let original = if name == "chat" { "chat" } else { &lesson };
    let is_too_slow = name == "chat" && clients != "1000";
    match programs.original(original).filter(|_| !is_too_slow) {
        Some(program) => {
            // The original of reverb2 closes the connection at the end of its input, echoes or not.
            let keep: &[&str] = if name == "reverb" { &["--keep"] } else { &[] };
            let args = [&["--addr", "localhost:8000"], keep].concat();
            sides.push(side(ORIGINAL, Job::new(program), &args));
        }
        None if is_too_slow => {}
        None => bench.gap("the Go original could not be built"),
    }
    for own in own {
        if let Some(program) = programs.own(own) {
            let label = if own.starts_with("strong") { "Go, our own, tuned" } else { OWN };
            sides.push(side(label, Job::new(program).args(["-port", "0"]), &[]));
        }
    }
    // With 10,000 clients a single run takes long enough.
    let rounds = if clients == "1000" { bench.pick(3, 1) } else { 1 };
    bench.case(format!("{clients} clients"), rounds, sides)
}

/// Runs `load` and returns these fields of its JSON report, and which lines are missing.
fn sample(job: &Job, fields: &[&'static str]) -> anyhow::Result<Sample> {
    let outcome = job.run()?;
    let report: Value = serde_json::from_slice(&outcome.stdout)?;
    let number = |field: &str| report[field].as_f64().with_context(|| format!("no {field}"));
    let figures = fields.iter().map(|&field| Ok((unit(field), number(field)?)));
    let figures = figures.collect::<anyhow::Result<_>>()?;
    let answer = format!("{} clients", report["clients"]);
    Ok(Sample { figures, answer, shortfall: shortfall(&report) })
}

/// The lines that a server owed its clients and did not send.
fn shortfall(report: &Value) -> Option<String> {
    let n_missing = report["missing"].as_u64().filter(|&n| n > 0)?;
    Some(match report["expected"].as_u64() {
        Some(n_expected) => format!("lost {} of {} lines", count(n_missing), count(n_expected)),
        None => format!("lost {} lines", count(n_missing)),
    })
}

/// A number with a comma between thousands.
fn count(n: u64) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits"))
        .collect();
    groups.join(",")
}

/// The unit of a field, as the tables show it.
fn unit(field: &'static str) -> &'static str {
    match field {
        "cpu_us_per_line" => "CPU µs per line",
        "cpu_us_per_delivery" => "CPU µs per delivery",
        "rss_kib" | "send_rss_kib" => "memory KiB",
        "cadence_error_p99_ms" | "timing_error_p99_ms" => "p99 ms of deviation",
        "latency_p99_ms" => "p99 ms of latency",
        other => other,
    }
}

pub(crate) const FULL: Row = Row {
    name: "full",
    title: "Number of clients until a server is full (8.2)",
    programs: &[],
    why: "On a stock Linux a process aborts at some 16,000 threads (vm.max_map_count, four maps per \
          thread); our lesson counts them and answers \"server full\" before that. Goroutines have no such \
          limit: Go's clock stops when file descriptors run out. The tool has no thread per client.",
    run: full,
};

/// The largest number of clients tried: one address has no more ports.
const CLIENTS_MAX: usize = 25_000;

fn full(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let clients_max = bench.pick(CLIENTS_MAX, 2_000).min(raise_file_limit()?);
    let mut servers = vec![
        ("clock2", Job::new(bench.programs.ours("clock2")).args(["-port", "0"])),
        ("clock (the tool)", Job::new(bench.programs.ours("clock")).args(["-port", "0"])),
    ];
    if let Some(program) = bench.programs.own("clock") {
        servers.push((OWN, Job::new(program).args(["-port", "0"])));
    }
    for (label, job) in servers {
        if bench.stopped() {
            return Ok(());
        }
        match fill(&job, clients_max) {
            Ok((n, end)) => bench.note(format!("{label}: {n} clients, then {end}")),
            Err(err) => bench.gap(format!("{label}: {err:#}")),
        }
    }
    Ok(())
}

/// Connects until a client gets no time; returns the number that did, and what happened then.
fn fill(job: &Job, clients_max: usize) -> anyhow::Result<(usize, String)> {
    let server = Server::start(job)?;
    let mut clients = Vec::new();
    while clients.len() < clients_max {
        let mut client = match TcpStream::connect_timeout(&server.addr, Duration::from_secs(5)) {
            Ok(client) => client,
            Err(err) => return Ok((clients.len(), format!("connect: {err}"))),
        };
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut line = [0; 64];
        let n = client.read(&mut line).context("no first line")?;
        let line = String::from_utf8_lossy(&line[..n]);
        if !line.starts_with(|c: char| c.is_ascii_digit()) {
            return Ok((clients.len(), format!("{:?}", line.trim())));
        }
        clients.push(client);
    }
    Ok((clients_max, "the attempt ended".to_owned()))
}

/// Raises the limit on open files and returns how many clients it allows.
fn raise_file_limit() -> anyhow::Result<usize> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum
        .map_or(CLIENTS_MAX, |n| usize::try_from(n).unwrap_or(CLIENTS_MAX).saturating_sub(100)))
}

/// A running server; it is killed on drop.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(job: &Job) -> anyhow::Result<Self> {
        let words = job.words();
        let mut command = Command::new(&words[0]);
        let mut child = command.args(&words[1..]).stderr(Stdio::piped()).spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().expect("stderr is piped"));
        let mut line = String::new();
        stderr.read_line(&mut line)?;
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink())); // ends with the server
        let addr = line.trim().rsplit_once("listening on ").and_then(|(_, addr)| addr.parse().ok());
        let Some(addr) = addr else {
            _ = child.kill(); // it may have ended
            child.wait()?;
            bail!("the server does not listen: {}", line.trim());
        };
        Ok(Server { child, addr })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.child.kill(); // it may have ended
        _ = self.child.wait();
    }
}
