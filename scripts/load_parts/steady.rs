//! clock and reverb: lines that must arrive at a given time.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::Cli;
use super::clients::connect;
use super::report::{Histogram, Report};
use super::workers::{Effort, Share, in_parallel, shares};

/// The line of the client that never reads.
const FLOOD_LINE: &[u8] =
    b"A line of the usual length from a client that sends and never reads it.\n";
/// How long to wait for an event before checking the time.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Connects the clients of a share, and polls in between so that lines are received when they
/// arrive.
fn connect_all<T>(
    args: &Cli,
    addr: SocketAddr,
    share: &mut Share<T>,
    line: fn(&mut T, usize, &[u8], Instant),
) -> anyhow::Result<()> {
    for k in 0..share.n_of_first(args.clients as usize) {
        let source = u8::try_from(share.number(k) % usize::from(args.sources))?;
        share.clients.add(connect(addr, source)?, false)?;
        if k % 64 == 0 {
            let state = &mut share.state;
            share.clients.poll(Duration::ZERO, |k, text, now| line(state, k, text, now))?;
        }
    }
    Ok(())
}

/// What a client of the clock has received.
#[derive(Default)]
struct ClockClient {
    first: Option<Instant>,
    n_lines: u32,
    late: Duration,
    seconds: Option<u32>,
}

/// What the clients of one share have received of the clock.
#[derive(Default)]
struct Ticks {
    clients: Vec<ClockClient>,
    errors: Histogram,
    n_lines: u64,
    n_skips: u64,
}

impl Ticks {
    fn receive(&mut self, k: usize, text: &[u8], now: Instant) {
        if self.clients.len() <= k {
            self.clients.resize_with(k + 1, ClockClient::default);
        }
        let client = &mut self.clients[k];
        let first = *client.first.get_or_insert(now);
        let due = first + Duration::from_secs(u64::from(client.n_lines));
        self.errors.add(now.abs_diff(due));
        client.late = now.saturating_duration_since(due);
        client.n_lines += 1;
        self.n_lines += 1;
        let seconds = time_of_day(text);
        let is_next = |last| seconds == Some((last + 1) % 86_400);
        self.n_skips += u64::from(client.seconds.is_some_and(|last| !is_next(last)));
        client.seconds = seconds;
    }

    fn late(&self) -> Duration {
        self.clients.iter().map(|client| client.late).sum()
    }
}

pub(crate) fn clock(args: &Cli, addr: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let mut shares = shares(args, args.clients as usize, Ticks::default);
    let (start, mut effort) = (Instant::now(), Effort::default());
    in_parallel(&mut shares, &mut effort, |share| connect_all(args, addr, share, Ticks::receive))?;
    let joined = report.sample();
    let end = Instant::now() + args.duration;
    in_parallel(&mut shares, &mut effort, |Share { clients, state, .. }| {
        while Instant::now() < end {
            clients.poll(POLL_INTERVAL, |k, text, now| state.receive(k, text, now))?;
        }
        Ok(())
    })?;
    let after = report.sample();
    let n_lines = shares.iter().map(|share| share.state.n_lines).sum();
    let n_clients: usize = shares.iter().map(|share| share.clients.len()).sum();
    let n_open: usize = shares.iter().map(|share| share.clients.n_open()).sum();
    report.count("clients", n_clients as u64);
    report.figure("seconds", start.elapsed().as_secs_f64());
    report.count("lines", n_lines);
    report.count("skipped_or_repeated", shares.iter().map(|share| share.state.n_skips).sum());
    report.percentiles("cadence_error", &merged(shares.iter().map(|share| &share.state.errors)));
    let late: Duration = shares.iter().map(|share| share.state.late()).sum();
    report.figure("mean_drift_ms", late.as_secs_f64() * 1e3 / f64::from(args.clients));
    report.count("disconnected", (n_clients - n_open) as u64);
    report.cpu("join", joined.cpu.saturating_sub(before.cpu), "join", n_clients as u64);
    let cpu = after.cpu.saturating_sub(before.cpu);
    report.cpu("all", cpu, "line", n_lines);
    report.process(before, after, n_clients as u64);
    report.effort(&effort, cpu);
    Ok(())
}

fn merged<'a>(histograms: impl Iterator<Item = &'a Histogram>) -> Histogram {
    let mut all = Histogram::default();
    histograms.for_each(|histogram| all.merge(histogram));
    all
}

/// Seconds since midnight of `15:04:05`.
fn time_of_day(text: &[u8]) -> Option<u32> {
    let mut parts = std::str::from_utf8(text).ok()?.trim().splitn(3, ':');
    let mut part = || parts.next()?.parse::<u32>().ok();
    Some(part()? * 3600 + part()? * 60 + part()?)
}

/// What the clients of one share have received of reverb.
#[derive(Default)]
struct Echoes {
    errors: Histogram,
    /// Lines of each client.
    n_lines: Vec<u32>,
    /// Clients that still wait for an echo, or for the server to close.
    n_left: usize,
}

pub(crate) fn reverb(args: &Cli, addr: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let mut shares = shares(args, args.clients as usize, Echoes::default);
    let mut effort = Effort::default();
    in_parallel(&mut shares, &mut effort, |share| {
        connect_all(args, addr, share, |_, _, _, _| {})?;
        share.state.n_lines = vec![0; share.clients.len()];
        Ok(())
    })?;
    let start = Instant::now();
    in_parallel(&mut shares, &mut effort, |share| shout(args, addr, share))?;
    let after = report.sample();
    let n_lines = || shares.iter().flat_map(|share| share.state.n_lines.iter().copied());
    let (n_clients, n_expected) = (n_lines().count() as u64, 3 * args.shouts);
    let n_total: u64 = n_lines().map(u64::from).sum();
    report.count("clients", n_clients);
    report.figure("seconds", start.elapsed().as_secs_f64());
    report.count("lines", n_total);
    let n_all = n_clients * u64::from(n_expected);
    report.count("expected", n_all);
    report.count("missing", n_all.saturating_sub(n_total));
    report.count("complete_clients", n_lines().filter(|&n| n == n_expected).count() as u64);
    let n_left: usize = shares.iter().map(|share| share.state.n_left).sum();
    report.count("incomplete_clients", n_left as u64);
    report.percentiles("timing_error", &merged(shares.iter().map(|share| &share.state.errors)));
    let cpu = after.cpu.saturating_sub(before.cpu);
    report.cpu("all", cpu, "line", n_total);
    report.process(before, after, n_clients);
    report.effort(&effort, cpu);
    Ok(())
}

/// Sends the lines of a share's clients and receives their echoes.
fn shout(args: &Cli, addr: SocketAddr, share: &mut Share<Echoes>) -> anyhow::Result<()> {
    let n_clients = share.clients.len();
    if args.flood > 0 && share.is_first() {
        add_flood(args, addr, share)?;
    }
    let Share { clients, state: Echoes { errors, n_lines, n_left }, .. } = share;
    let start = Instant::now();
    let sent_at: Vec<_> = (0..n_clients)
        .map(|k| {
            (0..args.shouts).for_each(|n| clients.send(k, format!("Shout {n}\n").as_bytes()));
            if !args.keep {
                clients.close_write(k);
            }
            Instant::now()
        })
        .collect();
    let (end, n_expected) = (start + args.delay * 2 + args.timeout, 3 * args.shouts);
    *n_left = n_clients;
    while Instant::now() < end && *n_left > 0 {
        clients.poll(POLL_INTERVAL, |k, text, now| {
            let nth = match text.trim_ascii_start().first_chunk() {
                Some(b"SH") => 0,
                Some(b"Sh") => 1,
                _ => 2,
            };
            errors.add(now.abs_diff(sent_at[k] + args.delay * nth));
            n_lines[k] += 1;
        })?;
        let is_done =
            |k: usize| clients.closed(k).is_some() || (args.keep && n_lines[k] == n_expected);
        *n_left = (0..n_clients).filter(|&k| !is_done(k)).count();
    }
    Ok(())
}

/// Adds a client that sends and never reads.
fn add_flood(args: &Cli, addr: SocketAddr, share: &mut Share<Echoes>) -> anyhow::Result<()> {
    let stalled = share.clients.add(connect(addr, 0)?, false)?;
    share.clients.stop_reading(stalled);
    let n_lines = (usize::from(args.flood) << 20) / FLOOD_LINE.len();
    share.clients.send(stalled, &FLOOD_LINE.repeat(n_lines));
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
