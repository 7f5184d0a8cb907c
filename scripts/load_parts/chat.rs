//! chat: who joins hears the others arrive; then some talk, and every line is looked for at every
//! client: once, and in its sender's order.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::{memchr, memmem};

use super::Cli;
use super::crowd::{Crowd, connect};
use super::report::{Histogram, Report};

/// How long to wait for an event before looking at the time again.
const POLL: Duration = Duration::from_millis(20);
/// Lines a sender makes at once, when its last ones are out.
const BURST: u32 = 64;
/// Starts what a sender says; no name and no address has it.
const MARK: u8 = b'~';

/// What one client has heard.
struct Ear {
    /// The next number of each sender.
    next: Vec<u32>,
    /// Numbers jumped over, by sender.
    missing: Vec<(usize, u32)>,
}

/// What all clients have heard.
struct Tally {
    start: Instant,
    ears: Vec<Ear>,
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
    let mut tally = Tally::new(args.clients as usize, n_senders);
    let mut crowd = Crowd::new();
    join(args, addr, &mut crowd, &mut tally)?;
    let joined = report.sample();
    report.count("clients", crowd.len() as u64);
    report.figure("join_s", tally.start.elapsed().as_secs_f64());
    report.count("greetings", tally.n_greetings);
    report.count("arrivals", tally.n_arrivals);
    report.count("arrivals_missing", all_arrivals(crowd.len()).saturating_sub(tally.n_arrivals));
    report.cpu("join", joined.cpu.saturating_sub(before.cpu), "arrival", tally.n_arrivals);
    report.process(before, joined, crowd.len() as u64);
    if args.duration.is_zero() {
        return Ok(());
    }
    let deaf: Vec<usize> = (n_senders..crowd.len()).filter(|&i| is_deaf(args, i)).collect();
    for &i in &deaf {
        crowd.deafen(i);
    }
    talk(args, &mut crowd, &mut tally, &deaf, report)?;
    let after = report.sample();
    report.cpu("talk", after.cpu.saturating_sub(joined.cpu), "delivery", tally.n_delivered);
    report.count("talk_rss_kib", after.rss_kib);
    report.count("talk_peak_kib", after.peak_kib);
    report.count("talk_threads", after.n_threads);
    Ok(())
}

fn is_deaf(args: &Cli, i: usize) -> bool {
    args.stalled > 0 && i % args.stalled as usize == args.stalled as usize - 1
}

/// The first hears of all others, the last of nobody.
fn all_arrivals(n: usize) -> u64 {
    (n * n.saturating_sub(1) / 2) as u64
}

fn join(args: &Cli, addr: SocketAddr, crowd: &mut Crowd, tally: &mut Tally) -> anyhow::Result<()> {
    for i in 0..args.clients {
        let member = crowd.join(connect(addr, u8::try_from(i % u32::from(args.sources))?)?)?;
        if args.names {
            crowd.send(member, format!("client-{i}\n").as_bytes());
        }
        if i % 64 == 0 {
            crowd.poll(Duration::ZERO, |i, text, now| tally.hear(i, text, now))?;
        }
    }
    let end = Instant::now() + args.patience;
    while tally.n_arrivals < all_arrivals(crowd.len()) && Instant::now() < end {
        crowd.poll(POLL, |i, text, now| tally.hear(i, text, now))?;
    }
    Ok(())
}

/// Sends for the given time, then waits for what is missing.
fn talk(
    args: &Cli,
    crowd: &mut Crowd,
    tally: &mut Tally,
    deaf: &[usize],
    report: &mut Report,
) -> anyhow::Result<()> {
    let n_senders = args.senders.min(args.clients) as usize;
    let mut said = vec![0; n_senders];
    let ears = crowd.len() - deaf.len();
    let start = Instant::now();
    let mut n_rounds = 0u32;
    while start.elapsed() < args.duration {
        let total: u32 = said.iter().sum();
        let due = start.elapsed().as_secs_f64() * f64::from(args.rate);
        let timeout = if args.rate > 0 { Duration::from_millis(1) } else { POLL };
        if args.rate == 0 || f64::from(total) < due {
            n_rounds += 1;
            let n = if args.rate == 0 { BURST } else { 1 };
            for (sender, said) in said.iter_mut().enumerate() {
                if crowd.n_unsent(sender) == 0 {
                    crowd.send(sender, &lines(sender, *said, n, tally.start));
                    *said += n;
                }
            }
        }
        crowd.poll(timeout, |i, text, now| tally.hear(i, text, now))?;
    }
    let in_time = tally.n_delivered;
    let seconds = start.elapsed().as_secs_f64();
    let expected = said.iter().map(|&n| u64::from(n)).sum::<u64>() * ears as u64;
    let end = Instant::now() + args.patience;
    let mut last = (Instant::now(), tally.n_delivered);
    while tally.n_delivered < expected && Instant::now() < end {
        crowd.poll(POLL, |i, text, now| tally.hear(i, text, now))?;
        if tally.n_delivered > last.1 {
            last = (Instant::now(), tally.n_delivered);
        }
    }
    let until_last = last.0.duration_since(start).as_secs_f64();
    report.count("rounds", u64::from(n_rounds));
    report.count("sent", said.iter().map(|&n| u64::from(n)).sum());
    report.count("delivered", tally.n_delivered);
    report.figure("deliveries_a_s", tally.n_delivered as f64 / until_last);
    report.figure("in_time_a_s", in_time as f64 / seconds);
    let missing = expected.saturating_sub(tally.n_delivered);
    report.count("missing", missing);
    report.figure("missing_percent", 100.0 * missing as f64 / expected.max(1) as f64);
    report.count("duplicates", tally.n_duplicates);
    report.count("reordered", tally.n_reordered);
    report.percentiles("latency", &tally.latency);
    let hung_up = |i: &usize| crowd.closed(*i).is_some();
    report.count("hung_up", (0..crowd.len()).filter(hung_up).count() as u64);
    if !deaf.is_empty() {
        report.count("deaf", deaf.len() as u64);
        report.count("deaf_hung_up", deaf.iter().copied().filter(|i| hung_up(i)).count() as u64);
        let gone = deaf.iter().filter_map(|&i| crowd.closed(i)).max();
        let gone = gone.map(|at| at.duration_since(start).as_secs_f64());
        report.figure("deaf_last_gone_s", gone.unwrap_or(f64::NAN));
    }
    Ok(())
}

/// `~SENDER NUMBER MICROSECONDS` and a newline, `n` times.
fn lines(sender: usize, first: u32, n: u32, start: Instant) -> Vec<u8> {
    let us = start.elapsed().as_micros();
    (first..first + n).flat_map(|seq| format!("~{sender} {seq} {us}\n").into_bytes()).collect()
}

impl Tally {
    fn new(n_clients: usize, n_senders: usize) -> Self {
        let ear = || Ear { next: vec![0; n_senders], missing: Vec::new() };
        Tally {
            start: Instant::now(),
            ears: (0..n_clients).map(|_| ear()).collect(),
            n_arrivals: 0,
            n_greetings: 0,
            n_delivered: 0,
            n_duplicates: 0,
            n_reordered: 0,
            latency: Histogram::new(),
        }
    }

    fn hear(&mut self, i: usize, text: &[u8], now: Instant) {
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
        let ear = &mut self.ears[i];
        let Some(next) = ear.next.get_mut(sender) else { return };
        if seq >= *next {
            ear.missing.extend((*next..seq).map(|seq| (sender, seq)));
            *next = seq + 1;
        } else if let Some(at) = ear.missing.iter().position(|&late| late == (sender, seq)) {
            ear.missing.swap_remove(at);
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
