//! Measures the speed-up of every strategy with several thread counts.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::draw::draw;
use super::error::Error;
use super::strategy::Strategy;
use super::view::View;
use crate::machine::cpu;
use crate::threads::rayon_pool;

/// The measured speed of one strategy with one number of threads.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Measurement {
    /// The strategy that drew the picture.
    pub strategy: Strategy,
    /// Number of threads.
    pub threads: usize,
    /// Wall time of a drawing in milliseconds, starting and joining threads included: the median of
    /// the repetitions.
    pub time_ms: f64,
    /// CPU time of all threads in milliseconds, the median of the repetitions.
    pub cpu_ms: f64,
    /// Wall time of the sequential strategy divided by `time_ms`.
    pub speed_up: f64,
    /// Speed-up divided by the number of threads; 1 is ideal.
    pub efficiency: f64,
}

/// Draws `view` with each strategy and each thread count in `threads`, `repetitions` times.
///
/// The cases take turns, so that a change in the machine's load affects all of them. The first
/// measurement is the sequential strategy's.
///
/// # Errors
/// The errors of [`draw`], and [`Error::Threads`] if the system does not grant the most threads asked
/// for: with fewer, the picture is the same, but its time would be another number's.
pub fn sweep(
    view: &View,
    threads: &[usize],
    repetitions: usize,
) -> Result<Vec<Measurement>, Error> {
    threads.iter().max().map_or(Ok(()), |most| check_granted(*most))?;
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
    let sequential = medians[0].0.as_secs_f64();
    let measurements = cases.into_iter().zip(medians).map(|((strategy, threads), (time, cpu))| {
        let speed_up = sequential / time.as_secs_f64();
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

fn check_granted(n_threads: usize) -> Result<(), Error> {
    let n_granted = rayon_pool(n_threads, None).map_or(0, |pool| pool.current_num_threads());
    if n_granted >= n_threads {
        return Ok(());
    }
    let cause = format!("{n_threads} asked for, the system grants {n_granted}");
    Err(Error::Threads(io::Error::other(cause)))
}

/// Wall and CPU time of one drawing.
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
