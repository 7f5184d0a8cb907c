//! 8.8 du: the walk's backends with several thread counts, beside `floor`, one thread that makes
//! the necessary system calls and nothing else.
//!
//! `scripts/compare-du` compares with other programs. `THREADBARE_FULL=1` measures larger trees and
//! more thread counts.

#![allow(missing_docs)] // the macros of criterion write public functions

use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crossbeam::channel::{never, unbounded};
use threadbare::engines::du::{self, Event, Options, Usage};
use threadbare::fs::walk::Backend;

#[path = "../scripts/du-floor/floor.rs"]
mod floor;
mod support;
#[path = "../scripts/du-floor/trees.rs"]
mod trees;

const BACKENDS: [(&str, Backend); 3] =
    [("openat", Backend::OpenAt), ("ordered", Backend::Ordered), ("jwalk", Backend::Jwalk)];

fn count(root: &Path, backend: Backend, n_threads: usize) -> Usage {
    let options = Options { backend, n_threads, depth_max: 0, ..Options::default() };
    let (events_tx, events_rx) = unbounded();
    du::run(&[root.to_owned()], &options, &events_tx, &never());
    let tree = |event| if let Event::Done { tree, .. } = event { tree } else { None };
    events_rx.try_iter().find_map(tree).expect("the root exists").total()
}

fn walkers(c: &mut Criterion) {
    let size = *support::either(&trees::SMALL, &trees::FULL);
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("du-trees");
    let (tree, wide) = trees::make(&target, size).expect("target/ can hold the files");
    for (tree, root) in [("tree", tree), ("wide", wide)] {
        let (n_files, size) = floor::count(&root).expect("the tree was just created");
        let mut group = c.benchmark_group(format!("du {tree}"));
        group.throughput(Throughput::Elements(n_files));
        group.bench_function("floor", |b| b.iter(|| floor::count(&root)));
        for (name, backend) in BACKENDS {
            let thread_counts = match backend {
                Backend::Ordered => &[1][..],
                _ => support::either(&[1, 4, 16][..], &[1, 2, 4, 8, 16, 20]),
            };
            for &n_threads in thread_counts {
                let usage = count(&root, backend, n_threads);
                assert_eq!((usage.n_files, usage.size), (n_files, size));
                group.bench_function(BenchmarkId::new(name, n_threads), |b| {
                    b.iter(|| count(&root, backend, n_threads));
                });
            }
        }
        group.finish();
    }
}

criterion_group!(name = benches; config = support::short(); targets = walkers);
criterion_main!(benches);
