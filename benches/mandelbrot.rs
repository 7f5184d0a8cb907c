//! Exercise 8.5: the book's picture with every strategy, as `mandelbrot/{strategy}/{threads}`.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use threadbare::engines::mandelbrot::{Strategy, View, draw};

mod support;

fn mandelbrot(c: &mut Criterion) {
    let book = View::default();
    let mut group = c.benchmark_group("mandelbrot");
    for strategy in Strategy::ALL {
        let threads: &[usize] = match strategy {
            Strategy::Sequential => &[1],
            _ => support::either::<[usize]>(&[2, 4], &[1, 2, 4, 8, 16]),
        };
        for &n_threads in threads {
            let id = BenchmarkId::new(strategy.name(), n_threads);
            group.bench_function(id, |b| b.iter(|| draw(&book, strategy, n_threads)));
        }
    }
    let shortcuts = View { shortcuts: true, ..View::default() };
    group.bench_function(BenchmarkId::new("shortcuts", 1), |b| {
        b.iter(|| draw(&shortcuts, Strategy::Sequential, 1));
    });
}

criterion_group! { name = benches; config = support::short(); targets = mandelbrot }
criterion_main!(benches);
