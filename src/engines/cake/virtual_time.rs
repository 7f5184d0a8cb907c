//! The shop as a discrete-event simulation: sleeps are exact and hand-overs take no time.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::ops::ControlFlow;
use std::time::Duration;

use super::error::Error;
use super::event::{Event, EventKind};
use super::run_stats::{CookStats, CounterStats, RunStats};
use super::shop::Shop;
use super::times::ServiceTimes;

/// Simulates `shop` on a virtual clock and passes each event to `on_event`, in order of time.
///
/// Cakes leave a stage in the order in which they are finished, and the cook that has been idle the
/// longest takes the next one. Cooks who finish at the same instant do so in their own order.
///
/// # Errors
/// When the shop is invalid, or [`Error::Cancelled`] after `on_event` has returned `Break`.
///
/// # Examples
/// ```
/// use std::ops::ControlFlow;
/// use std::time::Duration;
/// use threadbare::engines::cake::{Shop, virtual_time};
///
/// // 20 cakes, three cooks, 10 ms per step: the first cake takes 30 ms, each other one 10 ms more.
/// let run = virtual_time::run(&Shop::book(), |_event| ControlFlow::Continue(()))?;
/// assert_eq!(run.makespan, Duration::from_millis(220));
/// # Ok::<(), threadbare::engines::cake::Error>(())
/// ```
pub fn run(shop: &Shop, on_event: impl FnMut(Event) -> ControlFlow<()>) -> Result<RunStats, Error> {
    shop.check()?;
    let mut simulation = Simulation::new(shop, on_event);
    for baker in 0..shop.stages[0].cooks {
        simulation.take_next(baker);
    }
    while let Some(Reverse((now, cook))) = simulation.completions.pop() {
        simulation.now = now;
        simulation.finish(cook);
        if simulation.control.is_break() {
            return Err(Error::Cancelled);
        }
    }
    Ok(simulation.into_stats())
}

struct Simulation<'a, F> {
    shop: &'a Shop,
    times: Vec<ServiceTimes>,
    stages: Vec<StageState>,
    cooks: Vec<CookState>,
    /// When each working cook will finish: at most one entry per cook.
    completions: BinaryHeap<Reverse<(u64, usize)>>,
    /// Number of the next cake to bake.
    next_number: u64,
    /// Nanoseconds since the start.
    now: u64,
    on_event: F,
    /// What `on_event` returned last.
    control: ControlFlow<()>,
}

/// The state of a stage at one instant.
#[derive(Default)]
struct StageState {
    /// Cakes on the counter before it.
    counter: VecDeque<u64>,
    /// Cooks waiting for a cake, the one waiting longest first.
    idle: VecDeque<usize>,
    /// Cooks holding a finished cake, the one waiting longest first.
    blocked: VecDeque<usize>,
    /// Sum over all cakes of the nanoseconds they waited on the counter.
    waited: i128,
    /// The largest number of cakes on the counter so far.
    counter_max: usize,
}

/// The state of a cook at one instant.
struct CookState {
    stats: CookStats,
    cake: u64,
    /// When the cook took the cake or, if blocked, finished it.
    since: u64,
    busy: u64,
    blocked: u64,
}

impl<'a, F: FnMut(Event) -> ControlFlow<()>> Simulation<'a, F> {
    fn new(shop: &'a Shop, on_event: F) -> Self {
        let cooks: Vec<CookState> = shop.cooks().map(|(i, n)| CookState::new(i, n)).collect();
        let mut stages: Vec<StageState> =
            shop.stages.iter().map(|_| StageState::default()).collect();
        for (cook, state) in cooks.iter().enumerate().skip(shop.stages[0].cooks) {
            stages[state.stats.stage].idle.push_back(cook);
        }
        let completions = BinaryHeap::with_capacity(cooks.len());
        let times = shop.times();
        Simulation {
            shop,
            times,
            stages,
            cooks,
            completions,
            next_number: 0,
            now: 0,
            on_event,
            control: ControlFlow::Continue(()),
        }
    }

    /// The cook finishes the cake in hand.
    fn finish(&mut self, cook: usize) {
        let state = &mut self.cooks[cook];
        state.busy += self.now - state.since;
        state.since = self.now;
        state.stats.cakes += 1;
        self.emit(cook, EventKind::Finished);
        if self.try_pass_on(cook) {
            self.take_next(cook);
        }
    }

    /// Passes the cook's cake on. If there is no room for it, the cook is blocked and the result
    /// is false.
    fn try_pass_on(&mut self, cook: usize) -> bool {
        let CookState { stats: CookStats { stage, .. }, cake, .. } = self.cooks[cook];
        let Some(next) = self.stages.get_mut(stage + 1) else {
            self.emit(cook, EventKind::PassedOn); // out of the shop
            return true;
        };
        if let Some(receiver) = next.idle.pop_front() {
            self.passed_on(cook);
            self.take(receiver, cake);
        } else if next.counter.len() < self.shop.stages[stage].buffer {
            next.counter.push_back(cake);
            next.counter_max = next.counter_max.max(next.counter.len());
            self.passed_on(cook);
        } else {
            self.stages[stage].blocked.push_back(cook);
            return false;
        }
        true
    }

    fn passed_on(&mut self, cook: usize) {
        let state = &mut self.cooks[cook];
        state.blocked += self.now - state.since;
        self.stages[state.stats.stage + 1].waited -= i128::from(self.now);
        self.emit(cook, EventKind::PassedOn);
    }

    fn take(&mut self, cook: usize, cake: u64) {
        let taker = &mut self.cooks[cook];
        (taker.cake, taker.since) = (cake, self.now);
        let stage = taker.stats.stage;
        self.stages[stage].waited += i128::from(self.now);
        self.emit(cook, EventKind::Started);
        self.completions.push(Reverse((self.now + self.times[stage].nanos(cake), cook)));
    }

    /// A cook without a cake takes the next one or becomes idle. Taking a cake makes room on the
    /// counter, which may unblock a cook of the stage before, who then takes the next one, and so
    /// on up the line.
    fn take_next(&mut self, mut cook: usize) {
        loop {
            let stage = self.cooks[cook].stats.stage;
            let (cake, unblocked) = match stage {
                0 => (self.bake_next(), None),
                _ => self.take_from_counter(stage),
            };
            match cake {
                Some(cake) => self.take(cook, cake),
                None => self.stages[stage].idle.push_back(cook),
            }
            match unblocked {
                Some(upstream) => cook = upstream,
                None => return,
            }
        }
    }

    /// The number of a new cake, until all have been started.
    fn bake_next(&mut self) -> Option<u64> {
        let number = self.next_number;
        (number < self.shop.cakes).then(|| {
            self.next_number += 1;
            number
        })
    }

    /// The oldest cake before `stage`, and the cook who becomes unblocked by that.
    fn take_from_counter(&mut self, stage: usize) -> (Option<u64>, Option<usize>) {
        let unblocked = self.stages[stage - 1].blocked.pop_front();
        let in_hand = unblocked.map(|cook| self.cooks[cook].cake);
        if let Some(cook) = unblocked {
            self.passed_on(cook);
        }
        let counter = &mut self.stages[stage].counter;
        let Some(oldest) = counter.pop_front() else { return (in_hand, unblocked) };
        counter.extend(in_hand);
        (Some(oldest), unblocked)
    }

    fn emit(&mut self, cook: usize, kind: EventKind) {
        let CookState { stats: CookStats { stage, number, .. }, cake, .. } = self.cooks[cook];
        let at = Duration::from_nanos(self.now);
        self.control = (self.on_event)(Event { at, cook: (stage, number), cake, kind });
    }

    fn into_stats(self) -> RunStats {
        let mean = |waited: i128| waited as f64 / self.now.max(1) as f64;
        let counter = |stage: &StageState| CounterStats {
            mean: mean(stage.waited),
            max: Some(stage.counter_max),
        };
        RunStats {
            cakes: self.shop.cakes,
            makespan: Duration::from_nanos(self.now),
            cooks: self.cooks.iter().map(CookState::stats).collect(),
            counters: self.stages.iter().skip(1).map(counter).collect(),
            cpu: None,
        }
    }
}

impl CookState {
    fn new(stage: usize, number: usize) -> Self {
        let zero = Duration::ZERO;
        let stats = CookStats { stage, number, cakes: 0, busy: zero, blocked: zero };
        CookState { stats, cake: 0, since: 0, busy: 0, blocked: 0 }
    }

    fn stats(&self) -> CookStats {
        let [busy, blocked] = [self.busy, self.blocked].map(Duration::from_nanos);
        CookStats { busy, blocked, ..self.stats }
    }
}
