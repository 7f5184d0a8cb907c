//! Computing for a given time without asking for the time.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A loop whose speed is known. A clock would stop the work of a thread that has lost its CPU, and
/// asking it costs more than the shortest work.
#[derive(Clone, Copy, Debug)]
pub struct Spinner {
    rounds_per_ns: f64,
}

/// Rounds of one measurement: a few milliseconds.
const ROUNDS: u64 = 2_000_000;
/// Measurements, of which the fastest counts: the others were disturbed.
const ATTEMPTS: usize = 5;

impl Spinner {
    /// Measures the speed of the loop on this machine, which takes some 30 ms.
    pub fn calibrate() -> Self {
        let attempt = |_| {
            let start = Instant::now();
            turn(ROUNDS);
            start.elapsed()
        };
        let fastest = (0..ATTEMPTS).map(attempt).min().unwrap_or_default();
        Spinner { rounds_per_ns: ROUNDS as f64 / fastest.as_secs_f64().max(1e-9) / 1e9 }
    }

    /// Computes for as long as `time` would take on an idle CPU.
    pub fn spin(self, time: Duration) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "hours at most"
        )]
        turn((time.as_nanos() as f64 * self.rounds_per_ns) as u64);
    }
}

/// A chain of multiplications, each of which needs the one before.
fn turn(rounds: u64) {
    let mut x = black_box(1_u64);
    for _ in 0..rounds {
        x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
    }
    black_box(x);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::cpu;

    #[test]
    fn spinning_costs_about_as_much_cpu_time_as_asked_for() {
        let spinner = Spinner::calibrate();
        let before = cpu::thread_time();
        spinner.spin(Duration::from_millis(20));
        let spent = cpu::thread_time() - before;
        // A slow or shared machine takes longer, never much less.
        assert!(spent >= Duration::from_millis(10), "{spent:?}");
    }
}
