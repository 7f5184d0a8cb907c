//! How long each cake takes at each stage: a function of seed, stage and cake, and of nothing else.

use std::convert::Infallible;
use std::time::Duration;

use rand::TryRng;
use rand_distr::{Distribution as _, Exp1, StandardNormal};

use super::{Distribution, Stage};

/// The odd constant of `SplitMix64`: 2^64 over the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The service times of one stage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    key: u64,
    mean: f64,
    spread: f64,
    distribution: Distribution,
}

impl Times {
    pub(super) fn new(seed: u64, stage: u64, of: &Stage) -> Self {
        Times {
            key: mix(mix(seed.wrapping_add(GOLDEN)) ^ stage.wrapping_add(1).wrapping_mul(GOLDEN)),
            mean: of.time.as_nanos() as f64,
            spread: of.spread.as_nanos() as f64,
            distribution: of.distribution,
        }
    }

    /// Nanoseconds for this cake. Any cake can be asked for in any order, at no cost in memory:
    /// in the threads engine nobody knows which cake an icer gets next.
    pub(super) fn nanos(&self, cake: u64) -> u64 {
        let mut rng = SplitMix(mix(self.key ^ cake));
        let nanos = match self.distribution {
            Distribution::Fixed => self.mean,
            Distribution::Normal => {
                let deviation: f64 = StandardNormal.sample(&mut rng);
                self.mean + self.spread * deviation
            }
            Distribution::Exponential => {
                let time: f64 = Exp1.sample(&mut rng);
                self.mean * time
            }
        };
        // A cast saturates: a negative time becomes 0, as it should.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let nanos = nanos.round() as u64;
        nanos
    }

    pub(super) fn of(&self, cake: u64) -> Duration {
        Duration::from_nanos(self.nanos(cake))
    }
}

/// `SplitMix64`: small enough to be made anew for every cake, which makes the times addressable.
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

    fn times(seed: u64, stage: u64, distribution: Distribution) -> Times {
        let mean = Duration::from_millis(10);
        let spread = mean / 4;
        Times::new(seed, stage, &Stage { spread, distribution, ..Stage::new("baking", mean) })
    }

    fn moments(times: &Times) -> (f64, f64) {
        let n = 200_000;
        let all: Vec<f64> = (0..n).map(|cake| times.nanos(cake) as f64 / 1e6).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|t| (t - mean).powi(2)).sum::<f64>() / all.len() as f64;
        (mean, variance.sqrt())
    }

    #[test]
    fn mean_and_spread_are_as_asked() {
        let check = |distribution, expected: (f64, f64)| {
            let (mean, spread) = moments(&times(1, 0, distribution));
            assert!((mean / expected.0 - 1.0).abs() < 0.01, "{distribution:?}: mean {mean}");
            assert!((spread - expected.1).abs() < 0.1, "{distribution:?}: spread {spread}");
        };
        check(Distribution::Fixed, (10.0, 0.0));
        check(Distribution::Normal, (10.0, 2.5));
        check(Distribution::Exponential, (10.0, 10.0));
    }

    #[test]
    fn a_negative_time_is_zero() {
        let wide = Stage {
            spread: Duration::from_hours(1),
            distribution: Distribution::Normal,
            ..Stage::new("baking", Duration::ZERO)
        };
        let times = Times::new(1, 0, &wide);
        let zeros = (0..1_000).filter(|&cake| times.of(cake).is_zero()).count();
        assert!((400..600).contains(&zeros), "{zeros}");
    }

    #[test]
    fn seed_stage_and_cake_decide_alone() {
        let of = |seed, stage, cake| times(seed, stage, Distribution::Normal).nanos(cake);
        assert_eq!(of(1, 0, 7), of(1, 0, 7));
        assert_ne!(of(1, 0, 7), of(2, 0, 7));
        assert_ne!(of(1, 0, 7), of(1, 1, 7));
        assert_ne!(of(1, 0, 7), of(1, 0, 8));
        assert_ne!(of(1, 1, 7), of(2, 0, 7));
    }
}
