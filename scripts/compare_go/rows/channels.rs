//! 8.4: channels, the cake shop, and the cost of starting threads, goroutines and jobs.

use anyhow::ensure;

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::run::{Job, Outcome};
use super::{CPU, PEAK, go_sides, shown};

const ITEM: &str = "ns per item";

pub(crate) const CHANNEL: Row = Row {
    name: "channel",
    title: "Sending an item through a channel (8.4)",
    programs: &["pipeline1", "pipeline2", "pipeline3", "buffered"],
    why: "A waiting goroutine is suspended in user space, in some 100 ns; a waiting thread is put to \
          sleep by the kernel, and waking it takes 5 to 20 µs. So small channels are expensive for \
          threads. A capacity of 1,000 makes waiting rare, and batches make it cheap: an item in a \
          batch of 64 costs less than one that a goroutine sends alone. The price is latency, and \
          memory for the buffer.",
    run: channel,
};

fn channel(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    for shape in ["1", "2", "3"] {
        if bench.wants(&format!("pipeline{shape}")) {
            squares(bench, shape)?;
        }
    }
    for shape in ["handoff", "pipeline", "mpmc", "select"] {
        for capacity in [0, 1, 10, 100, 1000] {
            micro(bench, shape, capacity, &format!("{shape}, capacity {capacity}"), "crossbeam")?;
        }
    }
    for size in [1, 16, 64, 256] {
        micro(bench, "batch", size, &format!("batches of {size}, capacity 10"), "crossbeam")?;
    }
    Ok(())
}

/// The first squares of pipeline1, which has no end, and all that pipeline2 and pipeline3 print.
fn squares(bench: &mut Bench<'_>, shape: &str) -> anyhow::Result<()> {
    let lesson = format!("pipeline{shape}");
    let is_endless = shape == "1";
    let n_squares = if is_endless { bench.pick(20_000, 2_000) } else { 100 };
    let programs = bench.programs;
    let mut sides = vec![(lesson.as_str(), Job::new(programs.ours(&lesson)))];
    for (label, program) in go_sides(bench, Some(&lesson), Some("pipeline")) {
        let args: &[&str] = if label == super::OWN { &["-shape", shape] } else { &[] };
        sides.push((label, Job::new(program).args(args)));
    }
    let sides = sides.into_iter().map(|(label, job)| {
        Runner::new(label, shown(&job), move || {
            let outcome = if is_endless { job.run_until(n_squares)? } else { job.run()? };
            let is_right =
                outcome.text().lines().enumerate().all(|(i, line)| line == (i * i).to_string());
            let n_lines = outcome.text().lines().count();
            ensure!(is_right && n_lines == n_squares, "not the first {n_squares} squares");
            let wall_us = outcome.usage.wall_ms * 1e3 / n_squares as f64;
            let figures = vec![("wall µs per square", wall_us), (CPU, outcome.usage.cpu_ms)];
            Ok(Sample::whole(figures, format!("{n_squares} squares")))
        })
    });
    let sides = sides.collect();
    let input = format!("{lesson}, {n_squares} squares with start-up");
    bench.case(input, bench.pick(5, 3), sides)
}

pub(crate) const SPAWN: Row = Row {
    name: "spawn",
    title: "Starting 10,000 threads or goroutines",
    programs: &["hello10000"],
    why: "A thread is a system call, four memory maps and a stack; a goroutine is 2 KiB from a free \
          list. Starting a thread for a microsecond of work never pays. A pool avoids that cost: on \
          few CPUs a job for a running thread costs less than a goroutine. The price is that jobs \
          which wait for each other can exhaust the pool.",
    run: spawn,
};

fn spawn(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    micro(bench, "alive", 10_000, "10,000 alive at once", "threads")?;
    let go = bench.programs.own("micro");
    let long = bench.pick("300", "100");
    for (ours, label) in [("jobs", "our thread pool"), ("rayon", "rayon")] {
        let job = Job::new(bench.programs.instrument("micro")).args([ours, "10000", long]);
        let mut sides = vec![side(label, job, "sum")];
        if let Some(go) = &go {
            sides.push(side(super::OWN, Job::new(go).args(["jobs", "10000", long]), "sum"));
        }
        bench.case(format!("10,000 short jobs, {label}"), bench.pick(5, 3), sides)?;
    }
    bench.note(
        "\"Alive at once\" starts one thread for each; \"short jobs\" starts one goroutine per job in \
                Go, and one thread per CPU here.",
    );
    Ok(())
}

/// Runs our `micro` and Go's on the same shape.
fn micro(
    bench: &mut Bench<'_>,
    shape: &str,
    size: usize,
    input: &str,
    label: &str,
) -> anyhow::Result<()> {
    let long = bench.pick("100", "30");
    let args = [shape, &size.to_string(), long].map(str::to_owned);
    let kind = if shape == "alive" { "sum" } else { shape };
    let ours = Job::new(bench.programs.instrument("micro")).args(&args);
    let mut sides = vec![side(label, ours, kind)];
    if let Some(go) = bench.programs.own("micro") {
        sides.push(side(super::OWN, Job::new(go).args(&args), kind));
    }
    bench.case(input, bench.pick(5, 3), sides)
}

fn side<'a>(label: &str, job: Job, kind: &str) -> Runner<'a> {
    let is_square = kind == "pipeline";
    let is_sum = kind == "sum";
    Runner::new(label, shown(&job), move || {
        let outcome = job.run()?;
        if !is_sum {
            check_sum(&outcome, is_square)?;
        }
        // Each side moves as many items as it can in the time; the sum shows that all arrived.
        let figures = vec![(ITEM, outcome.figure()?), (PEAK, outcome.usage.peak_mib)];
        Ok(Sample::whole(figures, "all items"))
    })
}

/// Checks that 0 to n - 1, or their squares, arrived.
fn check_sum(outcome: &Outcome, is_square: bool) -> anyhow::Result<()> {
    let text = outcome.text();
    let words: Vec<&str> = text.split_whitespace().collect();
    ensure!(words.len() == 5, "{text:?} is not N items sum SUM NS");
    let (n_items, sum): (u128, u128) = (words[0].parse()?, words[3].parse()?);
    let power = |i: u128| if is_square { i * i } else { i };
    let expected = (0..n_items).map(power).sum::<u128>() % (1 << 64);
    ensure!(sum == expected, "{n_items} items add up to {expected}, not to {sum}");
    Ok(())
}

pub(crate) const CAKE: Row = Row {
    name: "cake",
    title: "20 cakes in the six settings (8.4.4)",
    programs: &[],
    why: "Cooks wait for ovens, not for CPUs: they sleep and hand over, and beside a step of 10 ms a \
          wake-up of 20 µs does not show. Threads and goroutines are equal here, as in most programs \
          that wait for external events. (The book's test file panics on current Go, because it calls \
          testing.Verbose before flags are parsed; a main of ours calls its package.)",
    run: cake,
};

fn cake(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let original = bench.programs.original("cake");
    if original.is_none() {
        bench.gap("the Go original could not be built");
    }
    let settings = threadbare::engines::cake::settings(1);
    for setting in settings.iter().map(|setting| setting.name) {
        let ours = Job::new(bench.programs.instrument("micro")).args(["cake", setting, "0"]);
        let mut sides = vec![shop("cake", ours)];
        let go = [(super::ORIGINAL, original.clone()), (super::OWN, bench.programs.own("cake"))];
        for (label, program) in go {
            if let Some(program) = program {
                sides.push(shop(label, Job::new(program).args(["-setting", setting])));
            }
        }
        bench.case(setting, bench.pick(5, 3), sides)?;
    }
    bench.note(
        "In the two settings with random times, every side draws its own: over 20 cakes the \
                makespans differ by several percent from run to run.",
    );
    Ok(())
}

fn shop<'a>(label: &str, job: Job) -> Runner<'a> {
    Runner::new(label, shown(&job), move || {
        let outcome = job.run()?;
        let n_cakes = super::number_before(&outcome.text(), "cakes")?;
        let figures = vec![("ms for 20 cakes", outcome.figure()?), (CPU, outcome.usage.cpu_ms)];
        Ok(Sample::whole(figures, format!("{n_cakes} cakes")))
    })
}
