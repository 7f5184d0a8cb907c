//! What it costs to start something: 10,000 jobs that count, on threads, in a scope, in a pool.

use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel::{self, Sender};
use threadbare::machine::cpu;

mod support;

const JOBS: usize = 10_000;

/// Threads alive at once: enough to keep every CPU busy, few enough for any machine.
const AT_ONCE: usize = 100;

fn spawn(c: &mut Criterion) {
    let mut group = c.benchmark_group("spawn");
    group.throughput(Throughput::Elements(JOBS as u64));
    group.bench_function("thread", |b| b.iter(threads));
    group.bench_function("scope", |b| b.iter(scopes));
    let pool = LazyLock::new(Pool::new); // started by the first use, if there is one
    group.bench_function("pool", |b| b.iter(|| pool.run()));
    let rayon = LazyLock::new(|| {
        rayon::ThreadPoolBuilder::new().num_threads(cpu::n_cpus()).build().expect("few threads")
    });
    group.bench_function("rayon", |b| b.iter(|| in_rayon(&rayon)));
}

fn threads() {
    let done = Arc::new(AtomicUsize::new(0));
    for _ in 0..JOBS / AT_ONCE {
        let job = || {
            let done = Arc::clone(&done);
            thread::spawn(move || _ = done.fetch_add(1, Ordering::Relaxed))
        };
        let threads: Vec<_> = (0..AT_ONCE).map(|_| job()).collect();
        for thread in threads {
            thread.join().expect("a job panicked");
        }
    }
    assert_eq!(done.load(Ordering::Relaxed), JOBS);
}

fn scopes() {
    let done = AtomicUsize::new(0);
    for _ in 0..JOBS / AT_ONCE {
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| done.fetch_add(1, Ordering::Relaxed));
            }
        });
    }
    assert_eq!(done.into_inner(), JOBS);
}

type Job = Box<dyn FnOnce() + Send>;

/// A thread for each CPU, fed over one channel.
struct Pool {
    jobs: Option<Sender<Job>>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Pool {
    fn new() -> Self {
        let (jobs, todo) = channel::bounded::<Job>(1_000);
        let worker = |_| {
            let todo = todo.clone();
            thread::spawn(move || todo.into_iter().for_each(|job| job()))
        };
        Pool { jobs: Some(jobs), threads: (0..cpu::n_cpus()).map(worker).collect() }
    }

    fn run(&self) {
        let (done, finished) = channel::bounded::<()>(1);
        let jobs = self.jobs.as_ref().expect("the pool is alive");
        for i in 0..JOBS {
            let done = done.clone();
            let job = Box::new(move || {
                black_box(i);
                drop(done);
            });
            jobs.send(job).expect("the pool is alive");
        }
        drop(done); // the last job closes the channel
        finished.recv().expect_err("nobody sends");
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.jobs = None; // closes the channel
        for thread in self.threads.drain(..) {
            thread.join().expect("a job panicked");
        }
    }
}

fn in_rayon(pool: &rayon::ThreadPool) {
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
