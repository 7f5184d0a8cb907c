//! Points of `cake crossover`: the same threads and channels with more and more work per item.

use std::time::Duration;

use anyhow::ensure;
use threadbare::engines::cake::crossover::{Point, Run, Service, Shape};
use threadbare::engines::cake::threads::Work;
use threadbare::machine::cpu;

use super::super::case::{Bench, Row, Runner, Sample};
use super::super::run::{Job, Outcome};
use super::{OWN, shown};

pub(crate) const CROSSOVER: Row = Row {
    name: "crossover",
    title: "From how much work per item threads keep up (8.4.4)",
    programs: &["cake"],
    why: "What a hand-over costs does not depend on the work, so its share shrinks as the work grows. \
          Where that share passes below the noise, threads and goroutines are equal; more capacity \
          moves the point down. `cake crossover` measures the whole grid.",
    run: crossover,
};

fn crossover(bench: &mut Bench<'_>) -> anyhow::Result<()> {
    for point in points(bench.quick) {
        let Point { shape, service, capacity, cooks } = point;
        let (name, work, time) = (shape.name(), service.name(), service.time);
        let input = format!("{name}, {work} {time:?}, capacity {capacity}, {cooks} cooks");
        let ms = bench.pick("60", "20");
        let ours = Job::new(bench.programs.instrument("micro"));
        let mut sides =
            vec![side("threads", ours.args(["crossover", &point.to_string(), ms]), point)];
        if let Some(go) = bench.programs.own("crossover") {
            let job = Job::new(go).args(point.to_string().split(' ')).arg(ms);
            sides.push(side(OWN, job, point));
        }
        bench.case(input, bench.pick(5, 3), sides)?;
    }
    Ok(())
}

/// At most forty points: the shop over work, capacity and cooks; pipeline and pool over work alone.
fn points(is_quick: bool) -> Vec<Point> {
    let mut points = Vec::new();
    let cooks: &[usize] = if is_quick { &[2] } else { &[2, 2 * cpu::n_cpus()] };
    for us in [0, 1, 10, 100] {
        let service = Service { work: Work::Spin, time: Duration::from_micros(us) };
        for (&cooks, capacity) in cooks.iter().flat_map(|n| [0, 10, 1_000].map(|size| (n, size))) {
            points.push(Point { shape: Shape::Shop, service, capacity, cooks });
        }
        for shape in [Shape::Pipeline, Shape::Pool] {
            points.push(Point { shape, service, capacity: 10, cooks: 2 });
        }
    }
    points
}

fn side<'a>(label: &str, job: Job, point: Point) -> Runner<'a> {
    Runner::new(label, shown(&job), move || {
        let outcome = job.run()?;
        let run = run(&outcome)?;
        ensure!(run.is_whole(&point), "{point}: {run:?}");
        let figures = vec![("ns per item", run.ns_per_item), (super::CPU, outcome.usage.cpu_ms)];
        Ok(Sample::whole(figures, "all items"))
    })
}

/// Reads `N items sum SUM NS`.
fn run(outcome: &Outcome) -> anyhow::Result<Run> {
    let text = outcome.text();
    let words: Vec<&str> = text.split_whitespace().collect();
    ensure!(words.len() == 5, "{text:?} is not N items sum SUM NS");
    Ok(Run { n_items: words[0].parse()?, sum: words[3].parse()?, ns_per_item: words[4].parse()? })
}
