//! Measurements as JSON and CSV.

use std::iter;
use std::time::Duration;

use serde::Serialize;

use super::experiment::{Measurement, SweepPoint};
use super::mean::Mean;
use super::run_stats::{CookStats, CounterStats, RunStats};
use super::shop::Shop;
use super::stage::Stage;

/// One shop and its measurements, for JSON output. Times are in milliseconds.
#[derive(Serialize)]
pub struct Record {
    name: String,
    cakes: u64,
    seed: u64,
    stages: Vec<StageRecord>,
    repetitions: usize,
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
    distribution: String,
    buffer: usize,
}

/// A mean and half its 95 % confidence interval.
#[derive(Serialize)]
struct Value {
    mean: f64,
    margin: Option<f64>,
}

/// How one cook spent the first repetition, in fractions of its time; the counters are of the same
/// repetition.
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
    /// The record of a measurement under the given name.
    pub fn new(name: &str, measured: &Measurement) -> Record {
        let (shop, first) = (&measured.shop, measured.runs().first());
        let milli = |mean: Option<Mean>| mean.map(|mean| Value::new(mean.scaled(1e3)));
        let plain = |mean: Option<Mean>| mean.map(Value::new);
        Record {
            name: name.to_owned(),
            cakes: shop.cakes,
            seed: shop.seed,
            stages: shop.stages.iter().map(StageRecord::new).collect(),
            repetitions: measured.runs().len(),
            real_ms: milli(measured.real_makespan()),
            virtual_ms: milli(measured.simulated_makespan()),
            ratio: plain(measured.ratio()),
            cakes_per_second: plain(measured.throughput()),
            cpu_ms: milli(measured.cpu()),
            cooks: first.map_or(Vec::new(), |run| cooks(shop, run)),
            counters: first.map_or(Vec::new(), |run| counters(shop, run)),
        }
    }
}

impl StageRecord {
    fn new(stage: &Stage) -> StageRecord {
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        StageRecord {
            name: stage.name,
            cooks: stage.cooks,
            time_ms: ms(stage.time),
            stddev_ms: ms(stage.std_dev),
            distribution: stage.distribution.to_string(),
            buffer: stage.buffer,
        }
    }
}

impl Value {
    fn new(Mean { mean, margin }: Mean) -> Value {
        Value { mean, margin }
    }
}

fn cooks(shop: &Shop, run: &RunStats) -> Vec<CookRecord> {
    let cook = |cook: &CookStats| {
        let shares = cook.shares(run.makespan);
        CookRecord {
            stage: shop.stages[cook.stage].name,
            number: cook.number,
            cakes: cook.cakes,
            busy: shares.busy,
            starved: shares.starved,
            blocked: shares.blocked,
        }
    };
    run.cooks.iter().map(cook).collect()
}

fn counters(shop: &Shop, run: &RunStats) -> Vec<CounterRecord> {
    let record = |(stage, counter): (&Stage, &CounterStats)| CounterRecord {
        after: stage.name,
        mean: counter.mean,
        most: counter.max,
    };
    shop.stages.iter().zip(&run.counters).map(record).collect()
}

/// Encodes the records as a JSON array.
///
/// # Panics
/// Never: names, numbers and lists of them can always be encoded.
pub fn json(records: &[Record]) -> String {
    serde_json::to_string_pretty(records).expect("numbers and names, no map") + "\n"
}

/// Encodes a sweep as CSV with one line per shop; the columns of an engine that did not run are
/// empty.
pub fn csv(points: &[SweepPoint]) -> String {
    let head = "icers,buffer,real_ms,real_margin_ms,virtual_ms,ratio,cakes_per_second,cpu_ms\n";
    iter::once(head.to_owned()).chain(points.iter().map(csv_line)).collect()
}

fn csv_line(SweepPoint { buffer, icers, measured }: &SweepPoint) -> String {
    let real = measured.real_makespan();
    let values = [
        real.map(|time| time.mean * 1e3),
        real.and_then(|time| time.margin).map(|margin| margin * 1e3),
        measured.simulated_makespan().map(|time| time.mean * 1e3),
        measured.ratio().map(|ratio| ratio.mean),
        measured.throughput().map(|rate| rate.mean),
        measured.cpu().map(|time| time.mean * 1e3),
    ];
    let values = values.map(|value| value.map_or(String::new(), |value| format!("{value:.4}")));
    format!("{icers},{buffer},{}\n", values.join(","))
}

/// The records of a sweep, named after their number of icers and buffer capacity.
pub fn of_sweep(points: &[SweepPoint]) -> Vec<Record> {
    let name = |point: &SweepPoint| format!("icers {} buffer {}", point.icers, point.buffer);
    points.iter().map(|point| Record::new(&name(point), &point.measured)).collect()
}
