//! A point on threads.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use super::point::{Point, Service, Shape};
use super::spin::Spinner;
use crate::engines::cake::threads::Work;
use crate::threads::{check_room, spawn};

/// A measured run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Run {
    /// Number of items that passed through.
    pub n_items: u64,
    /// Sum of the numbers that arrived; each item is its number plus one for each cook it passed.
    pub sum: u64,
    /// Wall time per item.
    pub ns_per_item: f64,
}

/// Stages of a shop.
const STAGES: usize = 3;

/// Runs the point with ever more items until a run takes `min_time`, and returns that run.
///
/// # Errors
/// When the machine has no room for the threads.
pub fn measure(point: &Point, min_time: Duration, spinner: Spinner) -> io::Result<Run> {
    let mut n_items = 4 * point.n_threads() as u64;
    loop {
        let run = measure_items(point, n_items, spinner)?;
        let share = min_time.as_nanos() as f64 / (run.ns_per_item * n_items as f64).max(1.0);
        if share <= 1.0 {
            return Ok(run);
        }
        // A little more than would have been enough; a short run tells little about a long one.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "2 to 10")]
        let factor = (share * 1.2).clamp(2.0, 10.0).ceil() as u64;
        n_items *= factor;
    }
}

/// Runs the point once with this number of items.
///
/// # Errors
/// When the machine has no room for the threads.
pub fn measure_items(point: &Point, n_items: u64, spinner: Spinner) -> io::Result<Run> {
    check_room(point.n_threads())?;
    let (sum, time) = run(point, n_items, spinner);
    Ok(Run { n_items, sum, ns_per_item: time.as_nanos() as f64 / n_items as f64 })
}

impl Run {
    /// Whether every item has passed every stage of `point` exactly once.
    pub fn is_whole(&self, point: &Point) -> bool {
        let n = u128::from(self.n_items);
        let expected = n * n.saturating_sub(1) / 2 + n * point.n_stages() as u128;
        u128::from(self.sum) == expected
    }
}

impl Point {
    /// How many cooks an item passes.
    fn n_stages(&self) -> usize {
        match self.shape {
            Shape::Shop => STAGES,
            Shape::Pipeline => self.cooks,
            Shape::Pool => 1,
        }
    }

    fn n_threads(&self) -> usize {
        match self.shape {
            Shape::Shop => STAGES * self.cooks,
            Shape::Pipeline => self.cooks,
            Shape::Pool => self.cooks + 1,
        }
    }
}

fn run(point: &Point, n_items: u64, spinner: Spinner) -> (u64, Duration) {
    let work = |item: u64| {
        point.service.perform(spinner);
        item + 1
    };
    match point.shape {
        Shape::Shop => line(&[point.cooks; STAGES], point.capacity, n_items, &work),
        Shape::Pipeline => line(&vec![1; point.cooks], point.capacity, n_items, &work),
        Shape::Pool => pool(point, n_items, &work),
    }
}

impl Service {
    fn perform(self, spinner: Spinner) {
        match self.work {
            _ if self.time.is_zero() => {}
            Work::Sleep => thread::sleep(self.time),
            Work::Spin => spinner.spin(self.time),
        }
    }
}

/// Stages of so many cooks each, with a channel between two stages. The cooks of the last stage add
/// up what arrives.
fn line(
    stages: &[usize],
    capacity: usize,
    n_items: u64,
    work: &(impl Fn(u64) -> u64 + Sync),
) -> (u64, Duration) {
    let next = AtomicU64::new(0);
    let mut input: Option<Receiver<u64>> = None;
    // All threads wait for this channel to be closed.
    let (start_tx, start) = bounded::<()>(0);
    thread::scope(|scope| {
        let mut sums = Vec::new();
        for (i, &n_cooks) in stages.iter().enumerate() {
            let (items_tx, items) = bounded(capacity);
            for _ in 0..n_cooks {
                let (start, input, next) = (start.clone(), input.clone(), &next);
                let output = (i + 1 < stages.len()).then(|| items_tx.clone());
                let cook = spawn(scope, move || {
                    _ = start.recv(); // closed: all threads are there
                    match input {
                        None => cook(from_counter(next, n_items), output, work),
                        Some(input) => cook(input.into_iter(), output, work),
                    }
                });
                sums.push(cook);
            }
            input = Some(items);
        }
        input = None;
        let begin = Instant::now();
        drop(start_tx);
        let sums = sums.into_iter().map(|cook| cook.join().expect("a cook panicked"));
        (sums.fold(0, u64::wrapping_add), begin.elapsed())
    })
}

/// The numbers that this cook takes from all.
fn from_counter(next: &AtomicU64, n_items: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed))
        .take_while(move |&i| i < n_items)
}

/// Passes items on; without a next stage, adds them up.
fn cook(
    items: impl Iterator<Item = u64>,
    output: Option<Sender<u64>>,
    work: &impl Fn(u64) -> u64,
) -> u64 {
    let items = items.map(work);
    match output {
        None => items.fold(0, u64::wrapping_add),
        Some(output) => {
            for item in items {
                output.send(item).expect("the next stage takes all");
            }
            0
        }
    }
}

fn pool(point: &Point, n_items: u64, work: &(impl Fn(u64) -> u64 + Sync)) -> (u64, Duration) {
    let (items_tx, items) = bounded(point.capacity);
    thread::scope(|scope| {
        let cooks: Vec<_> = (0..point.cooks)
            .map(|_| {
                let items = items.clone();
                spawn(scope, move || cook(items.into_iter(), None, work))
            })
            .collect();
        drop(items);
        let begin = Instant::now();
        (0..n_items).for_each(|i| items_tx.send(i).expect("the cooks take all"));
        drop(items_tx);
        let sums = cooks.into_iter().map(|cook| cook.join().expect("a cook panicked"));
        (sums.fold(0, u64::wrapping_add), begin.elapsed())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_passes_every_stage_once() {
        let spinner = Spinner::calibrate();
        for shape in Shape::ALL {
            for (capacity, cooks) in [(0, 2), (3, 2), (1, 5)] {
                for work in [Work::Spin, Work::Sleep] {
                    let service = Service { work, time: Duration::from_micros(1) };
                    let point = Point { shape, service, capacity, cooks };
                    let run = measure(&point, Duration::from_micros(100), spinner).unwrap();
                    assert!(run.is_whole(&point), "{point}: {run:?}");
                    assert!(!Run { sum: run.sum + 1, ..run }.is_whole(&point));
                }
            }
        }
    }
}
