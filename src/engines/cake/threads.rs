//! The shop with real cooks: a thread each, a crossbeam channel for every counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};
use std::{hint, io, thread};

use crossbeam::channel::{self, Receiver, Sender};

use super::times::Times;
use super::{Act, Cook, Counter, Error, Event, Outcome, Shop};
use crate::machine::cpu;
use crate::machine::limits::Limits;
use crate::threads;

/// What a cook does for the time a cake takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Work {
    /// Waits, as for an oven: the book's cooks.
    #[default]
    Sleep,
    /// Computes until the thread has *used* that much CPU time: more cooks than CPUs do not help.
    Spin,
}

/// Runs the shop in real time and sends `events` everything that happens.
///
/// The cooks stop when nobody listens to the events any more: drop the receiver to close early.
///
/// # Errors
/// When the shop cannot open, a thread cannot be started, or the listener went away.
pub fn run(shop: &Shop, work: Work, events: Option<&Sender<Event>>) -> Result<Outcome, Error> {
    shop.check()?;
    let (n_cooks, room) = (shop.cooks().count(), Limits::current().threads());
    if n_cooks > room {
        return Err(Error::Threads(n_cooks, room));
    }
    let cpu_before = cpu::process_time();
    let days = thread::scope(|scope| open(scope, shop, work, events))?;
    let outcome = outcome(shop, &days, cpu::process_time().saturating_sub(cpu_before));
    if outcome.cakes < shop.cakes { Err(Error::Stopped) } else { Ok(outcome) }
}

/// Starts all cooks, then opens the shop for all of them at the same instant.
fn open<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shop: &Shop,
    work: Work,
    events: Option<&'scope Sender<Event>>,
) -> Result<Vec<Day>, Error> {
    let (open, opened) = channel::bounded(shop.cooks().count());
    let cooks = hire(scope, shop, work, events, &opened).map_err(Error::Spawn)?;
    let opening = Instant::now();
    for _ in &cooks {
        open.send(opening).expect("we hold a receiver");
    }
    Ok(cooks.into_iter().map(|cook| cook.join().expect("a cook panicked")).collect())
} // on an error `open` is dropped, and whoever waits for the opening goes home

type Joined<'scope> = ScopedJoinHandle<'scope, Day>;

fn hire<'scope>(
    scope: &'scope Scope<'scope, '_>,
    shop: &Shop,
    work: Work,
    events: Option<&'scope Sender<Event>>,
    opened: &Receiver<Instant>,
) -> io::Result<Vec<Joined<'scope>>> {
    let numbers = Arc::new(AtomicU64::new(0));
    let mut inbox = Inbox::Numbers(numbers, shop.cakes);
    let mut cooks = Vec::new();
    let last = shop.stages.len() - 1;
    for (stage, (it, times)) in shop.stages.iter().zip(shop.times()).enumerate() {
        // A counter longer than there are cakes would be memory for nothing.
        let places = it.buffer.min(usize::try_from(shop.cakes).unwrap_or(usize::MAX));
        let (done, counter) = channel::bounded(places);
        let outbox = (stage < last).then_some(done);
        for number in 0..it.cooks {
            let who = (stage, number);
            let (inbox, outbox) = (inbox.clone(), outbox.clone());
            let station = Station { who, inbox, outbox, times, work, events };
            let opened = opened.clone();
            let day = move || opened.recv().map_or(Day::off(who), |opening| station.day(opening));
            cooks.push(Builder::new().name(it.name.to_owned()).spawn_scoped(scope, day)?);
        }
        inbox = Inbox::Counter(counter);
    } // dropping our own ends leaves each channel to the cooks at it
    Ok(cooks)
}

/// Where a cook gets cakes from.
#[derive(Clone)]
enum Inbox {
    /// Bakers make them: the next number below the limit.
    Numbers(Arc<AtomicU64>, u64),
    /// All others take them from the counter.
    Counter(Receiver<u64>),
}

impl Inbox {
    fn take(&self) -> Option<u64> {
        match self {
            Inbox::Numbers(next, cakes) => {
                Some(next.fetch_add(1, Ordering::Relaxed)).filter(|cake| cake < cakes)
            }
            Inbox::Counter(counter) => counter.recv().ok(),
        }
    }
}

/// A cook's place at the line, and all that is needed to work there.
struct Station<'a> {
    who: (usize, usize),
    inbox: Inbox,
    outbox: Option<Sender<u64>>,
    times: Times,
    work: Work,
    events: Option<&'a Sender<Event>>,
}

/// What a cook can tell at the end of the day.
struct Day {
    cook: Cook,
    last_completed: Duration,
    /// Sums over all cakes of when they were taken and passed on: their difference between two
    /// stages is the time cakes stood on the counter.
    taken: Duration,
    passed: Duration,
    /// The most cakes seen on the counter behind.
    most: usize,
}

impl Station<'_> {
    fn day(&self, opening: Instant) -> Day {
        let mut day = Day::off(self.who);
        while let Some(cake) = self.inbox.take() {
            if self.serve(cake, opening, &mut day).is_none() {
                break;
            }
        }
        day
    } // dropping the station leaves the channels: the cooks downstream see the end

    /// One cake. Each instant is read when it has really come, never computed from a plan: a plan
    /// would shorten later work and hide how late the machine was.
    fn serve(&self, cake: u64, opening: Instant, day: &mut Day) -> Option<()> {
        let taken = Instant::now();
        self.tell(taken - opening, cake, Act::Took)?;
        self.work.perform(taken, self.times.of(cake));
        let completed = Instant::now();
        self.tell(completed - opening, cake, Act::Completed)?;
        day.cook.cakes += 1;
        day.cook.busy += completed - taken;
        day.last_completed = completed - opening;
        day.taken += taken - opening;
        let passed = match &self.outbox {
            Some(counter) => {
                counter.send(cake).ok()?;
                day.most = day.most.max(counter.len());
                Instant::now()
            }
            None => completed,
        };
        day.cook.blocked += passed - completed;
        day.passed += passed - opening;
        self.tell(passed - opening, cake, Act::Passed)
    }

    fn tell(&self, at: Duration, cake: u64, act: Act) -> Option<()> {
        let event = Event { at, cook: self.who, cake, act };
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

impl Day {
    fn off((stage, number): (usize, usize)) -> Self {
        let none = Duration::ZERO;
        let cook = Cook { stage, number, cakes: 0, busy: none, blocked: none };
        Day { cook, last_completed: none, taken: none, passed: none, most: 0 }
    }
}

fn outcome(shop: &Shop, days: &[Day], cpu: Duration) -> Outcome {
    let last = shop.stages.len() - 1;
    let at = |stage| days.iter().filter(move |day| day.cook.stage == stage);
    let makespan = at(last).map(|day| day.last_completed).max().unwrap_or_default();
    let counter = |stage: usize| {
        let taken: Duration = at(stage + 1).map(|day| day.taken).sum();
        let passed: Duration = at(stage).map(|day| day.passed).sum();
        // Without a counter the taker may look at the clock before the giver does.
        let waited = taken.saturating_sub(passed).as_secs_f64();
        let mean = waited / makespan.as_secs_f64().max(1e-9);
        Counter { mean, most: at(stage).map(|day| day.most).max() }
    };
    Outcome {
        cakes: at(last).map(|day| day.cook.cakes).sum(),
        makespan,
        cooks: days.iter().map(|day| day.cook).collect(),
        counters: (0..last).map(counter).collect(),
        cpu: Some(cpu),
    }
}
