//! Running every point on both sides in turn.

use std::io;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::point::{Point, Service, Shape};
use super::run::{Run, measure};
use super::spin::Spinner;
use crate::engines::cake::error::Error;
use crate::engines::cake::shop::Shop;
use crate::engines::cake::stage::Stage;
use crate::engines::cake::threads::Work;
use crate::engines::cake::virtual_time;

/// How to compare.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Rounds over all points.
    pub rounds: usize,
    /// Shortest run to measure.
    pub min_time: Duration,
    /// When to stop; rounds that are not whole then are dropped point by point.
    pub limit: Duration,
    /// Number of CPUs, for the ideal.
    pub n_cpus: usize,
}

/// The measurements of a point, in nanoseconds per item, round by round.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Which threads and channels.
    pub shape: Shape,
    /// `spin` or `sleep`.
    pub work: &'static str,
    /// Work per item and cook, in nanoseconds.
    pub service_ns: u128,
    /// Capacity of the channels.
    pub capacity: usize,
    /// Number of cooks.
    pub cooks: usize,
    /// On threads.
    pub threads_ns: Vec<f64>,
    /// On goroutines; empty if there was no Go.
    pub goroutines_ns: Vec<f64>,
    /// If hand-overs cost nothing and sleeps were exact: by the virtual clock, for computing at
    /// least what the CPUs need.
    pub ideal_ns: f64,
}

/// Items of the simulation that gives the ideal.
const IDEAL_ITEMS: u64 = 2_000;

/// Measures all points, `rounds` times, on threads and by `goroutines` in turn, and calls `progress`
/// with the fraction of the runs done after each; it returns whether to go on.
///
/// # Errors
/// When threads cannot be started, or `goroutines` fails or returns a run that is not whole.
pub fn compare(
    points: &[Point],
    options: Options,
    mut goroutines: Option<&mut dyn FnMut(&Point, Duration) -> io::Result<Run>>,
    mut progress: impl FnMut(f64) -> bool,
) -> io::Result<Vec<Comparison>> {
    let (spinner, start) = (Spinner::calibrate(), Instant::now());
    let ideal = |point: &Point| ideal_ns(point, options.n_cpus).map_err(io::Error::other);
    let comparisons = points.iter().map(|point| Ok(Comparison::new(point, ideal(point)?)));
    let mut comparisons = comparisons.collect::<io::Result<Vec<_>>>()?;
    let n_runs = options.rounds * points.len();
    for n_done in 0..n_runs {
        let i = n_done % points.len();
        let (point, comparison) = (&points[i], &mut comparisons[i]);
        let ours = whole(point, measure(point, options.min_time, spinner)?)?;
        if let Some(goroutines) = &mut goroutines {
            let theirs = whole(point, goroutines(point, options.min_time)?)?;
            comparison.goroutines_ns.push(theirs);
        }
        comparison.threads_ns.push(ours);
        if !progress((n_done + 1) as f64 / n_runs as f64) || start.elapsed() >= options.limit {
            break;
        }
    }
    comparisons.retain(|comparison| !comparison.threads_ns.is_empty());
    Ok(comparisons)
}

fn whole(point: &Point, run: Run) -> io::Result<f64> {
    if run.is_whole(point) {
        return Ok(run.ns_per_item);
    }
    let (n, sum) = (run.n_items, run.sum);
    Err(io::Error::other(format!("{point}: {n} items cannot add up to {sum}")))
}

impl Comparison {
    fn new(point: &Point, ideal_ns: f64) -> Self {
        let Point { shape, service, capacity, cooks } = *point;
        let (work, service_ns) = (service.name(), service.time.as_nanos());
        let (threads_ns, goroutines_ns) = (Vec::new(), Vec::new());
        Comparison { shape, work, service_ns, capacity, cooks, threads_ns, goroutines_ns, ideal_ns }
    }

    /// The throughput of threads divided by that of goroutines: the median over the rounds.
    pub fn ratio(&self) -> Option<f64> {
        median(self.ratios().collect())
    }

    /// Whether threads reached at least this share of the throughput of goroutines in some round:
    /// they are behind only if every round says so.
    pub fn reaches(&self, share: f64) -> bool {
        self.ratios().any(|ratio| ratio >= share)
    }

    fn ratios(&self) -> impl Iterator<Item = f64> {
        let pairs = self.threads_ns.iter().zip(&self.goroutines_ns);
        pairs.map(|(threads, goroutines)| goroutines / threads)
    }

    /// The share of the ideal throughput that threads reach; `None` without work.
    pub fn threads_of_ideal(&self) -> Option<f64> {
        self.of_ideal(&self.threads_ns)
    }

    /// The share of the ideal throughput that goroutines reach; `None` without work.
    pub fn goroutines_of_ideal(&self) -> Option<f64> {
        self.of_ideal(&self.goroutines_ns)
    }

    fn of_ideal(&self, ns: &[f64]) -> Option<f64> {
        let ns = median(ns.to_vec())?;
        (self.ideal_ns > 0.0).then(|| self.ideal_ns / ns)
    }

    /// The work per item.
    pub fn service(&self) -> Duration {
        Duration::from_nanos(u64::try_from(self.service_ns).unwrap_or(u64::MAX))
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (n > 0).then(|| f64::midpoint(values[(n - 1) / 2], values[n / 2]))
}

/// What an item takes on a virtual clock; if the cooks compute, the CPUs are a bound as well.
fn ideal_ns(point: &Point, n_cpus: usize) -> Result<f64, Error> {
    let Service { work, time } = point.service;
    if time.is_zero() {
        return Ok(0.0);
    }
    let stage = |cooks| Stage { cooks, buffer: point.capacity, ..Stage::new("cooking", time) };
    let stages = match point.shape {
        Shape::Shop => vec![stage(point.cooks); 3],
        Shape::Pipeline => vec![stage(1); point.cooks],
        Shape::Pool => vec![stage(point.cooks)],
    };
    let per_item = time.as_nanos() as f64 * stages.len() as f64;
    let shop = Shop { cakes: IDEAL_ITEMS, stages, seed: 1 };
    let run = virtual_time::run(&shop, |_| std::ops::ControlFlow::Continue(()))?;
    let simulated = run.makespan.as_nanos() as f64 / IDEAL_ITEMS as f64;
    Ok(if work == Work::Spin { simulated.max(per_item / n_cpus as f64) } else { simulated })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn point(shape: Shape, work: Work, cooks: usize) -> Point {
        Point { shape, service: Service { work, time: MS }, capacity: 1, cooks }
    }

    #[test]
    fn the_ideal_is_the_bottleneck_or_the_cpus() {
        let check = |shape, work, cooks, expected: f64| {
            let ideal = ideal_ns(&point(shape, work, cooks), 2).unwrap() / 1e6;
            assert!((ideal / expected - 1.0).abs() < 0.01, "{shape:?} {work:?} {cooks}: {ideal}");
        };
        check(Shape::Pool, Work::Sleep, 4, 0.25);
        check(Shape::Pool, Work::Spin, 4, 0.5);
        check(Shape::Shop, Work::Sleep, 1, 1.0);
        check(Shape::Shop, Work::Spin, 1, 1.5);
        check(Shape::Pipeline, Work::Sleep, 8, 1.0);
        check(Shape::Pipeline, Work::Spin, 8, 4.0);
    }

    fn options(rounds: usize, limit: Duration) -> Options {
        Options { rounds, min_time: MS, limit, n_cpus: 2 }
    }

    #[test]
    fn a_side_whose_sum_is_wrong_is_refused() {
        let points = [point(Shape::Pool, Work::Sleep, 2)];
        let mut wrong = |_: &Point, _| Ok(Run { n_items: 10, sum: 54, ns_per_item: 1.0 });
        let options = options(1, Duration::from_secs(60));
        let err = compare(&points, options, Some(&mut wrong), |_| true).unwrap_err();
        assert_eq!(err.to_string(), "pool sleep 1000000 1 2: 10 items cannot add up to 54");
    }

    #[test]
    fn a_limit_or_a_refusal_to_go_on_leaves_what_was_measured() {
        let points = [point(Shape::Pool, Work::Sleep, 2), point(Shape::Shop, Work::Sleep, 1)];
        let mut double = |point: &Point, min_time| {
            let run = measure(point, min_time, Spinner::calibrate())?;
            Ok(Run { ns_per_item: 1e5, ..run })
        };
        let limited = options(3, Duration::ZERO);
        let results = compare(&points, limited, Some(&mut double), |_| true).unwrap();
        assert_eq!(results.len(), 1);
        assert!(results[0].ratio().unwrap() < 1.0);
        let endless = options(3, Duration::from_secs(60));
        let results = compare(&points, endless, None, |done| done < 0.5).unwrap();
        assert_eq!(results.len(), 2);
        assert_eq!(results[1].ratio(), None);
        assert!(results[1].threads_of_ideal().unwrap() > 0.1);
    }
}
