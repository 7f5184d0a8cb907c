//! 8.1 and exercise 8.5: computing.

use std::hash::{DefaultHasher, Hash, Hasher};

use anyhow::Context;

use super::super::case::{Bench, Row};
use super::super::run::{Job, Outcome};
use super::{go_sides, process};

pub(crate) const SPINNER: Row = Row {
    name: "spinner",
    title: "fib(45) behind a spinner (8.1)",
    programs: &[],
    why: "One thread besides main and no channel: this compares compilers, LLVM with Go's. About \
          threads it shows only that an idle one costs nothing.",
    run: spinner,
};

fn spinner(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let answer = |outcome: &Outcome| {
        let text = outcome.text();
        text.rsplit('\r').next().map(str::to_owned).context("no answer")
    };
    let mut sides = vec![process("spinner", Job::new(bench.programs.ours("spinner")), answer)];
    for (label, program) in go_sides(bench, Some("spinner"), Some("spinner")) {
        sides.push(process(label, Job::new(program), answer));
    }
    bench.case("fib(45)", bench.pick(3, 1), sides)?;
    Ok(())
}

pub(crate) const MANDELBROT: Row = Row {
    name: "mandelbrot",
    title: "The Mandelbrot set, 1024 × 1024 (exercise 8.5)",
    programs: &[],
    why: "Ours computes eight or sixteen points at once in vector registers, which explains most of \
          the difference; threads and goroutines scale alike with the CPUs. The vectors cost a page \
          of code and one dependency.",
    run: mandelbrot,
};

fn mandelbrot(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    for n_threads in [1, 2, 4, 8] {
        let ours = |threads: &str| {
            Job::new(bench.programs.ours("mandelbrot")).args(["--threads", threads])
        };
        let threads = n_threads.to_string();
        let mut sides = vec![process("mandelbrot", ours(&threads), pixels)];
        let original = (n_threads == 1).then_some("mandelbrot");
        if let Some(program) = original.and_then(|name| bench.programs.original(name)) {
            sides.push(process(super::ORIGINAL, Job::new(program), pixels));
        } else if original.is_some() {
            bench.gap("the Go original could not be built");
        }
        if let Some(program) = bench.programs.own("mandelbrot") {
            let job = Job::new(program).args(["-threads", &threads]);
            sides.push(process(super::OWN, job, pixels));
        }
        let rounds = bench.pick(9, 3);
        let s = if n_threads == 1 { "" } else { "s" };
        bench.case(format!("{n_threads} thread{s}"), rounds, sides)?;
    }
    bench.note(
        "Most of our time is start-up and PNG compression in one thread: mandelbrot sweep measures \
                drawing alone.",
    );
    Ok(())
}

/// A hash of the pixels, whatever the compression of the picture.
fn pixels(outcome: &Outcome) -> anyhow::Result<String> {
    let picture = image::load_from_memory(&outcome.stdout)?.into_luma8();
    let mut hasher = DefaultHasher::new();
    picture.as_raw().hash(&mut hasher);
    Ok(format!("{}x{} pixels {:016x}", picture.width(), picture.height(), hasher.finish()))
}
