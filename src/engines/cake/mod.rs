//! The cake shop of 8.4.4 as a laboratory: an assembly line of cooks, run by real threads, by a
//! virtual clock and by arithmetic.
//!
//! One [`Shop`] describes the line; its seed fixes how long every cake takes at every stage, so
//! all engines bake the same cakes:
//!
//! - [`threads`]: a thread a cook, a crossbeam channel between two stages, real sleeping or
//!   computing;
//! - [`virtual_time`]: the same line where hand-overs are free and sleeps exact;
//! - [`recurrence`]: the same again in closed form, for one cook a stage.
//!
//! What a real run took beyond its virtual one is what the machine added. [`theory`] knows the
//! answers that need no simulation, [`lab`] repeats, compares and sweeps, [`draw`] turns the
//! results into figures and [`report`] into a page.

use std::time::Duration;

pub mod draw;
pub mod lab;
mod page;
pub mod record;
pub mod recurrence;
pub mod report;
mod shop;
pub mod table;
pub mod theory;
pub mod threads;
mod times;
pub mod virtual_time;

pub use shop::{Distribution, Error, Setting, Shop, Stage, settings};

/// Something a cook did. `at` counts from the opening of the shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, since the shop opened.
    pub at: Duration,
    /// Who: stage, and number within the stage.
    pub cook: (usize, usize),
    /// Which cake, from 0.
    pub cake: u64,
    /// What was done to it.
    pub act: Act,
}

/// The three steps of a cake through a cook's hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Took the cake and began to work on it.
    Took,
    /// Completed the work.
    Completed,
    /// Found a place for it: on the counter, in the next cook's hands or out of the door.
    Passed,
}

/// What a run of the shop came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Cakes that went out of the door.
    pub cakes: u64,
    /// From the opening to the last cake.
    pub makespan: Duration,
    /// Every cook, stage by stage.
    pub cooks: Vec<Cook>,
    /// The counters between the stages, one less than there are stages.
    pub counters: Vec<Counter>,
    /// CPU time of the process during the run; none for an engine that only calculates.
    pub cpu: Option<Duration>,
}

/// How one cook spent the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cook {
    /// Which stage the cook works at.
    pub stage: usize,
    /// Which of the cooks of that stage, from 0.
    pub number: usize,
    /// Cakes completed.
    pub cakes: u64,
    /// Working on a cake.
    pub busy: Duration,
    /// Holding a finished cake because the counter was full.
    pub blocked: Duration,
}

/// How full the counter behind a stage was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counter {
    /// Cakes waiting on it, averaged over time.
    pub mean: f64,
    /// The most there were at once; the recurrence does not know.
    pub most: Option<usize>,
}

/// Parts of a cook's day; they sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shares {
    /// Working.
    pub busy: f64,
    /// Without a cake to work on.
    pub starved: f64,
    /// With a finished cake and no room for it.
    pub blocked: f64,
}

impl Cook {
    /// The shares of a run that took `makespan`.
    pub fn shares(&self, makespan: Duration) -> Shares {
        let of = |part: Duration| part.as_secs_f64() / makespan.as_secs_f64().max(1e-9);
        let (busy, blocked) = (of(self.busy), of(self.blocked));
        Shares { busy, blocked, starved: (1.0 - busy - blocked).max(0.0) }
    }
}

impl Outcome {
    /// Cakes a second.
    pub fn throughput(&self) -> f64 {
        self.cakes as f64 / self.makespan.as_secs_f64().max(1e-9)
    }

    /// The mean busy share of the cooks of `stage`.
    pub fn busy(&self, stage: usize) -> f64 {
        let cooks = self.cooks.iter().filter(|cook| cook.stage == stage);
        let shares: Vec<f64> = cooks.map(|cook| cook.shares(self.makespan).busy).collect();
        shares.iter().sum::<f64>() / shares.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests;
