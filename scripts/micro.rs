//! What an item costs on its way through a channel, or a job that is started; as the Go program of
//! the same name in `scripts/go/peers/micro`, which is run beside it.
//!
//! `micro handoff|pipeline|mpmc|select CAPACITY MILLISECONDS`, `micro batch SIZE MILLISECONDS`,
//! `micro alive|jobs|rayon N MILLISECONDS`, `micro cake SETTING 0`. It moves more and more items until a
//! run takes that long, and prints how many there were, the sum of what arrived, and nanoseconds
//! an item.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::Parser;
use crossbeam::channel::{Receiver, Sender, bounded, select};
use threadbare::cli;
use threadbare::engines::cake;
use threadbare::engines::cake::threads::{self, Work};
use threadbare::machine::cpu;

/// Room in the channel of batches, and peers on each side of mpmc.
const BATCH_ROOM: usize = 10;
const PEERS: u64 = 4;

/// Prints what an item, a job or 20 cakes cost
#[derive(Parser)]
struct Args {
    shape: String,
    /// Capacity, size of a batch, threads or jobs; the setting of the cake shop
    size: String,
    milliseconds: u64,
}

/// What arrived and how long it took.
type Run = (u64, Duration);

fn main() -> ExitCode {
    cli::run(|args: Args| {
        let long = Duration::from_millis(args.milliseconds);
        if args.shape == "cake" {
            return bake(&args.size);
        }
        let size: usize = args.size.parse().with_context(|| args.size.clone())?;
        match args.shape.as_str() {
            "alive" => again(size, long, alive),
            "jobs" => pooled(size, long),
            "rayon" => in_rayon(size, long),
            name => measure(shape(name)?, size, long),
        }
    })
}

fn shape(name: &str) -> anyhow::Result<fn(usize, u64) -> Run> {
    Ok(match name {
        "handoff" => handoff,
        "pipeline" => pipeline,
        "mpmc" => mpmc,
        "select" => selecting,
        "batch" => batch,
        _ => bail!("{name}: no such shape"),
    })
}

fn measure(run: fn(usize, u64) -> Run, size: usize, long: Duration) -> anyhow::Result<()> {
    let mut n_items = 1024;
    loop {
        let (sum, took) = run(size, n_items);
        if took >= long {
            return print(n_items, sum, took);
        }
        n_items *= 2;
    }
}

fn print(n_items: u64, sum: u64, took: Duration) -> anyhow::Result<()> {
    let each = took.as_secs_f64() * 1e9 / n_items as f64;
    Ok(writeln!(cli::stdout(), "{n_items} items sum {sum} {each:.3}")?)
}

fn send(out: &Sender<u64>, from: u64, to: u64) {
    (from..to).for_each(|i| out.send(i).expect("somebody receives"));
}

fn handoff(capacity: usize, n_items: u64) -> Run {
    let (items, found) = bounded(capacity);
    thread::scope(|s| {
        s.spawn(move || send(&items, 0, n_items));
        total(&found)
    })
}

fn total(items: &Receiver<u64>) -> Run {
    let start = Instant::now();
    (items.iter().fold(0, u64::wrapping_add), start.elapsed())
}

fn pipeline(capacity: usize, n_items: u64) -> Run {
    let ((naturals, to_square), (squares, found)) = (bounded(capacity), bounded(capacity));
    thread::scope(|s| {
        s.spawn(move || send(&naturals, 0, n_items));
        s.spawn(move || {
            let all = to_square.into_iter();
            all.for_each(|i: u64| squares.send(i.wrapping_mul(i)).expect("main receives"));
        });
        total(&found)
    })
}

fn mpmc(capacity: usize, n_items: u64) -> Run {
    let (items, found) = bounded(capacity);
    let start = Instant::now();
    let sum = thread::scope(|s| {
        let receivers: Vec<_> = (0..PEERS).map(|_| s.spawn(|| total(&found).0)).collect();
        for peer in 0..PEERS {
            let items = items.clone();
            s.spawn(move || send(&items, n_items * peer / PEERS, n_items * (peer + 1) / PEERS));
        }
        drop(items); // the last sender closes the channel
        receivers.into_iter().map(|it| it.join().expect("it adds up")).fold(0, u64::wrapping_add)
    });
    (sum, start.elapsed())
}

fn selecting(capacity: usize, n_items: u64) -> Run {
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
    let (batches, found) = bounded(BATCH_ROOM);
    thread::scope(|s| {
        s.spawn(move || {
            for first in (0..n_items).step_by(size) {
                let batch: Vec<u64> = (first..n_items).take(size).collect();
                batches.send(batch).expect("main receives");
            }
        });
        let start = Instant::now();
        let sum = found.iter().flatten().fold(0, u64::wrapping_add);
        (sum, start.elapsed())
    })
}

/// Runs `n` jobs again and again for that long.
fn again(n: usize, long: Duration, run: impl Fn(usize) -> u64) -> anyhow::Result<()> {
    let (start, mut n_items, mut sum) = (Instant::now(), 0, 0);
    while n_items == 0 || start.elapsed() < long {
        sum += run(n);
        n_items += n as u64;
    }
    print(n_items, sum, start.elapsed())
}

/// Threads that are all alive at once, held back until the last has started.
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

type Job = Box<dyn FnOnce() + Send>;

/// A pool of a thread a CPU, fed over one channel.
fn pooled(n: usize, long: Duration) -> anyhow::Result<()> {
    let (jobs, todo) = bounded::<Job>(1_000);
    thread::scope(|s| {
        for _ in 0..cpu::n_cpus() {
            let todo = todo.clone();
            s.spawn(move || todo.into_iter().for_each(|job| job()));
        }
        let jobs = jobs; // dropped at the end of the scope, which ends the pool
        again(n, long, |n| {
            let (sum, (done, finished)) = (Arc::new(AtomicU64::new(0)), bounded::<()>(0));
            for i in 0..n as u64 {
                let (sum, done) = (Arc::clone(&sum), done.clone());
                let job = move || {
                    sum.fetch_add(i, Ordering::Relaxed);
                    drop(done);
                };
                jobs.send(Box::new(job)).expect("the pool is alive");
            }
            drop(done); // the last job closes the channel
            _ = finished.recv();
            sum.load(Ordering::Relaxed)
        })
    })
}

fn in_rayon(n: usize, long: Duration) -> anyhow::Result<()> {
    again(n, long, |n| {
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

/// Milliseconds that 20 cakes take.
fn bake(setting: &str) -> anyhow::Result<()> {
    let settings = cake::settings(1);
    let it = settings.iter().find(|it| it.name == setting);
    let it = it.with_context(|| format!("{setting}: no such setting"))?;
    let outcome = threads::run(&it.shop, Work::Sleep, None)?;
    let ms = outcome.makespan.as_secs_f64() * 1e3;
    Ok(writeln!(cli::stdout(), "{} cakes {ms:.3}", outcome.cakes)?)
}
