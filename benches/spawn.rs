//! The cost of starting 10,000 jobs: on threads, on scoped threads, in a thread pool, in rayon.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel;
use threadbare::machine::cpu;
use threadbare::threads::JobPool;

mod support;

const JOBS: usize = 10_000;

/// Threads alive at once: enough to keep every CPU busy, few enough for any machine.
const THREADS_MAX: usize = 100;

fn spawn(c: &mut Criterion) {
    let mut group = c.benchmark_group("spawn");
    group.throughput(Throughput::Elements(JOBS as u64));
    group.bench_function("thread", |b| b.iter(threads));
    group.bench_function("scope", |b| b.iter(scopes));
    thread::scope(|scope| {
        let pool = LazyLock::new(|| JobPool::new(scope, cpu::n_cpus())); // not if it is filtered out
        group.bench_function("pool", |b| b.iter(|| run_pool(&pool)));
    });
    let rayon = LazyLock::new(|| {
        rayon::ThreadPoolBuilder::new().num_threads(cpu::n_cpus()).build().expect("few threads")
    });
    group.bench_function("rayon", |b| b.iter(|| run_rayon(&rayon)));
}

fn threads() {
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..JOBS / THREADS_MAX {
        let job = || {
            let done = Arc::clone(&done);
            thread::spawn(move || _ = done.fetch_add(1, Ordering::Relaxed))
        };
        let threads: Vec<_> = (0..THREADS_MAX).map(|_| job()).collect();
        for thread in threads {
            thread.join().expect("a job panicked");
        }
    }
    assert_eq!(done.load(Ordering::Relaxed), JOBS);
}

fn scopes() {
    let done = AtomicUsize::new(0);
    for _ in 0..JOBS / THREADS_MAX {
        thread::scope(|scope| {
            for _ in 0..THREADS_MAX {
                scope.spawn(|| done.fetch_add(1, Ordering::Relaxed));
            }
        });
    }
    assert_eq!(done.into_inner(), JOBS);
}

fn run_pool(pool: &JobPool<'_>) {
    let (done_tx, done) = channel::bounded::<()>(1);
    for i in 0..JOBS {
        let done_tx = done_tx.clone();
        pool.run(move || {
            black_box(i);
            drop(done_tx);
        });
    }
    drop(done_tx); // the last job closes the channel
    done.recv().expect_err("nothing is sent");
}

fn run_rayon(pool: &rayon::ThreadPool) {
    let done = AtomicUsize::new(0);
    pool.scope(|scope| {
        for _ in 0..JOBS {
            scope.spawn(|_| _ = done.fetch_add(1, Ordering::Relaxed));
        }
    });
    assert_eq!(done.into_inner(), JOBS);
}

criterion_group! { name = benches; config = support::short(); targets = spawn }
criterion_main!(benches);
