//! churn: who connects, hears the first byte and leaves, again and again.

use std::io::Read;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::crowd::connect;
use super::report::Report;
use super::{Cli, server::Sample};

/// How long the first byte may take.
const GREETING: Duration = Duration::from_secs(10);
/// What the server may take to clear away the last connections.
const SETTLE: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &Cli, addr: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let start = Instant::now();
    let mut n_done = 0u32;
    while start.elapsed() < args.duration {
        if args.rate > 0 {
            let due = start + Duration::from_secs_f64(f64::from(n_done) / f64::from(args.rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let source = u8::try_from(n_done % u32::from(args.sources))?;
        let mut socket = connect(addr, source)?;
        socket.set_read_timeout(Some(GREETING))?;
        socket.read_exact(&mut [0])?;
        n_done += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    thread::sleep(SETTLE);
    tell(report, before, u64::from(n_done), seconds);
    Ok(())
}

fn tell(report: &mut Report, before: Sample, n_done: u64, seconds: f64) {
    let after = report.sample();
    report.count("connections", n_done);
    report.figure("connections_a_s", n_done as f64 / seconds);
    report.cpu("churn", after.cpu.saturating_sub(before.cpu), "connection", n_done);
    report.count("threads_before", before.n_threads);
    report.count("files_before", before.n_files);
    report.process(before, after, 0);
}
