//! chat: each client waits until it has seen the later ones arrive; then some clients send, and every
//! client checks that it receives every line once and in its sender's order.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::{memchr, memmem};

use super::Cli;
use super::clients::{Clients, connect};
use super::report::{Histogram, Report};

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
}

/// What all clients have received.
struct Results {
    start: Instant,
    received: Vec<Received>,
    n_arrivals: u64,
    n_greetings: u64,
    n_delivered: u64,
    n_duplicates: u64,
    n_reordered: u64,
    latency: Histogram,
}

pub(crate) fn run(args: &Cli, addr: SocketAddr, report: &mut Report) -> anyhow::Result<()> {
    let before = report.sample();
    let n_senders = args.senders.min(args.clients) as usize;
    let mut results = Results::new(args.clients as usize, n_senders);
    let mut clients = Clients::new();
    connect_all(args, addr, &mut clients, &mut results)?;
    let joined = report.sample();
    report.count("clients", clients.len() as u64);
    report.figure("join_s", results.start.elapsed().as_secs_f64());
    report.count("greetings", results.n_greetings);
    report.count("arrivals", results.n_arrivals);
    let n_missing = n_arrivals_expected(clients.len()).saturating_sub(results.n_arrivals);
    report.count("arrivals_missing", n_missing);
    report.cpu("join", joined.cpu.saturating_sub(before.cpu), "arrival", results.n_arrivals);
    report.process(before, joined, clients.len() as u64);
    if args.duration.is_zero() {
        return Ok(());
    }
    let stalled: Vec<usize> = (n_senders..clients.len()).filter(|&i| is_stalled(args, i)).collect();
    for &i in &stalled {
        clients.stop_reading(i);
    }
    measure_delivery(args, &mut clients, &mut results, &stalled, report)?;
    let after = report.sample();
    report.cpu("send", after.cpu.saturating_sub(joined.cpu), "delivery", results.n_delivered);
    report.count("send_rss_kib", after.rss_kib);
    report.count("send_peak_kib", after.peak_kib);
    report.count("send_threads", after.n_threads);
    Ok(())
}

fn is_stalled(args: &Cli, i: usize) -> bool {
    args.stalled > 0 && i % args.stalled as usize == args.stalled as usize - 1
}

/// Arrivals that `n` clients see in all: the first sees all others, the last none.
fn n_arrivals_expected(n: usize) -> u64 {
    (n * n.saturating_sub(1) / 2) as u64
}

/// Connects all clients and waits until each has seen the later ones arrive.
fn connect_all(
    args: &Cli,
    addr: SocketAddr,
    clients: &mut Clients,
    results: &mut Results,
) -> anyhow::Result<()> {
    for i in 0..args.clients {
        let client = clients.add(connect(addr, u8::try_from(i % u32::from(args.sources))?)?)?;
        if args.names {
            clients.send(client, format!("client-{i}\n").as_bytes());
        }
        if i % 64 == 0 {
            clients.poll(Duration::ZERO, |i, text, now| results.receive(i, text, now))?;
        }
    }
    let end = Instant::now() + args.timeout;
    while results.n_arrivals < n_arrivals_expected(clients.len()) && Instant::now() < end {
        clients.poll(POLL_INTERVAL, |i, text, now| results.receive(i, text, now))?;
    }
    Ok(())
}

/// What the senders have sent.
struct Sent {
    start: Instant,
    n_rounds: u32,
    /// Lines of each sender.
    n_lines: Vec<u32>,
}

impl Sent {
    fn n_total(&self) -> u64 {
        self.n_lines.iter().map(|&n| u64::from(n)).sum()
    }
}

/// Sends for the given time.
fn send_lines(args: &Cli, clients: &mut Clients, results: &mut Results) -> anyhow::Result<Sent> {
    let n_senders = args.senders.min(args.clients) as usize;
    let mut sent = Sent { start: Instant::now(), n_rounds: 0, n_lines: vec![0; n_senders] };
    let timeout = if args.rate > 0 { Duration::from_millis(1) } else { POLL_INTERVAL };
    let n = if args.rate == 0 { BURST } else { 1 };
    while sent.start.elapsed() < args.duration {
        let due = sent.start.elapsed().as_secs_f64() * f64::from(args.rate);
        if args.rate == 0 || (sent.n_total() as f64) < due {
            sent.n_rounds += 1;
            for (sender, n_lines) in sent.n_lines.iter_mut().enumerate() {
                if clients.n_unsent(sender) == 0 {
                    clients.send(sender, &lines(sender, *n_lines, n, results.start));
                    *n_lines += n;
                }
            }
        }
        clients.poll(timeout, |i, text, now| results.receive(i, text, now))?;
    }
    Ok(sent)
}

/// Waits until `n_expected` lines have been delivered. Returns when the last of them was.
fn wait_for_missing(
    args: &Cli,
    clients: &mut Clients,
    results: &mut Results,
    n_expected: u64,
) -> anyhow::Result<Instant> {
    let end = Instant::now() + args.timeout;
    let mut last = (Instant::now(), results.n_delivered);
    while results.n_delivered < n_expected && Instant::now() < end {
        clients.poll(POLL_INTERVAL, |i, text, now| results.receive(i, text, now))?;
        if results.n_delivered > last.1 {
            last = (Instant::now(), results.n_delivered);
        }
    }
    Ok(last.0)
}

/// Sends, waits for missing lines, and adds what came of it to the report.
fn measure_delivery(
    args: &Cli,
    clients: &mut Clients,
    results: &mut Results,
    stalled: &[usize],
    report: &mut Report,
) -> anyhow::Result<()> {
    let sent = send_lines(args, clients, results)?;
    let (n_in_time, seconds) = (results.n_delivered, sent.start.elapsed().as_secs_f64());
    let n_expected = sent.n_total() * (clients.len() - stalled.len()) as u64;
    let last = wait_for_missing(args, clients, results, n_expected)?;
    let seconds_until_last = last.duration_since(sent.start).as_secs_f64();
    report.count("rounds", u64::from(sent.n_rounds));
    report.count("sent", sent.n_total());
    report.count("delivered", results.n_delivered);
    report.figure("deliveries_per_s", results.n_delivered as f64 / seconds_until_last);
    report.figure("in_time_per_s", n_in_time as f64 / seconds);
    report.count("expected", n_expected);
    let n_missing = n_expected.saturating_sub(results.n_delivered);
    report.count("missing", n_missing);
    report.figure("missing_percent", 100.0 * n_missing as f64 / n_expected.max(1) as f64);
    report.count("duplicates", results.n_duplicates);
    report.count("reordered", results.n_reordered);
    report.percentiles("latency", &results.latency);
    add_disconnected(clients, stalled, sent.start, report);
    Ok(())
}

fn add_disconnected(clients: &Clients, stalled: &[usize], start: Instant, report: &mut Report) {
    let is_disconnected = |i: &usize| clients.closed(*i).is_some();
    report.count("disconnected", (0..clients.len()).filter(is_disconnected).count() as u64);
    if stalled.is_empty() {
        return;
    }
    let n_disconnected = stalled.iter().copied().filter(is_disconnected).count();
    report.count("stalled", stalled.len() as u64);
    report.count("stalled_disconnected", n_disconnected as u64);
    let last = stalled.iter().filter_map(|&i| clients.closed(i)).max();
    let last = last.map(|at| at.duration_since(start).as_secs_f64());
    report.figure("stalled_last_disconnected_s", last.unwrap_or(f64::NAN));
}

/// `~SENDER NUMBER MICROSECONDS` and a newline, `n` times.
fn lines(sender: usize, first: u32, n: u32, start: Instant) -> Vec<u8> {
    let us = start.elapsed().as_micros();
    (first..first + n).flat_map(|seq| format!("~{sender} {seq} {us}\n").into_bytes()).collect()
}

impl Results {
    fn new(n_clients: usize, n_senders: usize) -> Self {
        let received = || Received { next: vec![0; n_senders], missing: Vec::new() };
        Results {
            start: Instant::now(),
            received: (0..n_clients).map(|_| received()).collect(),
            n_arrivals: 0,
            n_greetings: 0,
            n_delivered: 0,
            n_duplicates: 0,
            n_reordered: 0,
            latency: Histogram::new(),
        }
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
