//! How much faster with how many threads: every strategy with every thread count, measured.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::{Error, Strategy, View, draw};
use crate::machine::cpu;

/// What one strategy achieved with one number of threads.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measurement {
    /// How the rows were shared out.
    pub strategy: Strategy,
    /// Threads at once.
    pub threads: usize,
    /// Time from start to end, the median of the repetitions, threads started and joined.
    pub time_ms: f64,
    /// CPU time of all threads, the median.
    pub cpu_ms: f64,
    /// How many times faster than the sequential strategy.
    pub speed_up: f64,
    /// Speed-up for each thread.
    pub efficiency: f64,
}

/// Draws `view` with each strategy and each of `threads`, `repetitions` times, in turn: a change
/// in the machine's load then meets all alike. The first measurement is the sequential one.
///
/// # Errors
/// As [`draw`].
pub fn sweep(
    view: &View,
    threads: &[usize],
    repetitions: usize,
) -> Result<Vec<Measurement>, Error> {
    let parallel = Strategy::ALL.into_iter().filter(|&strategy| strategy != Strategy::Sequential);
    let parallel = parallel.flat_map(|strategy| threads.iter().map(move |&n| (strategy, n)));
    let cases: Vec<_> = [(Strategy::Sequential, 1)].into_iter().chain(parallel).collect();
    let mut times = vec![Vec::new(); cases.len()];
    for _ in 0..repetitions.max(1) {
        for (&(strategy, n_threads), times) in cases.iter().zip(&mut times) {
            times.push(measure(view, strategy, n_threads)?);
        }
    }
    let medians: Vec<_> = times.into_iter().map(medians).collect();
    let alone = medians[0].0.as_secs_f64();
    let measurements = cases.into_iter().zip(medians).map(|((strategy, threads), (time, cpu))| {
        let speed_up = alone / time.as_secs_f64();
        Measurement {
            strategy,
            threads,
            time_ms: time.as_secs_f64() * 1e3,
            cpu_ms: cpu.as_secs_f64() * 1e3,
            speed_up,
            efficiency: speed_up / threads as f64,
        }
    });
    Ok(measurements.collect())
}

/// Time and CPU time of one drawing.
fn measure(
    view: &View,
    strategy: Strategy,
    n_threads: usize,
) -> Result<(Duration, Duration), Error> {
    let (start, cpu) = (Instant::now(), cpu::process_time());
    draw(view, strategy, n_threads)?;
    Ok((start.elapsed(), cpu::process_time().saturating_sub(cpu)))
}

fn medians(times: Vec<(Duration, Duration)>) -> (Duration, Duration) {
    let (wall, cpu) = times.into_iter().unzip();
    (median(wall), median(cpu))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
