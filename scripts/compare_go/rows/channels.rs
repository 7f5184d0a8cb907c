//! 8.4: channels, the cake shop, and what it costs to start something.

use anyhow::ensure;

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::run::{Job, Outcome};
use super::{CPU, PEAK, shown};

const ITEM: &str = "ns an item";

pub(crate) const CHANNEL: Row = Row {
    name: "channel",
    title: "An item through a channel (8.4)",
    programs: &["pipeline1", "pipeline2", "pipeline3", "buffered"],
    why: "A goroutine that waits is put aside in user space, in some 100 ns; a thread that waits is \
          put to sleep by the kernel, and waking it takes 5 to 20 µs. So a small channel costs threads \
          dearly. Room for 1,000 items makes the waits rare, and batches make them cheap: 64 items a \
          send cost less than any goroutine's one. What that costs is latency, and memory for the room.",
    run: channel,
};

fn channel(bench: &mut Bench<'_>) -> anyhow::Result<()> {
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

pub(crate) const SPAWN: Row = Row {
    name: "spawn",
    title: "Starting 10,000 of them",
    programs: &["hello10000"],
    why: "A thread is a call into the kernel, four memory maps and a stack; a goroutine is 2 KiB from \
          a free list. A thread for a microsecond of work is a loss, always. A pool takes the price \
          away: a job for a thread that is already there costs less than a goroutine. What the pool \
          costs is that jobs which wait for each other can fill it.",
    run: spawn,
};

fn spawn(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    micro(bench, "alive", 10_000, "10,000 alive at once", "threads")?;
    let go = bench.programs.own("micro");
    let long = bench.pick("300", "100");
    for (ours, label) in [("jobs", "pool of ours"), ("rayon", "rayon")] {
        let job = Job::new(bench.programs.instrument("micro")).args([ours, "10000", long]);
        let mut sides = vec![side(label, job, "sum")];
        if let Some(go) = &go {
            sides.push(side(super::OWN, Job::new(go).args(["jobs", "10000", long]), "sum"));
        }
        bench.case(format!("10,000 short jobs, {label}"), bench.pick(5, 3), sides)?;
    }
    bench.note(
        "\"Alive at once\" has a thread for each; \"short jobs\" has a goroutine for each job in \
                Go, and a thread for each CPU here.",
    );
    Ok(())
}

/// Our `micro` and Go's, on the same shape.
fn micro(
    bench: &mut Bench<'_>,
    shape: &str,
    size: usize,
    what: &str,
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
    bench.case(what, bench.pick(5, 3), sides)
}

fn side<'a>(label: &str, job: Job, kind: &str) -> Runner<'a> {
    let is_square = kind == "pipeline";
    let is_sum = kind == "sum";
    Runner::new(label, shown(&job), move || {
        let outcome = job.run()?;
        if !is_sum {
            check_sum(&outcome, is_square)?;
        }
        // Each side moves as many items as it can in the time; that all arrived is checked above.
        let figures = vec![(ITEM, outcome.figure()?), (PEAK, outcome.usage.peak_mib)];
        Ok(Sample { figures, answer: "all items".to_owned() })
    })
}

/// What arrived must be what was sent: 0 to n - 1, or their squares.
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
    why: "Cooks wait for ovens, not for CPUs: sleeping exactly and handing over is all there is, and \
          at 10 ms a step a wake-up of 20 µs is lost in it. Threads and goroutines are equal here, as in \
          most programs that wait for something outside. (The book's own test file panics on current Go, \
          because it calls testing.Verbose before flags are parsed; its package is driven directly.)",
    run: cake,
};

fn cake(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    let original = bench.programs.original("cake");
    if original.is_none() {
        bench.gap("the Go original is not there");
    }
    let settings = threadbare::engines::cake::settings(1);
    for setting in settings.iter().map(|it| it.name) {
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
        "In the two settings with a spread every side draws its own random times: over 20 cakes \
                their makespans differ by several percent from run to run.",
    );
    Ok(())
}

fn shop<'a>(label: &str, job: Job) -> Runner<'a> {
    Runner::new(label, shown(&job), move || {
        let outcome = job.run()?;
        let n_cakes = super::number_before(&outcome.text(), "cakes")?;
        let figures = vec![("ms for 20 cakes", outcome.figure()?), (CPU, outcome.usage.cpu_ms)];
        Ok(Sample { figures, answer: format!("{n_cakes} cakes") })
    })
}
