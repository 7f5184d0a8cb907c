//! A report on this machine: every figure, the data behind them and one page that shows them all.

use std::time::Duration;

use super::draw::{self, Ecdf, Scaling, Throughput};
use super::lab::{self, Engine, Mean, Method, Point, Trial};
use super::record::{self, Record};
use super::threads::Work;
use super::{Distribution, Error, Outcome, Setting, Shop, page, settings, theory};

/// A file of the report.
pub struct File {
    /// Its name within the directory.
    pub name: String,
    /// All that is in it.
    pub contents: String,
}

/// What about the machine belongs under the figures.
pub struct Machine {
    /// CPUs it lets us use.
    pub n_cpus: usize,
    /// How busy it was with other things.
    pub load: Option<f64>,
}

/// One figure and the words under it.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) svg: String,
    pub(super) words: String,
}

const BUFFERS: [usize; 6] = [0, 1, 2, 5, 10, 100];
/// Where the exact curve is computed.
const CURVE: [usize; 13] = [0, 1, 2, 3, 4, 5, 7, 10, 15, 20, 35, 60, 100];
/// Days that make a mean nearly free of chance.
const USUAL_DAYS: u64 = 1_000;
/// Days of which the distribution of makespans is made.
const DAYS: u64 = 25;

/// Runs all experiments, which takes about a minute, and tells `progress` what begins.
///
/// # Errors
/// When the engine cannot run a shop or a figure cannot be drawn.
pub fn run(
    seed: u64,
    engine: Engine,
    work: Work,
    machine: &Machine,
    mut progress: impl FnMut(&str),
) -> Result<Vec<File>, Error> {
    let bench = Bench { seed, method: Method { engine, work, days: 1 } };
    let mut data = Vec::new();
    progress("the six settings");
    let six = six_settings(bench)?;
    data.extend(six.iter().map(|(setting, trial)| Record::new(setting.name, trial)));
    let mut figures = vec![shares(&six)?, timeline(bench)?];
    progress("throughput by buffer");
    let (figure, points) = throughput(bench)?;
    figures.push(figure);
    data.extend(record::of_sweep(&points));
    progress("makespan by icers");
    let (figure, points) = icers(bench)?;
    figures.push(figure);
    data.extend(record::of_sweep(&points));
    progress("makespans of many days");
    figures.push(ecdf(bench)?);
    progress("buffers and icers");
    let (figure, points) = heat_map(bench)?;
    figures.push(figure);
    Ok(files(&page::html(&six, &figures, machine), figures, &data, &points))
}

fn files(page: &str, figures: Vec<Figure>, data: &[Record], sweep: &[Point]) -> Vec<File> {
    let file = |name: &str, contents| File { name: name.to_owned(), contents };
    let svg = |figure: Figure| file(&format!("{}.svg", figure.name), figure.svg);
    let mut files: Vec<File> = figures.into_iter().map(svg).collect();
    files.push(file("results.json", record::json(data)));
    files.push(file("sweep.csv", record::csv(sweep)));
    files.push(file("index.html", page.to_owned())); // last: with the page, all is there
    files
}

/// What all experiments have in common.
#[derive(Clone, Copy)]
struct Bench {
    seed: u64,
    method: Method,
}

impl Bench {
    fn days(&self, days: u64) -> Method {
        Method { days, ..self.method }
    }

    fn virtual_days(&self, days: u64) -> Method {
        Method { engine: Engine::Virtual, ..self.days(days) }
    }
}

fn six_settings(bench: Bench) -> Result<Vec<(Setting, Trial)>, Error> {
    let run = |setting: Setting| {
        let trial = lab::run(&setting.shop, bench.days(3), None)?;
        Ok((setting, trial))
    };
    settings(bench.seed).into_iter().map(run).collect()
}

fn shares(six: &[(Setting, Trial)]) -> Result<Figure, Error> {
    let groups: Vec<_> =
        six.iter().map(|(s, trial)| (s.name, &s.shop, &trial.outcomes()[0])).collect();
    let svg = draw::shares("How each cook spent the day", &groups)?;
    let words = "Starved: no cake to work on, at the start and the end of the day \
                 above all. Blocked: a finished cake in hand and no room on the counter. One slow \
                 icer leaves everybody else idle; five share the work."
        .to_owned();
    Ok(Figure { name: "shares", svg, words })
}

fn timeline(bench: Bench) -> Result<Figure, Error> {
    let shop = settings(bench.seed)[2].shop.clone();
    let events = lab::events(&shop, bench.method)?;
    let svg = draw::timeline("variable: a spread of a quarter and no buffers", &shop, &events)?;
    let words = "Without a place to put a cake down, one slow cake stops the \
                 cook before it and starves the cook behind it."
        .to_owned();
    Ok(Figure { name: "timeline", svg, words })
}

/// Three exponential stages: the one line with spread for which theory knows the answer.
fn throughput(bench: Bench) -> Result<(Figure, Vec<Point>), Error> {
    let (time, cakes) = (Duration::from_millis(2), 300);
    let mut shop = Shop { cakes, seed: bench.seed, ..Shop::book() };
    for stage in &mut shop.stages {
        (stage.time, stage.distribution) = (time, Distribution::Exponential);
    }
    let points = lab::sweep(&shop, (&BUFFERS, &[1]), bench.days(4), |_| Ok::<_, Error>(()))?;
    let many = bench.virtual_days(USUAL_DAYS);
    let usual = lab::sweep(&shop, (&BUFFERS, &[1]), many, |_| Ok::<_, Error>(()))?;
    let rate = 1.0 / time.as_secs_f64();
    let exact = CURVE.map(|buffer| (buffer, theory::throughput(&[rate; 3], &[buffer; 2])));
    let rates = |outcomes: fn(&Trial) -> &[Outcome]| {
        by(&points, |it| it.buffer, |trial| lab::mean(outcomes(trial), Outcome::throughput))
    };
    let svg = draw::throughput_by_buffer(&Throughput {
        title: "Throughput of three cooks with exponential times, mean 2 ms",
        real: &rates(|trial| &trial.real),
        ideal: &rates(|trial| &trial.ideal),
        usual: &by(&usual, |it| it.buffer, Trial::throughput),
        exact: &exact,
    })?;
    let words = format!(
        "Dots: {cakes} cakes by threads on each of 4 days, with their 95 % margin. Rings: the same \
         cakes on the virtual clock; between ring and dot lies what this machine adds. The lower \
         curve is the mean of {USUAL_DAYS} such days, the upper one the exact answer for a day \
         without end, which a short day misses by filling and emptying the line."
    );
    Ok((Figure { name: "throughput", svg, words }, points))
}

fn icers(bench: Bench) -> Result<(Figure, Vec<Point>), Error> {
    let shop = Shop { seed: bench.seed, ..Shop::book().with_icing(Duration::from_millis(50)) };
    let all: Vec<usize> = (1..=8).collect();
    let points = lab::sweep(&shop, (&[0], &all), bench.days(3), |_| Ok::<_, Error>(()))?;
    let seconds = |time: Duration| time.as_secs_f64();
    let bound = |&k: &usize| (k, seconds(theory::bound(&shop.clone().with_icers(k))));
    let one = theory::makespan(&shop).map_or(0.0, seconds);
    let icing = seconds(shop.stages[1].time) * shop.cakes as f64;
    let amdahl = |&k: &usize| (k, theory::amdahl(one, icing, k));
    let svg = draw::makespan_by_icers(&Scaling {
        title: "Makespan of 20 cakes when icing takes 50 ms and all else 10 ms",
        real: &by(&points, |it| it.icers, Trial::real_makespan),
        ideal: &by(&points, |it| it.icers, Trial::ideal_makespan),
        bound: &all.iter().map(bound).collect::<Vec<_>>(),
        amdahl: &all.iter().map(amdahl).collect::<Vec<_>>(),
    })?;
    let words =
        "The fifth icer is the last that helps: then the baker sets the pace. Amdahl's law \
                 does not know that the other cooks work at the same time, nor that they have a \
                 pace of their own, and promises too much."
            .to_owned();
    Ok((Figure { name: "icers", svg, words }, points))
}

fn ecdf(bench: Bench) -> Result<Figure, Error> {
    let mut curves = Vec::new();
    for (setting, names) in [
        (2, ["0 places, virtual", "0 places, threads"]),
        (3, ["10 places, virtual", "10 places, threads"]),
    ] {
        let shop = &settings(bench.seed)[setting].shop;
        let trial = lab::run(shop, bench.days(DAYS), None)?;
        let both = names.into_iter().zip([&trial.ideal, &trial.real]);
        for (name, outcomes) in both.filter(|(_, outcomes)| !outcomes.is_empty()) {
            let makespans = outcomes.iter().map(|it| it.makespan.as_secs_f64()).collect();
            curves.push(Ecdf { name, makespans });
        }
    }
    let svg = draw::ecdf("Makespan of 20 cakes with a spread of a quarter", &curves)?;
    let words = format!(
        "{DAYS} days each, every day with cakes of its own. Ten places on a counter take more off \
         a day than threads add to it."
    );
    Ok(Figure { name: "ecdf", svg, words })
}

fn heat_map(bench: Bench) -> Result<(Figure, Vec<Point>), Error> {
    let slow = Shop::book().with_icing(Duration::from_millis(50)).with_spread(0.25);
    let shop = Shop { cakes: 5_000, seed: bench.seed, ..slow };
    let icers: Vec<usize> = (1..=8).collect();
    let points =
        lab::sweep(&shop, (&BUFFERS, &icers), bench.virtual_days(1), |_| Ok::<_, Error>(()))?;
    let svg = draw::heat_map("Throughput with a spread of a quarter, icing 50 ms", &points)?;
    let words = "On the virtual clock, 5,000 cakes a cell. Icers bring more than places up to the \
                 fifth; from there on, places let them bring it."
        .to_owned();
    Ok((Figure { name: "heatmap", svg, words }, points))
}

fn by(
    points: &[Point],
    x: impl Fn(&Point) -> usize,
    y: impl Fn(&Trial) -> Option<Mean>,
) -> Vec<(usize, Mean)> {
    points.iter().filter_map(|point| Some((x(point), y(&point.trial)?))).collect()
}
