//! The shop in real time: one thread per cook and one crossbeam channel per counter.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};
use std::{hint, io, thread};

use crossbeam::channel::{self, Receiver, Sender};

use super::error::Error;
use super::event::{Event, EventKind};
use super::run_stats::{CookStats, CounterStats, RunStats};
use super::shop::Shop;
use super::times::ServiceTimes;
use crate::machine::cpu;
use crate::machine::limits::Limits;
use crate::threads;

/// What a cook's thread does for the time a cake takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work {
    /// Sleeps, as in the book: cooks need no CPU and run in parallel without limit.
    #[default]
    Sleep,
    /// Spins until the thread has used that much CPU time, so that more cooks than CPUs do not
    /// help.
    Spin,
}

impl FromStr for Work {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "sleep" => Ok(Work::Sleep),
            "spin" => Ok(Work::Spin),
            _ => Err("use sleep or spin"),
        }
    }
}

/// Runs the shop in real time and sends every event of the cooks to `events`.
///
/// Dropping the receiver of `events` cancels the run.
///
/// # Errors
/// When the shop is invalid, a thread cannot be started, or the receiver was dropped.
///
/// # Panics
/// When a cook's thread has panicked.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use threadbare::engines::cake::Shop;
/// use threadbare::engines::cake::threads::{self, Work};
///
/// let mut shop = Shop { cakes: 5, ..Shop::book() }.with_buffers(1);
/// shop.stages.iter_mut().for_each(|stage| stage.time = Duration::from_millis(1));
/// let run = threads::run(&shop, Work::Sleep, None)?;
/// assert_eq!(run.cakes, 5);
/// assert!(run.makespan >= Duration::from_millis(7)); // 3 ms for the first cake, 1 ms for others
/// # Ok::<(), threadbare::engines::cake::Error>(())
/// ```
pub fn run(shop: &Shop, work: Work, events: Option<&Sender<Event>>) -> Result<RunStats, Error> {
    shop.check()?;
    let (n_cooks, n_threads_max) = (shop.cooks().count(), Limits::current().threads());
    if n_cooks > n_threads_max {
        return Err(Error::Threads(n_cooks, n_threads_max));
    }
    let cpu_before = cpu::process_time();
    let logs = thread::scope(|scope| run_cooks(scope, shop, work, events))?;
    let stats = run_stats(shop, &logs, cpu::process_time().saturating_sub(cpu_before));
    if stats.cakes < shop.cakes { Err(Error::Cancelled) } else { Ok(stats) }
}

/// Starts a thread for every cook, gives all of them the same start time, and waits for the end.
fn run_cooks<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shop: &Shop,
    work: Work,
    events: Option<&'scope Sender<Event>>,
) -> Result<Vec<CookLog>, Error> {
    let (start_tx, start_rx) = channel::bounded(shop.cooks().count());
    let cooks = spawn_cooks(scope, shop, work, events, &start_rx).map_err(Error::Spawn)?;
    let start = Instant::now();
    for _ in &cooks {
        start_tx.send(start).expect("we hold a receiver");
    }
    Ok(cooks.into_iter().map(|cook| cook.join().expect("a cook panicked")).collect())
} // on an error this drops `start_tx`: the cooks started so far see that and return

type CookHandle<'scope> = ScopedJoinHandle<'scope, CookLog>;

fn spawn_cooks<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shop: &Shop,
    work: Work,
    events: Option<&'scope Sender<Event>>,
    start_rx: &Receiver<Instant>,
) -> io::Result<Vec<CookHandle<'scope>>> {
    let numbers = Arc::new(AtomicU64::new(0));
    let mut source = Source::Numbers(numbers, shop.cakes);
    let mut cooks = Vec::new();
    let last = shop.stages.len() - 1;
    for (i, (stage, times)) in shop.stages.iter().zip(shop.times()).enumerate() {
        // A counter with room for more cakes than there are would only waste memory.
        let capacity = stage.buffer.min(usize::try_from(shop.cakes).unwrap_or(usize::MAX));
        let (counter_tx, counter_rx) = channel::bounded(capacity);
        let destination = (i < last).then_some(counter_tx);
        for number in 0..stage.cooks {
            let id = (i, number);
            let (source, destination) = (source.clone(), destination.clone());
            let cook = Cook { id, source, destination, times, work, events };
            let start_rx = start_rx.clone();
            let run = move || start_rx.recv().map_or(CookLog::new(id), |start| cook.run(start));
            cooks.push(Builder::new().name(stage.name.to_owned()).spawn_scoped(scope, run)?);
        }
        source = Source::Counter(counter_rx);
    } // dropping our own ends leaves each channel to the cooks who use it
    Ok(cooks)
}

/// Where a cook gets cakes from.
#[derive(Clone)]
enum Source {
    /// The first stage makes them: the next number below the limit.
    Numbers(Arc<AtomicU64>, u64),
    /// Every other stage takes them from the counter before it.
    Counter(Receiver<u64>),
}

impl Source {
    fn take(&self) -> Option<u64> {
        match self {
            Source::Numbers(next, cakes) => {
                Some(next.fetch_add(1, Ordering::Relaxed)).filter(|cake| cake < cakes)
            }
            Source::Counter(counter) => counter.recv().ok(),
        }
    }
}

/// Everything a cook's thread works with.
struct Cook<'a> {
    /// Stage, and number within the stage.
    id: (usize, usize),
    source: Source,
    /// The counter behind the cook; none in the last stage.
    destination: Option<Sender<u64>>,
    times: ServiceTimes,
    work: Work,
    events: Option<&'a Sender<Event>>,
}

/// What a cook's thread measured.
struct CookLog {
    stats: CookStats,
    last_finished: Duration,
    /// Sums over all cakes of the times when they were taken and when they were passed on. The
    /// difference between two stages is the time that cakes stood on the counter between them.
    taken: Duration,
    passed_on: Duration,
    /// The largest number of cakes seen on the counter behind.
    counter_max: usize,
}

impl Cook<'_> {
    fn run(self, start: Instant) -> CookLog {
        let mut log = CookLog::new(self.id);
        while let Some(cake) = self.source.take() {
            if self.process(cake, start, &mut log).is_none() {
                break;
            }
        }
        log
    } // this drops the channel ends: the cooks of the next stage see the end

    /// Processes one cake; `None` if the run was cancelled. Every instant is measured, not computed
    /// from the planned times, so that delays of the machine show up in the result.
    fn process(&self, cake: u64, start: Instant, log: &mut CookLog) -> Option<()> {
        let taken = Instant::now();
        self.send_event(taken - start, cake, EventKind::Started)?;
        self.work.perform(taken, self.times.duration(cake));
        let finished = Instant::now();
        self.send_event(finished - start, cake, EventKind::Finished)?;
        log.stats.cakes += 1;
        log.stats.busy += finished - taken;
        log.last_finished = finished - start;
        log.taken += taken - start;
        let passed_on = match &self.destination {
            Some(counter) => {
                counter.send(cake).ok()?;
                log.counter_max = log.counter_max.max(counter.len());
                Instant::now()
            }
            None => finished,
        };
        log.stats.blocked += passed_on - finished;
        log.passed_on += passed_on - start;
        self.send_event(passed_on - start, cake, EventKind::PassedOn)
    }

    fn send_event(&self, at: Duration, cake: u64, kind: EventKind) -> Option<()> {
        let event = Event { at, cook: self.id, cake, kind };
        self.events.map_or(Some(()), |events| events.send(event).ok())
    }
}

impl Work {
    fn perform(self, start: Instant, time: Duration) {
        match self {
            Work::Sleep => threads::sleep_until(start + time),
            Work::Spin => {
                let until = cpu::thread_time() + time;
                while cpu::thread_time() < until {
                    hint::spin_loop();
                }
            }
        }
    }
}

impl CookLog {
    fn new((stage, number): (usize, usize)) -> Self {
        let zero = Duration::ZERO;
        let stats = CookStats { stage, number, cakes: 0, busy: zero, blocked: zero };
        CookLog { stats, last_finished: zero, taken: zero, passed_on: zero, counter_max: 0 }
    }
}

fn run_stats(shop: &Shop, logs: &[CookLog], cpu: Duration) -> RunStats {
    let last = shop.stages.len() - 1;
    let at = |stage| logs.iter().filter(move |log| log.stats.stage == stage);
    let makespan = at(last).map(|log| log.last_finished).max().unwrap_or_default();
    let counter = |stage: usize| {
        let taken: Duration = at(stage + 1).map(|log| log.taken).sum();
        let passed_on: Duration = at(stage).map(|log| log.passed_on).sum();
        // Without a buffer the receiver may read the clock before the sender does.
        let waited = taken.saturating_sub(passed_on).as_secs_f64();
        let mean = waited / makespan.as_secs_f64().max(1e-9);
        CounterStats { mean, max: at(stage).map(|log| log.counter_max).max() }
    };
    RunStats {
        cakes: at(last).map(|log| log.stats.cakes).sum(),
        makespan,
        cooks: logs.iter().map(|log| log.stats).collect(),
        counters: (0..last).map(counter).collect(),
        cpu: Some(cpu),
    }
}
