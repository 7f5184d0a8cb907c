//! The cost of sending an item through a channel: `channel/{shape}/{library}/{capacity}`.
//!
//! Every time is per item; threads are started once per sample. std has no channel with several
//! receivers, and neither std nor kanal has a `select!` for threads: those benches do not exist.

use std::hint::black_box;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{AxisScale, BenchmarkId, Criterion, PlotConfiguration};
use criterion::{criterion_group, criterion_main};
use crossbeam::channel;
use threadbare::machine::affinity::{Placement, place};

mod support;

const CAPACITIES: [usize; 5] = [0, 1, 10, 100, 1_000];
const BATCHES: [usize; 4] = [1, 16, 64, 256];

/// Capacity for batches: small enough that waking a thread dominates the cost of an item.
const BATCH_CAPACITY: usize = 10;

/// Senders, and as many receivers, of the mpmc shape.
const PEERS: u64 = 4;

trait Channel {
    const NAME: &str;
    type Tx<T: Send>: Send;
    type Rx<T: Send>: Send;
    fn bounded<T: Send>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>);
    fn send<T: Send>(tx: &Self::Tx<T>, item: T);
    fn recv<T: Send>(rx: &Self::Rx<T>) -> Option<T>;
}

/// A channel with many ends on both sides.
trait Shared: Channel {
    fn another<T: Send>(ends: &(Self::Tx<T>, Self::Rx<T>)) -> (Self::Tx<T>, Self::Rx<T>);
}

macro_rules! channel {
    ($name:ident, $label:literal, $bounded:path, $tx:path, $rx:path) => {
        struct $name;

        impl Channel for $name {
            const NAME: &str = $label;
            type Tx<T: Send> = $tx;
            type Rx<T: Send> = $rx;

            fn bounded<T: Send>(capacity: usize) -> (Self::Tx<T>, Self::Rx<T>) {
                $bounded(capacity)
            }

            fn send<T: Send>(tx: &Self::Tx<T>, item: T) {
                tx.send(item).ok().expect("the receiver takes all");
            }

            fn recv<T: Send>(rx: &Self::Rx<T>) -> Option<T> {
                rx.recv().ok()
            }
        }
    };
}

macro_rules! shared {
    ($($name:ident)*) => {$(
        impl Shared for $name {
            fn another<T: Send>(ends: &(Self::Tx<T>, Self::Rx<T>)) -> (Self::Tx<T>, Self::Rx<T>) {
                ends.clone()
            }
        }
    )*};
}

channel!(Crossbeam, "crossbeam", channel::bounded, channel::Sender<T>, channel::Receiver<T>);
channel!(Std, "std", mpsc::sync_channel, mpsc::SyncSender<T>, mpsc::Receiver<T>);
channel!(Flume, "flume", flume::bounded, flume::Sender<T>, flume::Receiver<T>);
channel!(Kanal, "kanal", kanal::bounded, kanal::Sender<T>, kanal::Receiver<T>);
shared!(Crossbeam Flume Kanal);

/// Moves a number of items through channels of a capacity, or in batches of a size; returns the time.
type Shape = fn(usize, u64) -> Duration;

fn channels(c: &mut Criterion) {
    let handoffs: [(&str, Shape); 4] = [
        (Crossbeam::NAME, handoff::<Crossbeam>),
        (Std::NAME, handoff::<Std>),
        (Flume::NAME, handoff::<Flume>),
        (Kanal::NAME, handoff::<Kanal>),
    ];
    measure(c, "handoff", &CAPACITIES, &handoffs);
    let placed: [(&str, Shape); 1] = [(Crossbeam::NAME, handoff_on_one_cpu)];
    measure(c, "handoff_on_one_cpu", &CAPACITIES, &placed);
    let pipelines: [(&str, Shape); 4] = [
        (Crossbeam::NAME, pipeline::<Crossbeam>),
        (Std::NAME, pipeline::<Std>),
        (Flume::NAME, pipeline::<Flume>),
        (Kanal::NAME, pipeline::<Kanal>),
    ];
    measure(c, "pipeline", &CAPACITIES, &pipelines);
    let mpmcs: [(&str, Shape); 3] = [
        (Crossbeam::NAME, mpmc::<Crossbeam>),
        (Flume::NAME, mpmc::<Flume>),
        (Kanal::NAME, mpmc::<Kanal>),
    ];
    measure(c, "mpmc", &CAPACITIES, &mpmcs);
    let selects: [(&str, Shape); 2] =
        [(Crossbeam::NAME, select_crossbeam), (Flume::NAME, select_flume)];
    measure(c, "select", &CAPACITIES, &selects);
    let batches: [(&str, Shape); 4] = [
        (Crossbeam::NAME, batch::<Crossbeam>),
        (Std::NAME, batch::<Std>),
        (Flume::NAME, batch::<Flume>),
        (Kanal::NAME, batch::<Kanal>),
    ];
    measure(c, "batch", support::either::<[usize]>(&[1, 64, 256], &BATCHES), &batches);
}

/// Measures the libraries with each of `sizes` in one group, so that the report compares them.
fn measure(c: &mut Criterion, name: &str, sizes: &[usize], libraries: &[(&str, Shape)]) {
    let mut group = c.benchmark_group(format!("channel/{name}"));
    // The times span four orders of magnitude.
    group.plot_config(PlotConfiguration::default().summary_scale(AxisScale::Logarithmic));
    for (library, shape) in libraries {
        for &size in sizes {
            let id = BenchmarkId::new(*library, size);
            group.bench_function(id, |b| b.iter_custom(|n_items| shape(size, n_items)));
        }
    }
}

/// One thread sends, one receives.
fn handoff<C: Channel>(capacity: usize, n_items: u64) -> Duration {
    let (tx, rx) = C::bounded(capacity);
    thread::scope(|scope| {
        scope.spawn(move || (0..n_items).for_each(|i| C::send(&tx, i)));
        let start = Instant::now();
        while let Some(i) = C::recv(&rx) {
            black_box(i);
        }
        start.elapsed()
    })
}

/// As [`handoff`], with both threads on one CPU: no idle CPU has to be woken. Where the system has no
/// such call they run where they like.
fn handoff_on_one_cpu(capacity: usize, n_items: u64) -> Duration {
    thread::scope(|scope| {
        let pair = scope.spawn(|| {
            _ = place(Placement::One); // the sender, started by this thread, inherits it
            handoff::<Crossbeam>(capacity, n_items)
        });
        pair.join().expect("it moves the items")
    })
}

/// The book's counter, squarer and printer, as three threads.
fn pipeline<C: Channel>(capacity: usize, n_items: u64) -> Duration {
    let (naturals_tx, naturals) = C::bounded(capacity);
    let (squares_tx, squares) = C::bounded(capacity);
    thread::scope(|scope| {
        scope.spawn(move || (0..n_items).for_each(|i| C::send(&naturals_tx, i)));
        scope.spawn(move || {
            while let Some(i) = C::recv(&naturals) {
                C::send(&squares_tx, i.wrapping_mul(i));
            }
        });
        let start = Instant::now();
        while let Some(square) = C::recv(&squares) {
            black_box(square);
        }
        start.elapsed()
    })
}

/// Several threads send, several receive.
fn mpmc<C: Shared>(capacity: usize, n_items: u64) -> Duration {
    let ends = C::bounded(capacity);
    let start = Instant::now();
    thread::scope(|scope| {
        for peer in 0..PEERS {
            let (tx, _) = C::another(&ends);
            let (_, rx) = C::another(&ends);
            let share = n_items / PEERS + u64::from(peer < n_items % PEERS);
            scope.spawn(move || (0..share).for_each(|i| C::send(&tx, i)));
            scope.spawn(move || {
                while let Some(i) = C::recv(&rx) {
                    black_box(i);
                }
            });
        }
        drop(ends);
    });
    start.elapsed()
}

fn select_crossbeam(capacity: usize, n_items: u64) -> Duration {
    let (left_tx, left) = channel::bounded(capacity);
    let (right_tx, right) = channel::bounded(capacity);
    thread::scope(|scope| {
        scope.spawn(|| (0..n_items / 2).for_each(|i| Crossbeam::send(&left_tx, i)));
        scope.spawn(|| (n_items / 2..n_items).for_each(|i| Crossbeam::send(&right_tx, i)));
        let start = Instant::now();
        for _ in 0..n_items {
            let item = channel::select! {
                recv(left) -> item => item,
                recv(right) -> item => item,
            };
            black_box(item.expect("the senders outlive the scope"));
        }
        start.elapsed()
    })
}

fn select_flume(capacity: usize, n_items: u64) -> Duration {
    let (left_tx, left) = flume::bounded(capacity);
    let (right_tx, right) = flume::bounded(capacity);
    thread::scope(|scope| {
        scope.spawn(|| (0..n_items / 2).for_each(|i| Flume::send(&left_tx, i)));
        scope.spawn(|| (n_items / 2..n_items).for_each(|i| Flume::send(&right_tx, i)));
        let start = Instant::now();
        for _ in 0..n_items {
            let item = flume::Selector::new().recv(&left, |i| i).recv(&right, |i| i).wait();
            black_box(item.expect("the senders outlive the scope"));
        }
        start.elapsed()
    })
}

/// As `handoff`, with `size` items in each send.
fn batch<C: Channel>(size: usize, n_items: u64) -> Duration {
    let (tx, rx) = C::bounded(BATCH_CAPACITY);
    thread::scope(|scope| {
        scope.spawn(move || {
            for first in (0..n_items).step_by(size) {
                let batch: Vec<u64> = (first..n_items).take(size).collect();
                C::send(&tx, batch);
            }
        });
        let start = Instant::now();
        while let Some(batch) = C::recv(&rx) {
            for i in batch {
                black_box(i);
            }
        }
        start.elapsed()
    })
}

criterion_group! { name = benches; config = support::short(); targets = channels }
criterion_main!(benches);
