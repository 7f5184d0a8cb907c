//! clock and reverb: lines that must arrive at a given time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Cli;
use super::clients::{Clients, connect};
use super::report::{Histogram, Report};

/// The line of the client that never reads.
const FLOOD_LINE: &[u8] =
    b"A line of the usual length from a client that sends and never reads it.\n";
/// How long to wait for an event before checking the time.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Connects all clients, and polls in between so that lines are received when they arrive.
fn connect_all(
    args: &Cli,
    addr: SocketAddr,
    mut line: impl FnMut(usize, &[u8], Instant),
) -> anyhow::Result<Clients> {
    let mut clients = Clients::new();
    for i in 0..args.clients {
        clients.add(connect(addr, u8::try_from(i % u32::from(args.sources))?)?)?;
        if i % 64 == 0 {
            clients.poll(Duration::ZERO, &mut line)?;
        }
    }
    Ok(clients)
}

/// What a client of the clock has received.
#[derive(Default)]
struct ClockClient {
    first: Option<Instant>,
    n_lines: u32,
    late: Duration,
    seconds: Option<u32>,
}

pub(crate) fn clock(args: &Cli, addr: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let mut states: Vec<ClockClient> = Vec::new();
    states.resize_with(args.clients as usize, ClockClient::default);
    let (mut errors, mut n_lines, mut n_skips) = (Histogram::new(), 0u64, 0u64);
    let mut line = |i: usize, text: &[u8], now: Instant| {
        let state: &mut ClockClient = &mut states[i];
        let first = *state.first.get_or_insert(now);
        let due = first + Duration::from_secs(u64::from(state.n_lines));
        errors.add(now.abs_diff(due));
        state.late = now.saturating_duration_since(due);
        state.n_lines += 1;
        n_lines += 1;
        let seconds = time_of_day(text);
        let is_next = |last| seconds == Some((last + 1) % 86_400);
        n_skips += u64::from(state.seconds.is_some_and(|last| !is_next(last)));
        state.seconds = seconds;
    };
    let start = Instant::now();
    let mut clients = connect_all(args, addr, &mut line)?;
    let joined = report.sample();
    let end = Instant::now() + args.duration;
    while Instant::now() < end {
        clients.poll(POLL_INTERVAL, &mut line)?;
    }
    let after = report.sample();
    report.count("clients", clients.len() as u64);
    report.figure("seconds", start.elapsed().as_secs_f64());
    report.count("lines", n_lines);
    report.count("skipped_or_repeated", n_skips);
    report.percentiles("cadence_error", &errors);
    let late: Duration = states.iter().map(|state| state.late).sum();
    report.figure("mean_drift_ms", late.as_secs_f64() * 1e3 / f64::from(args.clients));
    report.count("disconnected", (clients.len() - clients.n_open()) as u64);
    report.cpu("join", joined.cpu.saturating_sub(before.cpu), "join", clients.len() as u64);
    report.cpu("all", after.cpu.saturating_sub(before.cpu), "line", n_lines);
    report.process(before, after, clients.len() as u64);
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
    let mut clients = connect_all(args, addr, |_, _, _| {})?;
    let n_clients = clients.len();
    if args.flood > 0 {
        let stalled = clients.add(connect(addr, 0)?)?;
        clients.stop_reading(stalled);
        clients
            .send(stalled, &FLOOD_LINE.repeat((usize::from(args.flood) << 20) / FLOOD_LINE.len()));
    }
    let start = Instant::now();
    let mut sent_at = Vec::new();
    for i in 0..n_clients {
        for n in 0..args.shouts {
            clients.send(i, format!("Shout {n}\n").as_bytes());
        }
        if !args.keep {
            clients.close_write(i);
        }
        sent_at.push(Instant::now());
    }
    let (mut errors, mut n_lines) = (Histogram::new(), vec![0u32; clients.len()]);
    let n_expected = 3 * args.shouts;
    let end = start + args.delay * 2 + args.timeout;
    let mut n_left = n_clients;
    while Instant::now() < end && n_left > 0 {
        clients.poll(POLL_INTERVAL, |i, text, now| {
            let nth = match text.trim_ascii_start().first_chunk() {
                Some(b"SH") => 0,
                Some(b"Sh") => 1,
                _ => 2,
            };
            errors.add(now.abs_diff(sent_at[i] + args.delay * nth));
            n_lines[i] += 1;
        })?;
        let is_done =
            |i: usize| clients.closed(i).is_some() || (args.keep && n_lines[i] == n_expected);
        n_left = (0..n_clients).filter(|&i| !is_done(i)).count();
    }
    let after = report.sample();
    let n_total: u64 = n_lines.iter().map(|&n| u64::from(n)).sum();
    report.count("clients", n_clients as u64);
    report.figure("seconds", start.elapsed().as_secs_f64());
    report.count("lines", n_total);
    let n_all = n_clients as u64 * u64::from(n_expected);
    report.count("expected", n_all);
    report.count("missing", n_all.saturating_sub(n_total));
    report.count("complete_clients", n_lines.iter().filter(|&&n| n == n_expected).count() as u64);
    report.count("incomplete_clients", n_left as u64);
    report.percentiles("timing_error", &errors);
    report.cpu("all", after.cpu.saturating_sub(before.cpu), "line", n_total);
    report.process(before, after, n_clients as u64);
    Ok(())
}

/// The time between two instants, in whichever order.
trait AbsDiff {
    fn abs_diff(self, other: Self) -> Duration;
}

impl AbsDiff for Instant {
    fn abs_diff(self, other: Instant) -> Duration {
        self.max(other) - self.min(other)
    }
}
