//! The cost of sending an item through a channel, or of starting a job; the Go program of the same
//! name in `scripts/go/peers/micro` measures the same.
//!
//! `micro handoff|pipeline|mpmc|select CAPACITY MILLISECONDS`, `micro batch SIZE MILLISECONDS`,
//! `micro alive|jobs|rayon N MILLISECONDS`, `micro cake SETTING 0`, `micro crossover POINT MILLISECONDS`
//! (a point as `cake crossover` names it, in quotes). The number of items doubles until
//! a run takes MILLISECONDS; the output is that number, the sum of the items received, and
//! nanoseconds per item.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use crossbeam::channel::{Receiver, Sender, bounded, select};
use threadbare::cli;
use threadbare::engines::cake;
use threadbare::engines::cake::crossover::{self, Point, Spinner};
use threadbare::engines::cake::threads::{self, Work};
use threadbare::machine::affinity::{Placement, place};
use threadbare::machine::cpu;
use threadbare::threads::JobPool;

/// Capacity of the channel of batches.
const BATCH_CAPACITY: usize = 10;
/// Senders, and as many receivers, of mpmc.
const PEERS: u64 = 4;

/// Measures the cost of an item sent, a job started or 20 cakes made
#[derive(Parser)]
struct Args {
    /// Shape to measure: handoff, pipeline, mpmc, select, batch, alive, jobs, rayon, cake or crossover
    shape: String,
    /// Capacity, batch size, or number of threads or jobs; for cake, the setting; for crossover, the point
    size: String,
    /// Shortest run to measure
    milliseconds: u64,
    /// Where the threads run: free, one (all on one CPU) or neighbours (on two)
    #[arg(long, value_name = "NAME", default_value = "free")]
    placement: Placement,
}

/// The sum of the items received, and the time it took.
type Run = (u64, Duration);

fn main() -> ExitCode {
    cli::run(|args: Args| {
        let min_time = Duration::from_millis(args.milliseconds);
        place(args.placement)?; // before any thread starts
        match args.shape.as_str() {
            "cake" => return bake(&args.size),
            "crossover" => return run_point(&args.size, min_time),
            _ => {}
        }
        let size: usize = args.size.parse().with_context(|| args.size.clone())?;
        match args.shape.as_str() {
            "alive" => repeat(size, min_time, alive),
            "jobs" => run_pool(size, min_time),
            "rayon" => run_rayon(size, min_time),
            name => measure(shape(name)?, size, min_time),
        }
    })
}

fn shape(name: &str) -> anyhow::Result<fn(usize, u64) -> Run> {
    Ok(match name {
        "handoff" => handoff,
        "pipeline" => pipeline,
        "mpmc" => mpmc,
        "select" => select_two,
        "batch" => batch,
        _ => bail!("{name}: no such shape"),
    })
}

fn measure(run: fn(usize, u64) -> Run, size: usize, min_time: Duration) -> anyhow::Result<()> {
    let mut n_items = 1024;
    loop {
        let (sum, time) = run(size, n_items);
        if time >= min_time {
            return print(n_items, sum, time);
        }
        n_items *= 2;
    }
}

fn print(n_items: u64, sum: u64, time: Duration) -> anyhow::Result<()> {
    let ns_per_item = time.as_secs_f64() * 1e9 / n_items as f64;
    Ok(writeln!(cli::stdout(), "{n_items} items sum {sum} {ns_per_item:.3}")?)
}

fn send(items_tx: &Sender<u64>, from: u64, to: u64) {
    (from..to).for_each(|i| items_tx.send(i).expect("the receiver takes all"));
}

fn handoff(capacity: usize, n_items: u64) -> Run {
    let (items_tx, items) = bounded(capacity);
    thread::scope(|s| {
        s.spawn(move || send(&items_tx, 0, n_items));
        total(&items)
    })
}

fn total(items: &Receiver<u64>) -> Run {
    let start = Instant::now();
    (items.iter().fold(0, u64::wrapping_add), start.elapsed())
}

fn pipeline(capacity: usize, n_items: u64) -> Run {
    let (naturals_tx, naturals) = bounded(capacity);
    let (squares_tx, squares) = bounded(capacity);
    thread::scope(|s| {
        s.spawn(move || send(&naturals_tx, 0, n_items));
        s.spawn(move || {
            for i in naturals {
                squares_tx.send(u64::wrapping_mul(i, i)).expect("main receives");
            }
        });
        total(&squares)
    })
}

fn mpmc(capacity: usize, n_items: u64) -> Run {
    let (items_tx, items) = bounded(capacity);
    let start = Instant::now();
    let sum = thread::scope(|s| {
        let receivers: Vec<_> = (0..PEERS).map(|_| s.spawn(|| total(&items).0)).collect();
        for peer in 0..PEERS {
            let items_tx = items_tx.clone();
            s.spawn(move || send(&items_tx, n_items * peer / PEERS, n_items * (peer + 1) / PEERS));
        }
        drop(items_tx); // the last sender closes the channel
        receivers
            .into_iter()
            .map(|receiver| receiver.join().expect("a receiver panicked"))
            .fold(0, u64::wrapping_add)
    });
    (sum, start.elapsed())
}

fn select_two(capacity: usize, n_items: u64) -> Run {
    let ((left_tx, left), (right_tx, right)) = (bounded(capacity), bounded(capacity));
    thread::scope(|s| {
        s.spawn(|| send(&left_tx, 0, n_items / 2));
        s.spawn(|| send(&right_tx, n_items / 2, n_items));
        let start = Instant::now();
        let mut sum = 0_u64;
        for _ in 0..n_items {
            let item = select! { recv(left) -> item => item, recv(right) -> item => item };
            sum = sum.wrapping_add(item.expect("the senders outlive the scope"));
        }
        (sum, start.elapsed())
    })
}

fn batch(size: usize, n_items: u64) -> Run {
    let (batches_tx, batches) = bounded(BATCH_CAPACITY);
    thread::scope(|s| {
        s.spawn(move || {
            for first in (0..n_items).step_by(size) {
                let batch: Vec<u64> = (first..n_items).take(size).collect();
                batches_tx.send(batch).expect("main receives");
            }
        });
        let start = Instant::now();
        let sum = batches.iter().flatten().fold(0, u64::wrapping_add);
        (sum, start.elapsed())
    })
}

/// Runs `n` jobs repeatedly for at least `min_time`.
fn repeat(n: usize, min_time: Duration, run: impl Fn(usize) -> u64) -> anyhow::Result<()> {
    let (start, mut n_items, mut sum) = (Instant::now(), 0, 0);
    while n_items == 0 || start.elapsed() < min_time {
        sum += run(n);
        n_items += n as u64;
    }
    print(n_items, sum, start.elapsed())
}

/// Starts `n` threads that all wait until the last of them has started.
fn alive(n: usize) -> u64 {
    let (sum, gate) = (Arc::new(AtomicU64::new(0)), Arc::new(Barrier::new(n)));
    let threads: Vec<_> = (0..n as u64)
        .map(|i| {
            let (sum, gate) = (Arc::clone(&sum), Arc::clone(&gate));
            thread::spawn(move || {
                gate.wait();
                sum.fetch_add(i, Ordering::Relaxed);
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("a job panicked");
    }
    sum.load(Ordering::Relaxed)
}

/// Our pool for short jobs, with one thread per CPU.
fn run_pool(n: usize, min_time: Duration) -> anyhow::Result<()> {
    thread::scope(|s| {
        let pool = JobPool::new(s, cpu::n_cpus());
        repeat(n, min_time, |n| {
            let sum = Arc::new(AtomicU64::new(0));
            let (done_tx, done) = bounded::<()>(0);
            for i in 0..n as u64 {
                let (sum, done_tx) = (Arc::clone(&sum), done_tx.clone());
                pool.run(move || {
                    sum.fetch_add(i, Ordering::Relaxed);
                    drop(done_tx);
                });
            }
            drop(done_tx); // the last job closes the channel
            _ = done.recv();
            sum.load(Ordering::Relaxed)
        })
    })
}

fn run_rayon(n: usize, min_time: Duration) -> anyhow::Result<()> {
    repeat(n, min_time, |n| {
        let sum = AtomicU64::new(0);
        rayon::scope(|s| {
            for i in 0..n as u64 {
                let sum = &sum;
                s.spawn(move |_| _ = sum.fetch_add(i, Ordering::Relaxed));
            }
        });
        sum.into_inner()
    })
}

fn run_point(point: &str, min_time: Duration) -> anyhow::Result<()> {
    let point = point.parse::<Point>().map_err(anyhow::Error::msg)?;
    let run = crossover::measure(&point, min_time, Spinner::calibrate())?;
    ensure!(run.is_whole(&point), "{point}: {run:?}");
    Ok(writeln!(cli::stdout(), "{} items sum {} {:.3}", run.n_items, run.sum, run.ns_per_item)?)
}

/// Prints the milliseconds that 20 cakes take.
fn bake(name: &str) -> anyhow::Result<()> {
    let settings = cake::settings(1);
    let setting = settings.iter().find(|setting| setting.name == name);
    let setting = setting.with_context(|| format!("{name}: no such setting"))?;
    let outcome = threads::run(&setting.shop, Work::Sleep, None)?;
    let ms = outcome.makespan.as_secs_f64() * 1e3;
    Ok(writeln!(cli::stdout(), "{} cakes {ms:.3}", outcome.cakes)?)
}
