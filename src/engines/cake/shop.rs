//! What a cake shop is made of, what it may not be, and the six settings of the book.

use std::fmt;
use std::time::Duration;

use super::times::Times;

/// Cakes of one run: enough for any average, few enough to count.
const CAKES_MAX: u64 = 1_000_000_000;
/// Cooks of one stage; each is a thread.
const COOKS_MAX: usize = 1_000;
/// Places on a counter; each is memory of a channel.
const BUFFER_MAX: usize = 1_000_000;
/// Time for one cake at one stage.
const TIME_MAX: Duration = Duration::from_hours(1);
/// Time for all cakes at all stages; keeps every sum of nanoseconds far from overflow.
const TOTAL_MAX: Duration = Duration::from_secs(100_000_000);

/// An assembly line and the cakes that go through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// How many cakes.
    pub cakes: u64,
    /// From the oven to the door.
    pub stages: Vec<Stage>,
    /// Fixes how long each cake takes at each stage.
    pub seed: u64,
}

/// Cooks who do the same thing, and the counter behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// What the cooks do: `baking`.
    pub name: &'static str,
    /// How many do it.
    pub cooks: usize,
    /// Mean time for one cake.
    pub time: Duration,
    /// Standard deviation of that time; only a normal distribution has one of its own.
    pub spread: Duration,
    /// How the times are spread.
    pub distribution: Distribution,
    /// Places on the counter to the next stage; the last stage has no use for it.
    pub buffer: usize,
}

/// How the times of a stage vary from cake to cake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Distribution {
    /// Not at all.
    #[default]
    Fixed,
    /// Normally; a time below zero counts as zero, as Go's `Sleep` has it.
    Normal,
    /// Exponentially: many short ones, few long ones.
    Exponential,
}

/// One of the book's settings.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The name of the Go benchmark, in our spelling.
    pub name: &'static str,
    /// What is special about it.
    pub about: &'static str,
    /// The shop itself.
    pub shop: Shop,
}

/// Why a shop cannot open, or had to close early.
#[derive(Debug)]
pub enum Error {
    /// No cakes, or too many.
    Cakes(u64),
    /// A shop without a stage.
    NoStages,
    /// No cooks at a stage, or too many.
    Cooks(&'static str, usize),
    /// A counter too long.
    Buffer(&'static str, usize),
    /// A time or spread too long.
    Time(&'static str, Duration),
    /// A spread where the distribution leaves none to choose.
    Spread(&'static str, Distribution),
    /// All cakes together would take too long.
    Total(Duration),
    /// The recurrence is for one cook a stage.
    OneCookOnly(&'static str, usize),
    /// The recurrence only calculates.
    NoEvents,
    /// More threads than the machine has room for.
    Threads(usize, usize),
    /// The machine refused a thread.
    Spawn(std::io::Error),
    /// More cakes than a timeline can show.
    Timeline(u64, u64),
    /// A figure could not be drawn.
    Draw(String),
    /// Whoever listened to the events went away.
    Stopped,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Cakes(n) => write!(f, "{n} cakes: at least 1, at most {CAKES_MAX}"),
            Error::NoStages => write!(f, "a shop needs a stage"),
            Error::Cooks(stage, n) => {
                write!(f, "{stage}: {n} cooks: at least 1, at most {COOKS_MAX}")
            }
            Error::Buffer(stage, n) => write!(f, "{stage}: a buffer of {n}: at most {BUFFER_MAX}"),
            Error::Time(stage, t) => write!(f, "{stage}: {t:?} a cake: at most an hour"),
            Error::Spread(stage, Distribution::Fixed) => {
                write!(f, "{stage}: fixed times have no standard deviation")
            }
            Error::Spread(stage, _) => {
                write!(f, "{stage}: the standard deviation of exponential times is their mean")
            }
            Error::Total(t) => {
                write!(f, "{} days of work: at most three years", t.as_secs() / 86_400)
            }
            Error::OneCookOnly(stage, n) => {
                write!(f, "{stage}: {n} cooks: the recurrence is for one cook a stage")
            }
            Error::NoEvents => write!(f, "the recurrence has no events to show"),
            Error::Threads(n, max) => {
                write!(f, "{n} cooks: this machine has room for {max} threads")
            }
            Error::Spawn(err) => write!(f, "start a cook: {err}"),
            Error::Timeline(n, max) => write!(f, "{n} cakes: a timeline shows at most {max}"),
            Error::Draw(cause) => write!(f, "draw a figure: {cause}"),
            Error::Stopped => write!(f, "the shop closed early"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Whether another shop would do: nothing was tried with this one.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Error::Spawn(_) | Error::Draw(_) | Error::Stopped)
    }
}

impl Stage {
    /// One cook and no room on the counter.
    pub fn new(name: &'static str, time: Duration) -> Self {
        let distribution = Distribution::Fixed;
        Stage { name, cooks: 1, time, spread: Duration::ZERO, distribution, buffer: 0 }
    }

    fn check(&self) -> Result<(), Error> {
        if !(1..=COOKS_MAX).contains(&self.cooks) {
            return Err(Error::Cooks(self.name, self.cooks));
        }
        if self.buffer > BUFFER_MAX {
            return Err(Error::Buffer(self.name, self.buffer));
        }
        let longest = self.time.max(self.spread);
        if longest > TIME_MAX {
            return Err(Error::Time(self.name, longest));
        }
        if self.distribution != Distribution::Normal && !self.spread.is_zero() {
            return Err(Error::Spread(self.name, self.distribution));
        }
        Ok(())
    }
}

impl Shop {
    /// Bake, ice, inscribe: a cook each, 10 ms a step, no room on the counters, 20 cakes.
    pub fn book() -> Self {
        let step = Duration::from_millis(10);
        let stages = ["baking", "icing", "inscribing"].map(|name| Stage::new(name, step));
        Shop { cakes: 20, stages: stages.into(), seed: 1 }
    }

    /// The same shop with every counter of `buffer` places.
    pub fn with_buffers(mut self, buffer: usize) -> Self {
        self.stages.iter_mut().for_each(|stage| stage.buffer = buffer);
        self
    }

    /// The same shop with times that vary; `spread` is their deviation as a part of the mean.
    pub fn with_spread(mut self, spread: f64) -> Self {
        for stage in &mut self.stages {
            stage.distribution = Distribution::Normal;
            stage.spread = stage.time.mul_f64(spread);
        }
        self
    }

    /// The same shop with `cooks` at the second stage.
    pub fn with_icers(mut self, cooks: usize) -> Self {
        self.stages[1].cooks = cooks;
        self
    }

    /// The same shop with a second stage that takes `time`.
    pub fn with_icing(mut self, time: Duration) -> Self {
        self.stages[1].time = time;
        self
    }

    /// The same shop on another day: day 0 is this one, each other day has cakes of its own.
    pub fn on_day(&self, day: u64) -> Self {
        Shop { seed: self.seed.wrapping_add(day), ..self.clone() }
    }

    /// Says whether this shop can open.
    ///
    /// # Errors
    /// The first thing found that is missing, too large or contradictory.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=CAKES_MAX).contains(&self.cakes) {
            return Err(Error::Cakes(self.cakes));
        }
        if self.stages.is_empty() {
            return Err(Error::NoStages);
        }
        self.stages.iter().try_for_each(Stage::check)?;
        let each: Duration = self.stages.iter().map(|stage| stage.time + stage.spread).sum();
        let total = each.as_secs_f64() * self.cakes as f64;
        if total > TOTAL_MAX.as_secs_f64() {
            return Err(Error::Total(Duration::try_from_secs_f64(total).unwrap_or(Duration::MAX)));
        }
        Ok(())
    }

    /// Cooks of all stages, as (stage, number).
    pub(super) fn cooks(&self) -> impl Iterator<Item = (usize, usize)> {
        let stages = self.stages.iter().enumerate();
        stages.flat_map(|(stage, it)| (0..it.cooks).map(move |number| (stage, number)))
    }

    /// The service times of every stage.
    pub(super) fn times(&self) -> Vec<Times> {
        (0u64..).zip(&self.stages).map(|(n, stage)| Times::new(self.seed, n, stage)).collect()
    }
}

/// The book's six settings: the names of its benchmarks, 20 cakes each.
pub fn settings(seed: u64) -> [Setting; 6] {
    let slow = Duration::from_millis(50);
    let shop = || Shop { seed, ..Shop::book() };
    let setting = |name, about, shop| Setting { name, about, shop };
    [
        setting("baseline", "nothing", shop()),
        setting("buffers", "buffers of 10", shop().with_buffers(10)),
        setting("variable", "spread of a quarter", shop().with_spread(0.25)),
        setting("variable_buffers", "both", shop().with_spread(0.25).with_buffers(10)),
        setting("slow_icing", "icing 50 ms", shop().with_icing(slow)),
        setting(
            "slow_icing_many_icers",
            "icing 50 ms, 5 icers",
            shop().with_icing(slow).with_icers(5),
        ),
    ]
}
