//! A report on this machine: charts, the data behind them and one page that shows them all.

use std::time::Duration;

use super::distribution::Distribution;
use super::draw::{self, Ecdf, Scaling, Throughput};
use super::error::Error;
use super::experiment::{self, Engine, Measurement, Method, SweepPoint};
use super::mean::Mean;
use super::record::{self, Record};
use super::run_stats::RunStats;
use super::settings::{Setting, settings};
use super::shop::Shop;
use super::theory;
use super::threads::Work;
use page::Figure;

mod page;

pub use page::Machine;

/// A file of the report.
pub struct File {
    /// Name within the directory of the report.
    pub name: String,
    /// The whole text.
    pub contents: String,
}

/// Buffer capacities that are measured.
const BUFFERS: [usize; 6] = [0, 1, 2, 5, 10, 100];
/// Buffer capacities for which the exact throughput is computed.
const CURVE: [usize; 13] = [0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 35, 60, 100];
/// Simulated runs whose mean is close to the expected value.
const EXPECTED_RUNS: u64 = 1_000;
/// Runs per curve of the distribution of makespans.
const ECDF_RUNS: u64 = 25;

/// Runs all experiments, which takes about a minute, and returns the files of the report.
/// `progress` is called with the name of each experiment before it starts.
///
/// # Errors
/// When the engine cannot run a shop or a chart cannot be drawn.
pub fn run(
    seed: u64,
    engine: Engine,
    work: Work,
    machine: &Machine,
    mut progress: impl FnMut(&str),
) -> Result<Vec<File>, Error> {
    let plan = Plan { seed, method: Method { engine, work, repetitions: 1 } };
    let mut data = Vec::new();
    progress("the six settings");
    let six = six_settings(plan)?;
    data.extend(six.iter().map(|(setting, measured)| Record::new(setting.name, measured)));
    let mut figures = vec![shares(&six)?, timeline(plan)?];
    progress("throughput by buffer");
    let (figure, points) = throughput(plan)?;
    figures.push(figure);
    data.extend(record::of_sweep(&points));
    progress("makespan by icers");
    let (figure, points) = icers(plan)?;
    figures.push(figure);
    data.extend(record::of_sweep(&points));
    progress("distribution of makespans");
    figures.push(ecdf(plan)?);
    progress("throughput by buffer and icers");
    let (figure, points) = heat_map(plan)?;
    figures.push(figure);
    Ok(files(&page::html(&six, &figures, machine), figures, &data, &points))
}

fn files(page: &str, figures: Vec<Figure>, data: &[Record], sweep: &[SweepPoint]) -> Vec<File> {
    let file = |name: &str, contents| File { name: name.to_owned(), contents };
    let svg = |figure: Figure| file(&format!("{}.svg", figure.name), figure.svg);
    let mut files: Vec<File> = figures.into_iter().map(svg).collect();
    files.push(file("results.json", record::json(data)));
    files.push(file("sweep.csv", record::csv(sweep)));
    files.push(file("index.html", page.to_owned())); // last: once it exists, the report is complete
    files
}

/// The seed and method that all experiments share.
#[derive(Clone, Copy)]
struct Plan {
    seed: u64,
    method: Method,
}

impl Plan {
    fn repeated(&self, repetitions: u64) -> Method {
        Method { repetitions, ..self.method }
    }

    fn simulated(&self, repetitions: u64) -> Method {
        Method { engine: Engine::Virtual, ..self.repeated(repetitions) }
    }
}

fn six_settings(plan: Plan) -> Result<Vec<(Setting, Measurement)>, Error> {
    let run = |setting: Setting| {
        let measured = experiment::run(&setting.shop, plan.repeated(3), None)?;
        Ok((setting, measured))
    };
    settings(plan.seed).into_iter().map(run).collect()
}

fn shares(six: &[(Setting, Measurement)]) -> Result<Figure, Error> {
    let groups: Vec<_> =
        six.iter().map(|(s, measured)| (s.name, &s.shop, &measured.runs()[0])).collect();
    let svg = draw::shares("How each cook spent the time", &groups)?;
    let caption = "Starved: the cook has no cake to work on, mostly at the start and the end of \
                   the run. Blocked: the cook holds a finished cake and the counter has no room \
                   for it. With one slow icer everybody else is idle; five icers share the work."
        .to_owned();
    Ok(Figure { name: "shares", svg, caption })
}

fn timeline(plan: Plan) -> Result<Figure, Error> {
    let shop = settings(plan.seed)[2].shop.clone();
    let events = experiment::events(&shop, plan.method)?;
    let svg = draw::timeline("variable: standard deviation 25 %, no buffers", &shop, &events)?;
    let caption = "Without a buffer, one cake that takes long blocks the cook of the stage before \
                   and starves the cook of the stage after."
        .to_owned();
    Ok(Figure { name: "timeline", svg, caption })
}

/// Three exponential stages: the random line whose exact throughput is known.
fn throughput(plan: Plan) -> Result<(Figure, Vec<SweepPoint>), Error> {
    let (time, cakes) = (Duration::from_millis(2), 300);
    let mut shop = Shop { cakes, seed: plan.seed, ..Shop::book() };
    for stage in &mut shop.stages {
        (stage.time, stage.distribution) = (time, Distribution::Exponential);
    }
    let points =
        experiment::sweep(&shop, (&BUFFERS, &[1]), plan.repeated(4), |_| Ok::<_, Error>(()))?;
    let many = plan.simulated(EXPECTED_RUNS);
    let expected = experiment::sweep(&shop, (&BUFFERS, &[1]), many, |_| Ok::<_, Error>(()))?;
    let rate = 1.0 / time.as_secs_f64();
    let exact = CURVE.map(|buffer| (buffer, theory::throughput(&[rate; 3], &[buffer; 2])));
    let rates = |runs: fn(&Measurement) -> &[RunStats]| {
        let mean = |m: &Measurement| experiment::mean(runs(m), RunStats::throughput);
        series(&points, |point| point.buffer, mean)
    };
    let svg = draw::throughput_by_buffer(&Throughput {
        title: "Throughput of three cooks with exponential times (mean 2 ms)",
        real: &rates(|measured| &measured.real),
        simulated: &rates(|measured| &measured.simulated),
        expected: &series(&expected, |point| point.buffer, Measurement::throughput),
        exact: &exact,
    })?;
    let caption = format!(
        "Dots: mean of 4 runs of {cakes} cakes on threads, with 95 % confidence intervals. Rings: \
         the same times simulated; the distance between ring and dot is the overhead of this \
         machine. The lower curve is the mean of {EXPECTED_RUNS} simulated runs, the upper one the \
         exact throughput of an endless run. Short runs stay below it because the line is not full \
         at their start and end."
    );
    Ok((Figure { name: "throughput", svg, caption }, points))
}

fn icers(plan: Plan) -> Result<(Figure, Vec<SweepPoint>), Error> {
    let shop = Shop { seed: plan.seed, ..Shop::book().with_icing(Duration::from_millis(50)) };
    let all: Vec<usize> = (1..=8).collect();
    let points = experiment::sweep(&shop, (&[0], &all), plan.repeated(3), |_| Ok::<_, Error>(()))?;
    let seconds = |time: Duration| time.as_secs_f64();
    let bound =
        |&k: &usize| (k, seconds(theory::makespan_lower_bound(&shop.clone().with_icers(k))));
    let one_icer = theory::makespan(&shop).map_or(0.0, seconds);
    let icing = seconds(shop.stages[1].time) * shop.cakes as f64;
    let amdahl = |&k: &usize| (k, theory::amdahl(one_icer, icing, k));
    let svg = draw::makespan_by_icers(&Scaling {
        title: "Makespan of 20 cakes: icing takes 50 ms, every other step 10 ms",
        real: &series(&points, |point| point.icers, Measurement::real_makespan),
        simulated: &series(&points, |point| point.icers, Measurement::simulated_makespan),
        lower_bound: &all.iter().map(bound).collect::<Vec<_>>(),
        amdahl: &all.iter().map(amdahl).collect::<Vec<_>>(),
    })?;
    let caption = "The fifth icer is the last one that helps: from then on the baker is the \
                   bottleneck. Amdahl's law predicts shorter times, because it does not \
                   account for the speed of the other cooks."
        .to_owned();
    Ok((Figure { name: "icers", svg, caption }, points))
}

fn ecdf(plan: Plan) -> Result<Figure, Error> {
    let mut curves = Vec::new();
    for (setting, names) in [
        (2, ["no buffer, virtual", "no buffer, threads"]),
        (3, ["buffer 10, virtual", "buffer 10, threads"]),
    ] {
        let shop = &settings(plan.seed)[setting].shop;
        let measured = experiment::run(shop, plan.repeated(ECDF_RUNS), None)?;
        let both = names.into_iter().zip([&measured.simulated, &measured.real]);
        for (name, runs) in both.filter(|(_, runs)| !runs.is_empty()) {
            let makespans = runs.iter().map(|run| run.makespan.as_secs_f64()).collect();
            curves.push(Ecdf { name, makespans });
        }
    }
    let svg =
        draw::ecdf("Distribution of the makespan of 20 cakes, standard deviation 25 %", &curves)?;
    let caption = format!(
        "{ECDF_RUNS} runs per curve, each with other random times. Buffers of 10 cakes save more \
         time than the overhead of threads costs."
    );
    Ok(Figure { name: "ecdf", svg, caption })
}

fn heat_map(plan: Plan) -> Result<(Figure, Vec<SweepPoint>), Error> {
    let slow = Shop::book().with_icing(Duration::from_millis(50)).with_std_dev(0.25);
    let shop = Shop { cakes: 5_000, seed: plan.seed, ..slow };
    let icers: Vec<usize> = (1..=8).collect();
    let points =
        experiment::sweep(&shop, (&BUFFERS, &icers), plan.simulated(1), |_| Ok::<_, Error>(()))?;
    let svg = draw::heat_map("Throughput with icing of 50 ms, standard deviation 25 %", &points)?;
    let caption =
        "Simulated, 5,000 cakes per cell. Up to five icers, another icer helps more than a \
                   larger buffer; from then on only buffers increase the throughput."
            .to_owned();
    Ok((Figure { name: "heatmap", svg, caption }, points))
}

/// The points of one curve: `x` of each point and the mean `y`, where there is one.
fn series(
    points: &[SweepPoint],
    x: impl Fn(&SweepPoint) -> usize,
    y: impl Fn(&Measurement) -> Option<Mean>,
) -> Vec<(usize, Mean)> {
    points.iter().filter_map(|point| Some((x(point), y(&point.measured)?))).collect()
}
