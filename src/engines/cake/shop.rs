//! A cake shop: the stages of its assembly line and the number of cakes.

use std::time::Duration;

use super::distribution::Distribution;
use super::error::Error;
use super::limits::{CAKES_MAX, TOTAL_MAX};
use super::stage::Stage;
use super::times::ServiceTimes;

/// An assembly line and the number of cakes that pass through it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shop {
    /// Number of cakes.
    pub cakes: u64,
    /// The stages, in the order in which a cake passes through them.
    pub stages: Vec<Stage>,
    /// Seed of the random service times; the same seed gives every engine the same times.
    pub seed: u64,
}

impl Shop {
    /// The book's shop: 20 cakes; baking, icing and inscribing with one cook each, 10 ms per cake
    /// and no buffers.
    pub fn book() -> Self {
        let step = Duration::from_millis(10);
        let stages = ["baking", "icing", "inscribing"].map(|name| Stage::new(name, step));
        Shop { cakes: 20, stages: stages.into(), seed: 1 }
    }

    /// The same shop with a capacity of `buffer` cakes on every counter.
    pub fn with_buffers(mut self, buffer: usize) -> Self {
        self.stages.iter_mut().for_each(|stage| stage.buffer = buffer);
        self
    }

    /// The same shop with normally distributed times whose standard deviation is `fraction` of
    /// the mean.
    pub fn with_std_dev(mut self, fraction: f64) -> Self {
        for stage in &mut self.stages {
            stage.distribution = Distribution::Normal;
            stage.std_dev = stage.time.mul_f64(fraction);
        }
        self
    }

    /// The same shop with `cooks` at the second stage.
    ///
    /// # Panics
    /// When the shop has fewer than two stages.
    pub fn with_icers(mut self, cooks: usize) -> Self {
        self.stages[1].cooks = cooks;
        self
    }

    /// The same shop with a mean time of `time` per cake at the second stage.
    ///
    /// # Panics
    /// When the shop has fewer than two stages.
    pub fn with_icing(mut self, time: Duration) -> Self {
        self.stages[1].time = time;
        self
    }

    /// The same shop with the random times of repetition `n`; repetition 0 is this shop itself.
    pub fn repetition(&self, n: u64) -> Self {
        Shop { seed: self.seed.wrapping_add(n), ..self.clone() }
    }

    /// Checks that this shop can be run.
    ///
    /// # Errors
    /// The first value that is missing, too large or contradictory.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=CAKES_MAX).contains(&self.cakes) {
            return Err(Error::Cakes(self.cakes));
        }
        if self.stages.is_empty() {
            return Err(Error::NoStages);
        }
        self.stages.iter().try_for_each(Stage::check)?;
        let per_cake: Duration = self.stages.iter().map(|stage| stage.time + stage.std_dev).sum();
        let total = per_cake.as_secs_f64() * self.cakes as f64;
        if total > TOTAL_MAX.as_secs_f64() {
            return Err(Error::Total(Duration::try_from_secs_f64(total).unwrap_or(Duration::MAX)));
        }
        Ok(())
    }

    /// The cooks of all stages, as (stage, number within the stage).
    pub(super) fn cooks(&self) -> impl Iterator<Item = (usize, usize)> {
        let stages = self.stages.iter().enumerate();
        stages.flat_map(|(i, stage)| (0..stage.cooks).map(move |number| (i, number)))
    }

    /// The service times of every stage.
    pub(super) fn times(&self) -> Vec<ServiceTimes> {
        let stages = (0u64..).zip(&self.stages);
        stages.map(|(i, stage)| ServiceTimes::new(self.seed, i, stage)).collect()
    }
}
