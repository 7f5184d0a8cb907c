//! Results as data: JSON and CSV.

use std::iter;
use std::time::Duration;

use serde::Serialize;

use super::lab::{Mean, Point, Trial};
use super::{Cook, Distribution, Outcome, Shop, Stage};

/// One shop and what it came to. Times are milliseconds.
#[derive(Serialize)]
pub struct Record {
    name: String,
    cakes: u64,
    seed: u64,
    stages: Vec<StageRecord>,
    days: usize,
    real_ms: Option<Value>,
    virtual_ms: Option<Value>,
    ratio: Option<Value>,
    cakes_per_second: Option<Value>,
    cpu_ms: Option<Value>,
    cooks: Vec<CookRecord>,
    counters: Vec<CounterRecord>,
}

#[derive(Serialize)]
struct StageRecord {
    name: &'static str,
    cooks: usize,
    time_ms: f64,
    stddev_ms: f64,
    distribution: &'static str,
    buffer: usize,
}

/// A mean and half its 95 % confidence interval.
#[derive(Serialize)]
struct Value {
    mean: f64,
    margin: Option<f64>,
}

/// Of the first day, as are the counters.
#[derive(Serialize)]
struct CookRecord {
    stage: &'static str,
    number: usize,
    cakes: u64,
    busy: f64,
    starved: f64,
    blocked: f64,
}

#[derive(Serialize)]
struct CounterRecord {
    after: &'static str,
    mean: f64,
    most: Option<usize>,
}

impl Record {
    /// What `trial` came to, under a name.
    pub fn new(name: &str, trial: &Trial) -> Record {
        let (shop, first) = (&trial.shop, trial.outcomes().first());
        let milli = |it: Option<Mean>| it.map(|it| Value::new(it, 1e3));
        let plain = |it: Option<Mean>| it.map(|it| Value::new(it, 1.0));
        Record {
            name: name.to_owned(),
            cakes: shop.cakes,
            seed: shop.seed,
            stages: shop.stages.iter().map(StageRecord::new).collect(),
            days: trial.outcomes().len(),
            real_ms: milli(trial.real_makespan()),
            virtual_ms: milli(trial.ideal_makespan()),
            ratio: plain(trial.ratio()),
            cakes_per_second: plain(trial.throughput()),
            cpu_ms: milli(trial.cpu()),
            cooks: first.map_or(Vec::new(), |outcome| cooks(shop, outcome)),
            counters: first.map_or(Vec::new(), |outcome| counters(shop, outcome)),
        }
    }
}

impl StageRecord {
    fn new(stage: &Stage) -> StageRecord {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let distribution = match stage.distribution {
            Distribution::Fixed => "fixed",
            Distribution::Normal => "normal",
            Distribution::Exponential => "exponential",
        };
        StageRecord {
            name: stage.name,
            cooks: stage.cooks,
            time_ms: ms(stage.time),
            stddev_ms: ms(stage.spread),
            distribution,
            buffer: stage.buffer,
        }
    }
}

impl Value {
    fn new(it: Mean, scale: f64) -> Value {
        Value { mean: it.mean * scale, margin: it.margin.map(|margin| margin * scale) }
    }
}

fn cooks(shop: &Shop, outcome: &Outcome) -> Vec<CookRecord> {
    let cook = |cook: &Cook| {
        let shares = cook.shares(outcome.makespan);
        CookRecord {
            stage: shop.stages[cook.stage].name,
            number: cook.number,
            cakes: cook.cakes,
            busy: shares.busy,
            starved: shares.starved,
            blocked: shares.blocked,
        }
    };
    outcome.cooks.iter().map(cook).collect()
}

fn counters(shop: &Shop, outcome: &Outcome) -> Vec<CounterRecord> {
    let both = shop.stages.iter().zip(&outcome.counters);
    both.map(|(stage, it)| CounterRecord { after: stage.name, mean: it.mean, most: it.most })
        .collect()
}

/// The records as JSON.
///
/// # Panics
/// Never: names, numbers and lists of them always have a JSON form.
pub fn json(records: &[Record]) -> String {
    serde_json::to_string_pretty(records).expect("numbers and names, no map") + "\n"
}

/// A sweep as comma-separated values, a line a shop; empty where an engine did not run.
pub fn csv(points: &[Point]) -> String {
    let head = "icers,buffer,real_ms,real_margin_ms,virtual_ms,ratio,cakes_per_second,cpu_ms\n";
    iter::once(head.to_owned()).chain(points.iter().map(csv_line)).collect()
}

fn csv_line(Point { buffer, icers, trial }: &Point) -> String {
    let real = trial.real_makespan();
    let values = [
        real.map(|it| it.mean * 1e3),
        real.and_then(|it| it.margin).map(|margin| margin * 1e3),
        trial.ideal_makespan().map(|it| it.mean * 1e3),
        trial.ratio().map(|it| it.mean),
        trial.throughput().map(|it| it.mean),
        trial.cpu().map(|it| it.mean * 1e3),
    ];
    let values = values.map(|value| value.map_or(String::new(), |value| format!("{value:.4}")));
    format!("{icers},{buffer},{}\n", values.join(","))
}

/// The records of a sweep, named by what varies in it.
pub fn of_sweep(points: &[Point]) -> Vec<Record> {
    let name = |point: &Point| format!("icers {} buffer {}", point.icers, point.buffer);
    points.iter().map(|point| Record::new(&name(point), &point.trial)).collect()
}
