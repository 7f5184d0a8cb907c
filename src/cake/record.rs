//! Results as data, for JSON.

use std::time::Duration;

use serde::Serialize;

use super::lab::{Mean, Trial};
use super::{Distribution, Outcome, Shop};

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
    fn new(stage: &super::Stage) -> StageRecord {
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
    let cook = |cook: &super::Cook| {
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
