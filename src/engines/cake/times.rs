//! How long each cake takes at each stage: a function of seed, stage and cake alone.

use std::convert::Infallible;
use std::time::Duration;

use rand::TryRng;
use rand_distr::{Distribution as _, Exp1, StandardNormal};

use super::distribution::Distribution;
use super::stage::Stage;

/// The odd constant of `SplitMix64`: 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The service times of one stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServiceTimes {
    key: u64,
    mean: f64,
    std_dev: f64,
    distribution: Distribution,
}

impl ServiceTimes {
    /// The times of `stage`, the one with that `index`.
    pub(super) fn new(seed: u64, index: u64, stage: &Stage) -> Self {
        ServiceTimes {
            key: mix(mix(seed.wrapping_add(GOLDEN)) ^ index.wrapping_add(1).wrapping_mul(GOLDEN)),
            mean: stage.time.as_nanos() as f64,
            std_dev: stage.std_dev.as_nanos() as f64,
            distribution: stage.distribution,
        }
    }

    /// Nanoseconds for this cake. Cakes can be asked for in any order without storing anything: in
    /// the threads engine it is not known in advance which cake an icer gets next.
    pub(super) fn nanos(&self, cake: u64) -> u64 {
        let mut rng = SplitMix(mix(self.key ^ cake));
        let nanos = match self.distribution {
            Distribution::Fixed => self.mean,
            Distribution::Normal => {
                let deviation: f64 = StandardNormal.sample(&mut rng);
                self.mean + self.std_dev * deviation
            }
            Distribution::Exponential => {
                let time: f64 = Exp1.sample(&mut rng);
                self.mean * time
            }
        };
        // The cast saturates: a negative time becomes 0.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let nanos = nanos.round() as u64;
        nanos
    }

    /// The time for this cake.
    pub(super) fn duration(&self, cake: u64) -> Duration {
        Duration::from_nanos(self.nanos(cake))
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014): cheap enough to seed once per cake, so that the
/// times need not be drawn in order.
struct SplitMix(u64);

impl TryRng for SplitMix {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(GOLDEN);
        Ok(mix(self.0))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.try_next_u64()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// The output function of `SplitMix64`; every bit of `x` reaches every bit of the result.
fn mix(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(seed: u64, stage: u64, distribution: Distribution) -> ServiceTimes {
        let mean = Duration::from_millis(10);
        let std_dev = mean / 4;
        ServiceTimes::new(
            seed,
            stage,
            &Stage { std_dev, distribution, ..Stage::new("baking", mean) },
        )
    }

    fn moments(times: &ServiceTimes) -> (f64, f64) {
        let n = 200_000;
        let all: Vec<f64> = (0..n).map(|cake| times.nanos(cake) as f64 / 1e6).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / all.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn mean_and_standard_deviation_are_as_requested() {
        let check = |distribution, expected: (f64, f64)| {
            let (mean, std_dev) = moments(&times(1, 0, distribution));
            assert!((mean / expected.0 - 1.0).abs() < 0.01, "{distribution:?}: mean {mean}");
            assert!((std_dev - expected.1).abs() < 0.1, "{distribution:?}: std dev {std_dev}");
        };
        check(Distribution::Fixed, (10.0, 0.0));
        check(Distribution::Normal, (10.0, 2.5));
        check(Distribution::Exponential, (10.0, 10.0));
    }

    #[test]
    fn a_negative_time_is_zero() {
        let wide = Stage {
            std_dev: Duration::from_hours(1),
            distribution: Distribution::Normal,
            ..Stage::new("baking", Duration::ZERO)
        };
        let times = ServiceTimes::new(1, 0, &wide);
        let zeros = (0..1_000).filter(|&cake| times.duration(cake).is_zero()).count();
        assert!((400..600).contains(&zeros), "{zeros}");
    }

    #[test]
    fn times_depend_on_seed_stage_and_cake_only() {
        let nanos = |seed, stage, cake| times(seed, stage, Distribution::Normal).nanos(cake);
        assert_eq!(nanos(1, 0, 7), nanos(1, 0, 7));
        assert_ne!(nanos(1, 0, 7), nanos(2, 0, 7));
        assert_ne!(nanos(1, 0, 7), nanos(1, 1, 7));
        assert_ne!(nanos(1, 0, 7), nanos(1, 0, 8));
        assert_ne!(nanos(1, 1, 7), nanos(2, 0, 7));
    }
}
