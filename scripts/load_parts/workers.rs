//! The threads of the load generator, each with its share of the clients, and what they cost.

use std::fs;
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use threadbare::machine::cpu;

use super::Cli;
use super::clients::Clients;

/// A thread that has used this much of the time was busy all the time, as was a machine.
const BUSY: f64 = 0.9;

/// The clients of one thread, and what it knows of them.
///
/// Client `k` of a share is number `index + k * n_shares` of all: neighbours are on different threads.
pub(crate) struct Share<T> {
    pub(crate) clients: Clients,
    pub(crate) state: T,
    index: usize,
    n_shares: usize,
}

/// What the threads have cost.
#[derive(Default)]
pub(crate) struct Effort {
    wall: Duration,
    /// Of each thread.
    times: Vec<Times>,
}

/// How long a thread has used a CPU, and how long it could have but got none.
#[derive(Clone, Copy, Default)]
struct Times {
    cpu: Duration,
    queued: Duration,
}

/// Divides `n` clients among the threads that are asked for.
pub(crate) fn shares<T>(args: &Cli, n: usize, state: impl Fn() -> T) -> Vec<Share<T>> {
    let n_shares = args.threads.min(n).max(1);
    let share = |index| Share { clients: Clients::new(), state: state(), index, n_shares };
    (0..n_shares).map(share).collect()
}

/// Runs `phase` on all shares at once and adds to `effort` what it cost.
pub(crate) fn in_parallel<T: Send, R: Send>(
    shares: &mut [Share<T>],
    effort: &mut Effort,
    phase: impl Fn(&mut Share<T>) -> anyhow::Result<R> + Sync,
) -> anyhow::Result<Vec<R>> {
    let (start, phase) = (Instant::now(), &phase);
    let results: Vec<_> = thread::scope(|scope| {
        let run = |share| scope.spawn(move || (phase(share), Times::current()));
        let threads: Vec<_> = shares.iter_mut().map(run).collect();
        let joined = threads.into_iter().map(ScopedJoinHandle::join);
        joined.map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    effort.wall += start.elapsed();
    effort.times.resize_with(shares.len(), Times::default);
    for (sum, (_, times)) in effort.times.iter_mut().zip(&results) {
        sum.cpu += times.cpu;
        sum.queued += times.queued;
    }
    results.into_iter().map(|(result, _)| result).collect()
}

impl<T> Share<T> {
    /// The number among all clients of client `k` of this share.
    pub(crate) fn number(&self, k: usize) -> usize {
        self.index + k * self.n_shares
    }

    /// Whether this share has the first of all clients.
    pub(crate) fn is_first(&self) -> bool {
        self.index == 0
    }

    /// How many of the first `n` clients are of this share: its own first ones.
    pub(crate) fn n_of_first(&self, n: usize) -> usize {
        n.saturating_sub(self.index).div_ceil(self.n_shares)
    }
}

impl Times {
    fn current() -> Self {
        let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let ns = text.split(' ').nth(1).and_then(|ns| ns.parse().ok());
        Times { cpu: cpu::thread_time(), queued: Duration::from_nanos(ns.unwrap_or(0)) }
    }
}

impl Effort {
    pub(crate) fn n_threads(&self) -> usize {
        self.times.len()
    }

    /// CPU time of all threads.
    pub(crate) fn total(&self) -> Duration {
        self.times.iter().map(|times| times.cpu).sum()
    }

    /// The part of the time in which the busiest thread used a CPU: 0 to 1.
    pub(crate) fn busiest(&self) -> f64 {
        self.times.iter().map(|times| ratio(times.cpu, self.wall)).fold(0.0, f64::max)
    }

    /// Says whether the results are the server's or the load generator's.
    pub(crate) fn limit(&self, server: Duration) -> String {
        let both = self.total() + server;
        if ratio(both, self.wall) >= BUSY * cpu::n_cpus() as f64 {
            let percent = 100.0 * ratio(self.total(), both);
            return format!("all CPUs, {percent:.0} % of their work the load generator's");
        }
        let is_never_idle = |times: &Times| ratio(times.cpu + times.queued, self.wall) >= BUSY;
        let limit = if self.busiest() >= BUSY {
            "the load generator"
        } else if self.times.iter().any(is_never_idle) {
            "the CPUs, which had other work"
        } else {
            "not the load generator"
        };
        limit.to_owned()
    }
}

fn ratio(time: Duration, whole: Duration) -> f64 {
    time.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE)
}
