//! The measurements of one run.

use std::time::Duration;

/// The measurements of one run of a shop.
#[derive(Clone, Debug, PartialEq)]
pub struct RunStats {
    /// Cakes that passed through all stages.
    pub cakes: u64,
    /// Time from the start of the run until the last cake was finished.
    pub makespan: Duration,
    /// One entry per cook, in the order of the stages.
    pub cooks: Vec<CookStats>,
    /// One entry per counter between two stages: one less than there are stages.
    pub counters: Vec<CounterStats>,
    /// CPU time of the process during the run; `None` for an engine without threads.
    pub cpu: Option<Duration>,
}

/// How one cook spent the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookStats {
    /// Index of the cook's stage.
    pub stage: usize,
    /// Number of the cook within the stage, from 0.
    pub number: usize,
    /// Cakes finished.
    pub cakes: u64,
    /// Time spent working.
    pub busy: Duration,
    /// Time spent holding a finished cake because the counter was full.
    pub blocked: Duration,
}

/// How full the counter behind a stage was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CounterStats {
    /// Number of cakes on it, averaged over time.
    pub mean: f64,
    /// The largest number of cakes on it at once; `None` from the recurrence.
    pub max: Option<usize>,
}

/// Fractions of a cook's time; they sum to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimeShares {
    /// Working.
    pub busy: f64,
    /// Without a cake to work on.
    pub starved: f64,
    /// Holding a finished cake because the counter was full.
    pub blocked: f64,
}

impl CookStats {
    /// How a cook divided the time of a run that took `makespan`.
    pub fn shares(&self, makespan: Duration) -> TimeShares {
        let share = |part: Duration| part.as_secs_f64() / makespan.as_secs_f64().max(1e-9);
        let (busy, blocked) = (share(self.busy), share(self.blocked));
        TimeShares { busy, blocked, starved: (1.0 - busy - blocked).max(0.0) }
    }
}

impl RunStats {
    /// Cakes per second.
    pub fn throughput(&self) -> f64 {
        self.cakes as f64 / self.makespan.as_secs_f64().max(1e-9)
    }

    /// The busy share of the cooks of `stage`, averaged over them.
    pub fn busy(&self, stage: usize) -> f64 {
        let cooks = self.cooks.iter().filter(|cook| cook.stage == stage);
        let shares: Vec<f64> = cooks.map(|cook| cook.shares(self.makespan).busy).collect();
        shares.iter().sum::<f64>() / shares.len().max(1) as f64
    }
}
