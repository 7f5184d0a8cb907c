//! chat: each client waits until it has seen the later ones arrive; then some clients send, and every
//! client checks that it receives every line once and in its sender's order.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use memchr::{memchr, memmem};

use super::Cli;
use super::clients::{connect, upgrade};
use super::report::{Histogram, Report};
use super::workers::{Effort, Share, in_parallel, shares};

/// How long to wait for an event before checking the time.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Lines that a sender sends at once when the previous ones have been sent.
const BURST: u32 = 64;
/// Begins the text of a sender; occurs in no name and no address.
const MARK: u8 = b'~';

/// The sequence numbers that one client has received.
struct Received {
    /// The next number expected from each sender.
    next: Vec<u32>,
    /// Senders and numbers that have been skipped.
    missing: Vec<(usize, u32)>,
    /// A hash of all lines in the order in which they came.
    order: u64,
}

/// What some clients have received.
struct Results {
    /// When the first client connected.
    start: Instant,
    n_senders: usize,
    /// Of each client.
    received: Vec<Received>,
    n_arrivals: u64,
    last_arrival: Instant,
    n_greetings: u64,
    n_delivered: u64,
    last_delivery: Instant,
    n_duplicates: u64,
    n_reordered: u64,
    latency: Histogram,
}

/// What the clients of all threads have received, for them to see when nothing is missing.
#[derive(Default)]
struct Progress {
    n_arrivals: AtomicU64,
    n_delivered: AtomicU64,
}

type Chatters = Share<Results>;

pub(crate) fn run(args: &Cli, addrs: &[SocketAddr], report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let (progress, start) = (Progress::default(), Instant::now());
    let n_senders = args.senders.min(args.clients) as usize;
    let mut shares = shares(args, args.clients as usize, || Results::new(start, n_senders));
    let mut effort = Effort::default();
    in_parallel(&mut shares, &mut effort, |share| connect_all(args, addrs, share, &progress))?;
    let joined = report.sample();
    let (join, n_clients) = (joined.cpu.saturating_sub(before.cpu), u64::from(args.clients));
    add_joined(&shares, n_clients, report);
    report.cpu("join", join, "arrival", sum(&shares, |results| results.n_arrivals));
    report.process(before, joined, n_clients);
    if args.duration.is_zero() {
        report.effort(&effort, join);
        return Ok(());
    }
    let mut effort = Effort::default();
    measure_delivery(args, &mut shares, &progress, &mut effort, report)?;
    let after = report.sample();
    let send = after.cpu.saturating_sub(joined.cpu);
    report.cpu("send", send, "delivery", sum(&shares, |results| results.n_delivered));
    report.count("send_rss_kib", after.rss_kib);
    report.count("send_peak_kib", after.peak_kib);
    report.count("send_threads", after.n_threads);
    report.effort(&effort, send);
    Ok(())
}

fn add_joined(shares: &[Chatters], n_clients: u64, report: &mut Report) {
    let start = shares[0].state.start;
    let last = shares.iter().map(|share| share.state.last_arrival).fold(start, Instant::max);
    let n_arrivals = sum(shares, |results| results.n_arrivals);
    report.count("clients", n_clients);
    report.figure("join_s", last.duration_since(start).as_secs_f64());
    report.count("greetings", sum(shares, |results| results.n_greetings));
    report.count("arrivals", n_arrivals);
    let n_missing = n_arrivals_expected(n_clients).saturating_sub(n_arrivals);
    report.count("arrivals_missing", n_missing);
}

fn sum(shares: &[Chatters], count: impl Fn(&Results) -> u64) -> u64 {
    shares.iter().map(|share| count(&share.state)).sum()
}

/// Arrivals that `n` clients see in all: the first sees all others, the last none.
fn n_arrivals_expected(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// Connects the clients of a share and waits until every client has seen the later ones arrive.
fn connect_all(
    args: &Cli,
    addrs: &[SocketAddr],
    share: &mut Chatters,
    progress: &Progress,
) -> anyhow::Result<()> {
    for k in 0..share.n_of_first(args.clients as usize) {
        let number = share.number(k);
        let addr = addrs[number % addrs.len()];
        let mut socket = connect(addr, u8::try_from(number % usize::from(args.sources))?)?;
        if args.web {
            socket = upgrade(socket, addr)?;
        }
        let client = share.clients.add(socket, args.web)?;
        share.state.add_client();
        if args.names {
            share.clients.send(client, format!("client-{number}\n").as_bytes());
        }
        if k % 64 == 0 {
            poll(share, Duration::ZERO, progress)?;
        }
    }
    let (end, n_expected) =
        (Instant::now() + args.timeout, n_arrivals_expected(args.clients.into()));
    while progress.n_arrivals.load(Ordering::Relaxed) < n_expected && Instant::now() < end {
        poll(share, POLL_INTERVAL, progress)?;
    }
    Ok(())
}

/// Receives what has come for the clients of a share.
fn poll(share: &mut Chatters, timeout: Duration, progress: &Progress) -> anyhow::Result<()> {
    let Share { clients, state, .. } = share;
    let (n_arrivals, n_delivered) = (state.n_arrivals, state.n_delivered);
    clients.poll(timeout, |k, text, now| state.receive(k, text, now))?;
    if state.n_arrivals > n_arrivals {
        progress.n_arrivals.fetch_add(state.n_arrivals - n_arrivals, Ordering::Relaxed);
        state.last_arrival = Instant::now();
    }
    if state.n_delivered > n_delivered {
        progress.n_delivered.fetch_add(state.n_delivered - n_delivered, Ordering::Relaxed);
        state.last_delivery = Instant::now();
    }
    Ok(())
}

/// What the senders of a share have sent.
struct Sent {
    n_rounds: u32,
    /// Lines of each sender.
    n_lines: Vec<u32>,
}

impl Sent {
    fn n_total(&self) -> u64 {
        self.n_lines.iter().map(|&n| u64::from(n)).sum()
    }
}

/// Sends for the given time from the senders of a share, at their part of the rate.
fn send_lines(
    args: &Cli,
    share: &mut Chatters,
    progress: &Progress,
    start: Instant,
) -> anyhow::Result<Sent> {
    let n_senders = share.state.n_senders;
    let n_own = share.n_of_first(n_senders);
    let mut sent = Sent { n_rounds: 0, n_lines: vec![0; n_own] };
    let rate = f64::from(args.rate) * n_own as f64 / n_senders.max(1) as f64;
    let timeout = if args.rate > 0 { Duration::from_millis(1) } else { POLL_INTERVAL };
    let n = if args.rate == 0 { BURST } else { 1 };
    while start.elapsed() < args.duration {
        let due = start.elapsed().as_secs_f64() * rate;
        if args.rate == 0 || (sent.n_total() as f64) < due {
            sent.n_rounds += 1;
            for (k, n_lines) in sent.n_lines.iter_mut().enumerate() {
                if share.clients.n_unsent(k) == 0 {
                    let text = lines(share.number(k), *n_lines, n, share.state.start);
                    share.clients.send(k, &text);
                    *n_lines += n;
                }
            }
        }
        poll(share, timeout, progress)?;
    }
    Ok(sent)
}

/// Waits until `n_expected` lines have been delivered.
fn wait_for_missing(
    args: &Cli,
    share: &mut Chatters,
    progress: &Progress,
    n_expected: u64,
) -> anyhow::Result<()> {
    let end = Instant::now() + args.timeout;
    while progress.n_delivered.load(Ordering::Relaxed) < n_expected && Instant::now() < end {
        poll(share, POLL_INTERVAL, progress)?;
    }
    Ok(())
}

/// Sends, waits for missing lines, and adds what came of it to the report.
fn measure_delivery(
    args: &Cli,
    shares: &mut [Chatters],
    progress: &Progress,
    effort: &mut Effort,
    report: &mut Report,
) -> anyhow::Result<()> {
    for share in &mut *shares {
        for k in stalled(args, share) {
            share.clients.stop_reading(k);
        }
    }
    let n_stalled: usize = shares.iter().map(|share| stalled(args, share).len()).sum();
    let start = Instant::now();
    let sent = in_parallel(shares, effort, |share| send_lines(args, share, progress, start))?;
    let (n_in_time, seconds) = (sum(shares, |r| r.n_delivered), start.elapsed().as_secs_f64());
    let n_sent: u64 = sent.iter().map(Sent::n_total).sum();
    let n_expected = n_sent * (u64::from(args.clients) - n_stalled as u64);
    in_parallel(shares, effort, |share| wait_for_missing(args, share, progress, n_expected))?;
    let last = shares.iter().map(|share| share.state.last_delivery).fold(start, Instant::max);
    let n_rounds = sent.iter().map(|sent| sent.n_rounds).max();
    report.count("rounds", n_rounds.unwrap_or_default().into());
    report.count("sent", n_sent);
    let n_delivered = sum(shares, |results| results.n_delivered);
    report.count("delivered", n_delivered);
    let seconds_until_last = last.duration_since(start).as_secs_f64();
    report.figure("deliveries_per_s", n_delivered as f64 / seconds_until_last);
    report.figure("in_time_per_s", n_in_time as f64 / seconds);
    add_checks(args, shares, n_expected, report);
    add_disconnected(args, shares, start, report);
    Ok(())
}

/// Adds whether each line came once, and in its order.
fn add_checks(args: &Cli, shares: &[Chatters], n_expected: u64, report: &mut Report) {
    report.count("expected", n_expected);
    let n_missing = n_expected.saturating_sub(sum(shares, |results| results.n_delivered));
    report.count("missing", n_missing);
    report.figure("missing_percent", 100.0 * n_missing as f64 / n_expected.max(1) as f64);
    report.count("duplicates", sum(shares, |results| results.n_duplicates));
    report.count("reordered", sum(shares, |results| results.n_reordered));
    let mut orders = BTreeSet::new(); // one if all is well
    let mut latency = Histogram::default();
    for share in shares {
        let (stalled, received) = (stalled(args, share), share.state.received.iter().enumerate());
        let readers = received.filter(|(k, _)| !stalled.contains(k));
        orders.extend(readers.map(|(_, received)| received.order));
        latency.merge(&share.state.latency);
    }
    report.count("orders", orders.len() as u64);
    report.percentiles("latency", &latency);
}

/// The clients of a share that are to read nothing.
fn stalled(args: &Cli, share: &Chatters) -> Vec<usize> {
    let one_in = args.stalled as usize;
    let is_stalled = |k: &usize| one_in > 0 && share.number(*k) % one_in == one_in - 1;
    let first = share.n_of_first(share.state.n_senders);
    (first..share.clients.len()).filter(is_stalled).collect()
}

fn add_disconnected(args: &Cli, shares: &[Chatters], start: Instant, report: &mut Report) {
    let closed = shares
        .iter()
        .flat_map(|share| (0..share.clients.len()).filter_map(|k| share.clients.closed(k)));
    report.count("disconnected", closed.count() as u64);
    let stalled = shares
        .iter()
        .flat_map(|share| stalled(args, share).into_iter().map(|k| share.clients.closed(k)));
    let stalled: Vec<_> = stalled.collect();
    if stalled.is_empty() {
        return;
    }
    report.count("stalled", stalled.len() as u64);
    let disconnected = || stalled.iter().flatten();
    report.count("stalled_disconnected", disconnected().count() as u64);
    let last = disconnected().max().map(|at| at.duration_since(start).as_secs_f64());
    report.figure("stalled_last_disconnected_s", last.unwrap_or(f64::NAN));
}

/// `~SENDER NUMBER MICROSECONDS` and a newline, `n` times.
fn lines(sender: usize, first: u32, n: u32, start: Instant) -> Vec<u8> {
    let us = start.elapsed().as_micros();
    (first..first + n).flat_map(|seq| format!("~{sender} {seq} {us}\n").into_bytes()).collect()
}

impl Results {
    fn new(start: Instant, n_senders: usize) -> Self {
        Results {
            start,
            n_senders,
            received: Vec::new(),
            n_arrivals: 0,
            last_arrival: start,
            n_greetings: 0,
            n_delivered: 0,
            last_delivery: start,
            n_duplicates: 0,
            n_reordered: 0,
            latency: Histogram::default(),
        }
    }

    fn add_client(&mut self) {
        let next = vec![0; self.n_senders];
        self.received.push(Received { next, missing: Vec::new(), order: 0 });
    }

    fn receive(&mut self, i: usize, text: &[u8], now: Instant) {
        let Some(mark) = memchr(MARK, text) else {
            if text.ends_with(b" has arrived") {
                self.n_arrivals += 1;
            } else if memmem::find(text, b"You are ").is_some() {
                self.n_greetings += 1;
            }
            return;
        };
        let mut numbers = text[mark + 1..].split(|&byte| byte == b' ').map(number);
        let (Some(Some(sender)), Some(Some(seq)), Some(Some(us))) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return;
        };
        let sent = self.start + Duration::from_micros(us);
        self.latency.add(now.saturating_duration_since(sent));
        if let (Ok(sender), Ok(seq)) = (usize::try_from(sender), u32::try_from(seq)) {
            self.count(i, sender, seq);
        }
    }

    fn count(&mut self, i: usize, sender: usize, seq: u32) {
        let received = &mut self.received[i];
        let Some(next) = received.next.get_mut(sender) else { return };
        let line = ((sender as u64) << 32) | u64::from(seq);
        received.order =
            (received.order ^ line).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
        if seq >= *next {
            received.missing.extend((*next..seq).map(|seq| (sender, seq)));
            *next = seq + 1;
        } else if let Some(at) = received.missing.iter().position(|&late| late == (sender, seq)) {
            received.missing.swap_remove(at);
            self.n_reordered += 1;
        } else {
            self.n_duplicates += 1;
            return;
        }
        self.n_delivered += 1;
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let digit = |n: u64, &byte: &u8| {
        byte.is_ascii_digit().then(|| n.wrapping_mul(10).wrapping_add(u64::from(byte - b'0')))
    };
    digits.iter().try_fold(0, digit)
}
