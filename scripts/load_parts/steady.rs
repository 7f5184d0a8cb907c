//! clock and reverb: lines that must come at a given time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Cli;
use super::crowd::{Crowd, connect};
use super::report::{Histogram, Report};

/// What a client shouts that never reads.
const SHOUT: &[u8] = b"Shouting, and not listening; shouting, and not listening; shouting again.\n";
/// How long to wait for an event before looking at the time again.
const POLL: Duration = Duration::from_millis(50);

/// Clients who have connected, polled now and then so that none is kept waiting meanwhile.
fn gather(
    args: &Cli,
    addr: SocketAddr,
    mut line: impl FnMut(usize, &[u8], Instant),
) -> anyhow::Result<Crowd> {
    let mut crowd = Crowd::new();
    for i in 0..args.clients {
        crowd.join(connect(addr, u8::try_from(i % u32::from(args.sources))?)?)?;
        if i % 64 == 0 {
            crowd.poll(Duration::ZERO, &mut line)?;
        }
    }
    Ok(crowd)
}

/// A client of the clock.
#[derive(Default)]
struct Listener {
    first: Option<Instant>,
    n_lines: u32,
    late: Duration,
    seconds: Option<u32>,
}

pub(crate) fn clock(args: &Cli, addr: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let mut listeners: Vec<Listener> = Vec::new();
    listeners.resize_with(args.clients as usize, Listener::default);
    let (mut errors, mut n_lines, mut n_skips) = (Histogram::new(), 0u64, 0u64);
    let mut line = |i: usize, text: &[u8], now: Instant| {
        let listener: &mut Listener = &mut listeners[i];
        let first = *listener.first.get_or_insert(now);
        let due = first + Duration::from_secs(u64::from(listener.n_lines));
        errors.add(now.abs_diff(due));
        listener.late = now.saturating_duration_since(due);
        listener.n_lines += 1;
        n_lines += 1;
        let seconds = time_of_day(text);
        let is_next = |last| seconds == Some((last + 1) % 86_400);
        n_skips += u64::from(listener.seconds.is_some_and(|last| !is_next(last)));
        listener.seconds = seconds;
    };
    let start = Instant::now();
    let mut crowd = gather(args, addr, &mut line)?;
    let joined = report.sample();
    let end = Instant::now() + args.duration;
    while Instant::now() < end {
        crowd.poll(POLL, &mut line)?;
    }
    let after = report.sample();
    report.count("clients", crowd.len() as u64);
    report.figure("seconds", start.elapsed().as_secs_f64());
    report.count("lines", n_lines);
    report.count("skipped_or_repeated", n_skips);
    report.percentiles("cadence_error", &errors);
    let late: Duration = listeners.iter().map(|listener| listener.late).sum();
    report.figure("mean_drift_ms", late.as_secs_f64() * 1e3 / f64::from(args.clients));
    report.count("hung_up", (crowd.len() - crowd.n_open()) as u64);
    report.cpu("join", joined.cpu.saturating_sub(before.cpu), "join", crowd.len() as u64);
    report.cpu("all", after.cpu.saturating_sub(before.cpu), "line", n_lines);
    report.process(before, after, crowd.len() as u64);
    Ok(())
}

/// Seconds since midnight of `15:04:05`.
fn time_of_day(text: &[u8]) -> Option<u32> {
    let mut parts = std::str::from_utf8(text).ok()?.trim().splitn(3, ':');
    let mut part = || parts.next()?.parse::<u32>().ok();
    Some(part()? * 3600 + part()? * 60 + part()?)
}

pub(crate) fn reverb(args: &Cli, addr: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let mut crowd = gather(args, addr, |_, _, _| {})?;
    let n_clients = crowd.len();
    if args.flood > 0 {
        let deaf = crowd.join(connect(addr, 0)?)?;
        crowd.deafen(deaf);
        crowd.send(deaf, &SHOUT.repeat((usize::from(args.flood) << 20) / SHOUT.len()));
    }
    let start = Instant::now();
    let mut shouted = Vec::new();
    for i in 0..n_clients {
        for n in 0..args.shouts {
            crowd.send(i, format!("Shout {n}\n").as_bytes());
        }
        if !args.keep {
            crowd.close_write(i);
        }
        shouted.push(Instant::now());
    }
    let (mut errors, mut n_lines) = (Histogram::new(), vec![0u32; crowd.len()]);
    let wanted = 3 * args.shouts;
    let end = start + args.delay * 2 + args.patience;
    let mut n_left = n_clients;
    while Instant::now() < end && n_left > 0 {
        crowd.poll(POLL, |i, text, now| {
            let nth = match text.trim_ascii_start().first_chunk() {
                Some(b"SH") => 0,
                Some(b"Sh") => 1,
                _ => 2,
            };
            errors.add(now.abs_diff(shouted[i] + args.delay * nth));
            n_lines[i] += 1;
        })?;
        let is_done = |i: usize| crowd.closed(i).is_some() || (args.keep && n_lines[i] == wanted);
        n_left = (0..n_clients).filter(|&i| !is_done(i)).count();
    }
    let after = report.sample();
    let all: u64 = n_lines.iter().map(|&n| u64::from(n)).sum();
    report.count("clients", n_clients as u64);
    report.figure("seconds", start.elapsed().as_secs_f64());
    report.count("lines", all);
    report.count("complete_clients", n_lines.iter().filter(|&&n| n == wanted).count() as u64);
    report.count("never_done", n_left as u64);
    report.percentiles("timing_error", &errors);
    report.cpu("all", after.cpu.saturating_sub(before.cpu), "line", all);
    report.process(before, after, n_clients as u64);
    Ok(())
}

/// How far apart two moments are.
trait AbsDiff {
    fn abs_diff(self, other: Self) -> Duration;
}

impl AbsDiff for Instant {
    fn abs_diff(self, other: Instant) -> Duration {
        self.max(other) - self.min(other)
    }
}
