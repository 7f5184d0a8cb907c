//! 8.2, 8.3, 8.10: servers under `scripts/load`.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::run::Job;
use super::{ORIGINAL, OWN, shown};

pub(crate) const CLOCK: Row = Row {
    name: "clock",
    title: "A clock with many clients (8.2)",
    programs: &["clock2"],
    why: "The lesson has a thread a client, which at 1,000 clients costs more memory in the kernel than \
          in the program. The tool keeps all clients in one heap of deadlines and one thread, so that a \
          line costs a system call and nothing else: no goroutine, no stack. It costs the plain shape of \
          the program.",
    run: clock,
};

fn clock(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    steady(bench, "clock", &["cpu_us_per_line", "rss_kib", "cadence_error_p99_ms"])
}

pub(crate) const REVERB: Row = Row {
    name: "reverb",
    title: "Echoes for many clients (8.3)",
    programs: &["reverb2"],
    why: "As with the clock: the lesson starts a thread a shout, the tool has one heap of echoes and a \
          pooled reader a client. Go's timers do in the runtime what the heap does here.",
    run: reverb,
};

fn reverb(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    steady(bench, "reverb", &["cpu_us_per_line", "rss_kib", "timing_error_p99_ms"])
}

pub(crate) const CHAT: Row = Row {
    name: "chat",
    title: "A chat where everyone hears everyone (8.10)",
    programs: &["chat1"],
    why: "A message to 1,000 clients is 1,000 writes. The lesson and the book hand each over a channel \
          to a writer of its own, which is a wake-up each; the tool gathers all that is pending into one \
          chunk and writes it to each socket once. It costs an owner for the sockets that never waits.",
    run: chat,
};

fn chat(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let seconds = bench.pick("5s", "2s");
    for &clients in clients(bench) {
        // As many as the slowest of them can bear, so that all do the same work.
        let rate = if clients == "1000" { "100" } else { "5" };
        let load = ["chat", "--json", "--clients", clients, "--senders", "10", "--rate", rate];
        let load = [&load[..], &["--duration", seconds, "--timeout", "5s"]].concat();
        let fields = ["cpu_us_per_delivery", "send_rss_kib", "latency_p99_ms"];
        let tool = ["-names=false", "-flood", "0"];
        // Telling 10,000 newcomers of each other one by one takes the book's shape minutes.
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
        // A shout each: lesson reverb2 has room for a thousand at once.
        let load = [name, "--json", "--clients", clients, "--duration", seconds, "--shouts", "1"];
        under_load(bench, name, clients, &load, fields, &[], &[name])?;
    }
    Ok(())
}

/// The lesson (up to 1,000 clients), the tool, and Go's, each under the same load by turns.
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
    let loaded = |label: &str, server: Job, addr: &[&str]| {
        let words = shown(&server);
        let job = Job::new(&instrument).args(load).args(addr).arg("--").args(server.words());
        let fields = fields.to_vec();
        Runner::new(label, words, move || sample(&job, &fields))
    };
    let lesson = if name == "chat" { "chat1".to_owned() } else { format!("{name}2") };
    let mut sides = Vec::new();
    if clients == "1000" {
        let server = Job::new(programs.ours(&lesson)).args(["-port", "0"]);
        sides.push(loaded(&lesson, server, &[]));
    }
    let server = Job::new(programs.ours(name)).args(["-port", "0"]).args(tool_args);
    sides.push(loaded(&format!("{name} (the tool)"), server, &[]));
    let original = if name == "chat" { "chat" } else { &lesson };
    let is_hopeless = name == "chat" && clients != "1000";
    match programs.original(original).filter(|_| !is_hopeless) {
        Some(program) => {
            sides.push(loaded(ORIGINAL, Job::new(program), &["--addr", "localhost:8000"]));
        }
        None if is_hopeless => {}
        None => bench.gap("the Go original is not there"),
    }
    for own in own {
        if let Some(program) = programs.own(own) {
            let label = if own.starts_with("strong") { "Go, our own, tuned" } else { OWN };
            sides.push(loaded(label, Job::new(program).args(["-port", "0"]), &[]));
        }
    }
    // At 10,000 a run takes long enough as it is.
    let rounds = if clients == "1000" { bench.pick(3, 1) } else { 1 };
    bench.case(format!("{clients} clients"), rounds, sides)
}

/// What `load` says of the server: fields of its JSON. All clients must have been served.
fn sample(job: &Job, fields: &[&'static str]) -> anyhow::Result<Sample> {
    let outcome = job.run()?;
    let report: Value = serde_json::from_slice(&outcome.stdout)?;
    let number = |field: &str| report[field].as_f64().with_context(|| format!("no {field}"));
    if !report["missing"].is_null() {
        let missing = number("missing")?;
        ensure!(missing == 0.0, "{missing} lines were lost");
    }
    let figures = fields.iter().map(|&field| Ok((unit(field), number(field)?)));
    let figures = figures.collect::<anyhow::Result<_>>()?;
    Ok(Sample { figures, answer: format!("{} clients", report["clients"]) })
}

/// What a field is called in a table.
fn unit(field: &'static str) -> &'static str {
    match field {
        "cpu_us_per_line" => "CPU µs a line",
        "cpu_us_per_delivery" => "CPU µs a delivery",
        "rss_kib" | "send_rss_kib" => "memory KiB",
        "cadence_error_p99_ms" | "timing_error_p99_ms" => "p99 ms off time",
        "latency_p99_ms" => "p99 ms to arrive",
        other => other,
    }
}

pub(crate) const FULL: Row = Row {
    name: "full",
    title: "How many clients before a server is full (8.2)",
    programs: &[],
    why: "A process ends at some 16,000 threads on a stock Linux (vm.max_map_count, four maps a thread), \
          by abort if nobody counts; ours counts, and says \"server full\" before that. A goroutine has no \
          such limit: Go's clock ends where descriptors do. The tool has no thread a client.",
    run: full,
};

/// Nobody is asked for more: of one address the ports would end.
const MOST: usize = 25_000;

fn full(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let most = bench.pick(MOST, 2_000).min(raise_descriptors()?);
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
        match fill(&job, most) {
            Ok((n, end)) => bench.note(format!("{label}: {n} clients, then {end}")),
            Err(err) => bench.gap(format!("{label}: {err:#}")),
        }
    }
    Ok(())
}

/// Connects until one gets no first line; how many did, and what came instead.
fn fill(job: &Job, most: usize) -> anyhow::Result<(usize, String)> {
    let server = Listening::start(job)?;
    let mut clients = Vec::new();
    while clients.len() < most {
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
    Ok((most, "nobody asked further".to_owned()))
}

/// Raises the limit; how many clients it leaves room for.
fn raise_descriptors() -> anyhow::Result<usize> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    Ok(maximum.map_or(MOST, |n| usize::try_from(n).unwrap_or(MOST).saturating_sub(100)))
}

struct Listening {
    child: Child,
    addr: SocketAddr,
}

impl Listening {
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
            bail!("it does not listen: {}", line.trim());
        };
        Ok(Listening { child, addr })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        _ = self.child.kill(); // it may have ended
        _ = self.child.wait();
    }
}
