//! One stage of the assembly line.

use std::time::Duration;

use super::distribution::Distribution;
use super::error::Error;
use super::limits::{BUFFER_MAX, COOKS_MAX, TIME_MAX};

/// Cooks who do the same step, and the counter behind them: the buffer to the next stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The step, as a participle: `baking`.
    pub name: &'static str,
    /// Number of cooks at this stage.
    pub cooks: usize,
    /// Mean time for one cake.
    pub time: Duration,
    /// Standard deviation of that time; zero unless the distribution is normal.
    pub std_dev: Duration,
    /// Probability distribution of the time.
    pub distribution: Distribution,
    /// Capacity of the counter to the next stage, in cakes; unused in the last stage.
    pub buffer: usize,
}

impl Stage {
    /// A stage with one cook, a fixed time per cake and no buffer behind it.
    pub fn new(name: &'static str, time: Duration) -> Self {
        let distribution = Distribution::Fixed;
        Stage { name, cooks: 1, time, std_dev: Duration::ZERO, distribution, buffer: 0 }
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        if !(1..=COOKS_MAX).contains(&self.cooks) {
            return Err(Error::Cooks(self.name, self.cooks));
        }
        if self.buffer > BUFFER_MAX {
            return Err(Error::Buffer(self.name, self.buffer));
        }
        let longest = self.time.max(self.std_dev);
        if longest > TIME_MAX {
            return Err(Error::Time(self.name, longest));
        }
        if self.distribution != Distribution::Normal && !self.std_dev.is_zero() {
            return Err(Error::StdDev(self.name, self.distribution));
        }
        Ok(())
    }
}
