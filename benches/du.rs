//! 8.8 du: walkers and numbers of threads, beside the least one thread can do it with.
//!
//! Other programs are other processes: `scripts/compare-du`. `THREADBARE_FULL=1` takes the full
//! trees and all numbers of threads.

#![allow(missing_docs)] // the macros of criterion write public functions

use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel::{never, unbounded};
use threadbare::engines::du::{self, Event, Options, Sum};
use threadbare::fs::walk::Walker;

#[path = "../scripts/du-floor/floor.rs"]
mod floor;
mod support;
#[path = "../scripts/du-floor/trees.rs"]
mod trees;

const WALKERS: [(&str, Walker); 3] =
    [("openat", Walker::OpenAt), ("ordered", Walker::Ordered), ("jwalk", Walker::Jwalk)];

fn count(root: &Path, walker: Walker, n_threads: usize) -> Sum {
    let options = Options { walker, n_threads, depth_max: 0, ..Options::default() };
    let (events, happened) = unbounded();
    du::run(&[root.to_owned()], &options, &events, &never()).expect("threads");
    let total = |event| if let Event::Done(_, tree) = event { tree } else { None };
    happened.try_iter().find_map(total).expect("the root is there").total()
}

fn walkers(c: &mut Criterion) {
    let size = *support::either(&trees::SMALL, &trees::FULL);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("du-trees");
    let (tree, wide) = trees::make(&target, size).expect("room for files below target/");
    for (what, root) in [("tree", tree), ("wide", wide)] {
        let (n_files, size) = floor::count(&root).expect("a tree of ours");
        let mut group = c.benchmark_group(format!("du {what}"));
        group.throughput(Throughput::Elements(n_files));
        group.bench_function("floor", |b| b.iter(|| floor::count(&root)));
        for (name, walker) in WALKERS {
            let n_threads = match walker {
                Walker::Ordered => &[1][..],
                _ => support::either(&[1, 4, 16][..], &[1, 2, 4, 8, 16, 20]),
            };
            for &n_threads in n_threads {
                let sum = count(&root, walker, n_threads);
                assert_eq!((sum.n_files, sum.size), (n_files, size));
                group.bench_function(BenchmarkId::new(name, n_threads), |b| {
                    b.iter(|| count(&root, walker, n_threads));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(name = benches; config = support::short(); targets = walkers);
criterion_main!(benches);
