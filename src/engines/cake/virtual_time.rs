//! The shop on a virtual clock: no cook is late, no hand-over takes time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use super::times::Times;
use super::{Act, Cook, Counter, Error, Event, Outcome, Shop};

/// Runs the shop and tells `events` everything that happens, in order.
///
/// Cakes leave a stage in the order they were completed; the cook who has waited longest takes
/// the next one. Two cooks who complete a cake at the same instant do so in their order.
///
/// # Errors
/// When the shop cannot open, or `events` has heard enough.
pub fn run(shop: &Shop, events: impl FnMut(Event) -> ControlFlow<()>) -> Result<Outcome, Error> {
    shop.check()?;
    let mut line = Line::open(shop, events);
    for baker in 0..shop.stages[0].cooks {
        line.free(baker);
    }
    while let Some(Reverse((now, cook))) = line.due.pop() {
        line.now = now;
        line.complete(cook);
        if line.heard.is_break() {
            return Err(Error::Stopped);
        }
    }
    Ok(line.close())
}

struct Line<'a, F> {
    shop: &'a Shop,
    times: Vec<Times>,
    stations: Vec<Station>,
    cooks: Vec<Worker>,
    /// When each working cook will be done: at most one entry a cook.
    due: BinaryHeap<Reverse<(u64, usize)>>,
    cakes_taken: u64,
    /// Nanoseconds since the opening.
    now: u64,
    events: F,
    heard: ControlFlow<()>,
}

/// One stage at one instant.
#[derive(Default)]
struct Station {
    /// Cakes on the counter before it.
    counter: VecDeque<u64>,
    /// Its cooks who wait for a cake.
    idle: VecDeque<usize>,
    /// Its cooks who hold a finished cake and wait for room.
    blocked: VecDeque<usize>,
    /// Sum over all cakes of the time they waited on the counter.
    waited: i128,
    most: usize,
}

struct Worker {
    day: Cook,
    cake: u64,
    since: u64,
    busy: u64,
    blocked: u64,
}

impl<'a, F: FnMut(Event) -> ControlFlow<()>> Line<'a, F> {
    fn open(shop: &'a Shop, events: F) -> Self {
        let cooks: Vec<Worker> = shop.cooks().map(|(stage, n)| Worker::new(stage, n)).collect();
        let mut stations: Vec<Station> = shop.stages.iter().map(|_| Station::default()).collect();
        for (cook, worker) in cooks.iter().enumerate().skip(shop.stages[0].cooks) {
            stations[worker.day.stage].idle.push_back(cook);
        }
        let due = BinaryHeap::with_capacity(cooks.len());
        let times = shop.times();
        Line {
            shop,
            times,
            stations,
            cooks,
            due,
            cakes_taken: 0,
            now: 0,
            events,
            heard: ControlFlow::Continue(()),
        }
    }

    /// The cook is done with a cake.
    fn complete(&mut self, cook: usize) {
        let worker = &mut self.cooks[cook];
        worker.busy += self.now - worker.since;
        worker.since = self.now;
        worker.day.cakes += 1;
        self.tell(cook, Act::Completed);
        if self.pass(cook) {
            self.free(cook);
        }
    }

    /// Finds a place for the cook's cake, or leaves the cook standing with it.
    fn pass(&mut self, cook: usize) -> bool {
        let Worker { day: Cook { stage, .. }, cake, .. } = self.cooks[cook];
        let Some(next) = self.stations.get_mut(stage + 1) else {
            self.tell(cook, Act::Passed); // out of the door
            return true;
        };
        if let Some(taker) = next.idle.pop_front() {
            self.passed(cook);
            self.take(taker, cake);
        } else if next.counter.len() < self.shop.stages[stage].buffer {
            next.counter.push_back(cake);
            next.most = next.most.max(next.counter.len());
            self.passed(cook);
        } else {
            self.stations[stage].blocked.push_back(cook);
            return false;
        }
        true
    }

    fn passed(&mut self, cook: usize) {
        let worker = &mut self.cooks[cook];
        worker.blocked += self.now - worker.since;
        self.stations[worker.day.stage + 1].waited -= i128::from(self.now);
        self.tell(cook, Act::Passed);
    }

    fn take(&mut self, cook: usize, cake: u64) {
        let worker = &mut self.cooks[cook];
        (worker.cake, worker.since) = (cake, self.now);
        let stage = worker.day.stage;
        self.stations[stage].waited += i128::from(self.now);
        self.tell(cook, Act::Took);
        self.due.push(Reverse((self.now + self.times[stage].nanos(cake), cook)));
    }

    /// The cook's hands are free. Taking a cake makes room, which may free a cook upstream.
    fn free(&mut self, mut cook: usize) {
        loop {
            let stage = self.cooks[cook].day.stage;
            let (cake, unblocked) = match stage {
                0 => (self.next_number(), None),
                _ => self.next_cake(stage),
            };
            match cake {
                Some(cake) => self.take(cook, cake),
                None => self.stations[stage].idle.push_back(cook),
            }
            match unblocked {
                Some(upstream) => cook = upstream,
                None => return,
            }
        }
    }

    fn next_number(&mut self) -> Option<u64> {
        let number = self.cakes_taken;
        (number < self.shop.cakes).then(|| {
            self.cakes_taken += 1;
            number
        })
    }

    /// The oldest cake on the counter; one still in a cook's hands moves up.
    fn next_cake(&mut self, stage: usize) -> (Option<u64>, Option<usize>) {
        let unblocked = self.stations[stage - 1].blocked.pop_front();
        let in_hand = unblocked.map(|cook| self.cooks[cook].cake);
        if let Some(cook) = unblocked {
            self.passed(cook);
        }
        let counter = &mut self.stations[stage].counter;
        let Some(oldest) = counter.pop_front() else { return (in_hand, unblocked) };
        counter.extend(in_hand);
        (Some(oldest), unblocked)
    }

    fn tell(&mut self, cook: usize, act: Act) {
        let Worker { day: Cook { stage, number, .. }, cake, .. } = self.cooks[cook];
        let at = Duration::from_nanos(self.now);
        self.heard = (self.events)(Event { at, cook: (stage, number), cake, act });
    }

    fn close(self) -> Outcome {
        let mean = |waited: i128| waited as f64 / self.now.max(1) as f64;
        let counters = self.stations.iter().skip(1);
        Outcome {
            cakes: self.shop.cakes,
            makespan: Duration::from_nanos(self.now),
            cooks: self.cooks.iter().map(Worker::day).collect(),
            counters: counters
                .map(|s| Counter { mean: mean(s.waited), most: Some(s.most) })
                .collect(),
            cpu: None,
        }
    }
}

impl Worker {
    fn new(stage: usize, number: usize) -> Self {
        let none = Duration::ZERO;
        let day = Cook { stage, number, cakes: 0, busy: none, blocked: none };
        Worker { day, cake: 0, since: 0, busy: 0, blocked: 0 }
    }

    fn day(&self) -> Cook {
        let (busy, blocked) = (self.busy, self.blocked);
        let [busy, blocked] = [busy, blocked].map(Duration::from_nanos);
        Cook { busy, blocked, ..self.day }
    }
}
