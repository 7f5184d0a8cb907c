//! The cake shop: the book's settings by their Go names, sweeps, and the speed of the simulation.
//!
//! `THREADBARE_FULL=1` sweeps all buffer capacities and numbers of icers; without it, a few.

use std::hint::black_box;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use threadbare::engines::cake::crossover::{self, Point, Service, Shape, Spinner};
use threadbare::engines::cake::threads::{self, Work};
use threadbare::engines::cake::{Setting, Shop, settings, virtual_time};

mod support;

fn run_on_threads(shop: &Shop) -> Duration {
    threads::run(shop, Work::Sleep, None).expect("the shop is valid").makespan
}

fn simulate(shop: &Shop) -> Duration {
    let run = virtual_time::run(shop, |_| ControlFlow::Continue(()));
    run.expect("the shop is valid").makespan
}

fn book(c: &mut Criterion) {
    let mut group = c.benchmark_group("cake");
    for Setting { name, shop, .. } in settings(1) {
        group.bench_function(name, |b| b.iter(|| run_on_threads(black_box(&shop))));
    }
}

fn sweep_buffers(c: &mut Criterion) {
    let mut group = c.benchmark_group("cake/sweep_buffers");
    let buffers = support::either::<[usize]>(&[0, 1, 10], &[0, 1, 2, 5, 10, 20, 50, 100]);
    for &buffer in buffers {
        let shop = Shop::book().with_std_dev(0.25).with_buffers(buffer);
        let id = BenchmarkId::from_parameter(buffer);
        group.bench_function(id, |b| b.iter(|| run_on_threads(black_box(&shop))));
    }
}

fn sweep_icers(c: &mut Criterion) {
    let mut group = c.benchmark_group("cake/sweep_icers");
    let icers = support::either::<[usize]>(&[2, 4, 8], &[1, 2, 3, 4, 5, 6, 7, 8]);
    for &icers in icers {
        let shop = Shop::book().with_icing(Duration::from_millis(50)).with_icers(icers);
        let id = BenchmarkId::from_parameter(icers);
        group.bench_function(id, |b| b.iter(|| run_on_threads(black_box(&shop))));
    }
}

/// Two dimensions at once: cooks per stage, and capacity of the channels, at 10 µs of work per cake.
fn threads_by_buffers(c: &mut Criterion) {
    let mut group = c.benchmark_group("cake/threads_by_buffers");
    group.throughput(Throughput::Elements(CAKES));
    let cooks = support::either::<[usize]>(&[1, 2, 4], &[1, 2, 4, 8, 16, 32]);
    let capacities = support::either::<[usize]>(&[0, 10, 1_000], &[0, 1, 10, 100, 1_000]);
    let spinner = LazyLock::new(Spinner::calibrate);
    let service = Service { work: Work::Spin, time: Duration::from_micros(10) };
    for (&cooks, &capacity) in cooks.iter().flat_map(|n| capacities.iter().map(move |c| (n, c))) {
        let point = Point { shape: Shape::Shop, service, capacity, cooks };
        group.bench_function(format!("{cooks}x{capacity}"), |b| b.iter(|| pass(&point, *spinner)));
    }
}

/// From no work per cake to a millisecond: where hand-overs stop to matter.
fn crossover_points(c: &mut Criterion) {
    let mut group = c.benchmark_group("cake/crossover");
    group.throughput(Throughput::Elements(CAKES));
    let times = support::either::<[u64]>(&[0, 1, 10, 100], &[0, 1, 10, 100, 1_000]);
    let spinner = LazyLock::new(Spinner::calibrate);
    for (&us, capacity) in times.iter().flat_map(|us| [0, 10, 1_000].map(|size| (us, size))) {
        let service = Service { work: Work::Spin, time: Duration::from_micros(us) };
        let point = Point { shape: Shape::Shop, service, capacity, cooks: 1 };
        group.bench_function(format!("{us}us/{capacity}"), |b| b.iter(|| pass(&point, *spinner)));
    }
}

/// Cakes of one measurement of a line of threads.
const CAKES: u64 = 500;

fn pass(point: &Point, spinner: Spinner) {
    let run = crossover::measure_items(black_box(point), CAKES, spinner);
    assert!(run.expect("few threads").is_whole(point));
}

/// An element is an event: a cake started, finished or passed on.
fn virtual_clock(c: &mut Criterion) {
    let mut group = c.benchmark_group("cake/virtual");
    for Setting { name, shop, .. } in settings(1) {
        group.throughput(Throughput::Elements(3 * 3 * shop.cakes));
        group.bench_function(name, |b| b.iter(|| simulate(black_box(&shop))));
    }
    let shop = Shop { cakes: 100_000, ..Shop::book().with_std_dev(0.25).with_buffers(10) };
    group.throughput(Throughput::Elements(3 * 3 * shop.cakes));
    group.bench_function("100000_cakes", |b| b.iter(|| simulate(black_box(&shop))));
}

criterion_group!(name = benches; config = support::short();
    targets = book, sweep_buffers, sweep_icers, threads_by_buffers, crossover_points, virtual_clock);
criterion_main!(benches);
