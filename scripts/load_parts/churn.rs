//! churn: connects, waits for the first byte and disconnects, again and again, on every thread.

use std::io::Read;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use super::clients::connect;
use super::report::Report;
use super::workers::{Effort, Share, in_parallel, shares};
use super::{Cli, server::Sample};

/// How long the first byte may take.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may take to release the last connections.
const SETTLE_TIME: Duration = Duration::from_secs(1);

pub(crate) fn run(args: &Cli, addr: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let (start, mut effort) = (Instant::now(), Effort::default());
    let mut shares = shares(args, args.threads, || ());
    let counts = in_parallel(&mut shares, &mut effort, |share| churn(args, addr, start, share))?;
    let seconds = start.elapsed().as_secs_f64();
    thread::sleep(SETTLE_TIME);
    add_results(report, before, counts.iter().sum(), seconds, &effort);
    Ok(())
}

/// Connection number k of each thread is number k of its share of all. Returns how many it made.
fn churn(args: &Cli, addr: SocketAddr, start: Instant, share: &Share<()>) -> anyhow::Result<u64> {
    let mut n_done = 0;
    while start.elapsed() < args.duration {
        let number = share.number(n_done);
        if args.rate > 0 {
            let due = start + Duration::from_secs_f64(number as f64 / f64::from(args.rate));
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let source = u8::try_from(number % usize::from(args.sources))?;
        let mut socket = connect(addr, source)?;
        socket.set_read_timeout(Some(GREETING_TIMEOUT))?;
        socket.read_exact(&mut [0])?;
        n_done += 1;
    }
    Ok(n_done as u64)
}

fn add_results(report: &mut Report, before: Sample, n_done: u64, seconds: f64, effort: &Effort) {
    let after = report.sample();
    let cpu = after.cpu.saturating_sub(before.cpu);
    report.count("connections", n_done);
    report.figure("connections_per_s", n_done as f64 / seconds);
    report.cpu("churn", cpu, "connection", n_done);
    report.count("threads_before", before.n_threads);
    report.count("fds_before", before.n_fds);
    report.process(before, after, 0);
    report.effort(effort, cpu);
}
