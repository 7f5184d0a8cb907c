//! churn: connects, waits for the first byte and disconnects, again and again.

use std::io::Read;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::clients::connect;
use super::report::Report;
use super::{Cli, server::Sample};

/// How long the first byte may take.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may take to release the last connections.
const SETTLE_TIME: Duration = Duration::from_secs(1);

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
        socket.set_read_timeout(Some(GREETING_TIMEOUT))?;
        socket.read_exact(&mut [0])?;
        n_done += 1;
    }
    let seconds = start.elapsed().as_secs_f64();
    thread::sleep(SETTLE_TIME);
    add_results(report, before, u64::from(n_done), seconds);
    Ok(())
}

fn add_results(report: &mut Report, before: Sample, n_done: u64, seconds: f64) {
    let after = report.sample();
    report.count("connections", n_done);
    report.figure("connections_per_s", n_done as f64 / seconds);
    report.cpu("churn", after.cpu.saturating_sub(before.cpu), "connection", n_done);
    report.count("threads_before", before.n_threads);
    report.count("fds_before", before.n_fds);
    report.process(before, after, 0);
}
