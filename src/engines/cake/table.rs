//! Measurements as text: the table of the six settings, and one shop in detail.

use std::fmt::Write;
use std::time::Duration;

use super::distribution::Distribution;
use super::experiment::{Measurement, SweepPoint};
use super::mean::Mean;
use super::run_stats::{CookStats, RunStats, TimeShares};
use super::settings::Setting;
use super::shop::Shop;
use super::stage::Stage;

/// Printed where an engine has no value.
const NO_VALUE: &str = "–";
/// Characters of a bar that stands for the whole run.
const BAR: f64 = 24.0;
/// Cooks listed per stage; further ones are left out.
const COOKS_LISTED: usize = 12;

/// The header of the table of settings.
pub fn header(shop: &Shop, repetitions: u64) -> String {
    let (cakes, seed) = (shop.cakes, shop.seed);
    let means =
        if repetitions > 1 { format!(", means of {repetitions} runs") } else { String::new() };
    format!(
        "{cakes} cakes, seed {seed}{means}; every stage: 1 cook, 10 ms per cake, no buffer, \
         except where noted\n\n\
         {:>82}\n{:<21} {:<20} {:>9} {:>9} {:>6} {:>8}  {:>5} {:>5} {:>8}\n",
        "busy:",
        "setting",
        "what differs",
        "virtual",
        "real",
        "ratio",
        "cakes/s",
        "bake",
        "ice",
        "inscribe",
    )
}

/// A row of the table of settings.
pub fn row(setting: &Setting, measured: &Measurement) -> String {
    let busy = |stage| measured.runs().first().map_or(0.0, |run| run.busy(stage) * 100.0);
    let mut line = format!(
        "{:<21} {:<20} {:>9} {:>9} {:>6} {:>8} ",
        setting.name,
        setting.difference,
        value(measured.simulated_makespan(), time),
        value(measured.real_makespan(), time),
        value(measured.ratio(), |ratio| format!("{ratio:.3}")),
        value(measured.throughput(), |rate| format!("{rate:.1}")),
    );
    for (stage, width) in [(0, 4), (1, 3), (2, 6)] {
        _ = write!(line, " {:>width$.0} %", busy(stage)); // writing to a String cannot fail
    }
    line + "\n"
}

/// The footer of the table of settings: what its columns mean, and how busy the machine was.
pub fn footer(n_cpus: usize, load: Option<f64>) -> String {
    let load = load.map_or(String::new(), |load| format!(", load average {load:.2}"));
    format!(
        "\nvirtual: simulated with the same times, free hand-overs and exact sleeps. real: \
         measured with\none thread per cook. The difference is overhead of this machine, mostly waking \
         threads\n({n_cpus} CPUs{load}).\n"
    )
}

/// The header of the table of a sweep.
pub fn sweep_header(shop: &Shop) -> String {
    format!(
        "{}\n\n{:>5} {:>7} {:>10} {:>10} {:>6} {:>9}\n",
        describe(shop),
        "icers",
        "buffer",
        "virtual",
        "real",
        "ratio",
        "cakes/s",
    )
}

/// A row of the table of a sweep.
pub fn sweep_row(point: &SweepPoint) -> String {
    let SweepPoint { icers, buffer, measured } = point;
    format!(
        "{icers:>5} {buffer:>7} {:>10} {:>10} {:>6} {:>9}\n",
        value(measured.simulated_makespan(), time),
        value(measured.real_makespan(), time),
        value(measured.ratio(), |ratio| format!("{ratio:.3}")),
        value(measured.throughput(), |rate| format!("{rate:.1}")),
    )
}

/// One shop in detail: its makespan in each engine, its cooks and its counters.
pub fn details(measured: &Measurement) -> String {
    let rate: fn(f64) -> String = |rate| format!("{rate:.1} cakes/s");
    let values = [
        ("virtual", measured.simulated_makespan(), time as fn(f64) -> String),
        ("real", measured.real_makespan(), time),
        ("ratio", measured.ratio(), |ratio| format!("{ratio:.3}")),
        ("rate", measured.throughput(), rate),
        ("CPU", measured.cpu(), time),
    ];
    let line = |(name, mean, format): (&str, Option<Mean>, fn(f64) -> String)| {
        Some(format!("{name:<9} {}\n", with_margin(mean?, format)))
    };
    let values: String = values.into_iter().filter_map(line).collect();
    let first = measured.runs().first();
    let cooks = first.map_or(String::new(), |run| cooks_and_counters(&measured.shop, run));
    format!("{}\n\n{values}\n{cooks}", describe(&measured.shop))
}

fn cooks_and_counters(shop: &Shop, run: &RunStats) -> String {
    let header = format!(
        "{:<14} {:>7} {:>7} {:>8} {:>8}   █ busy  ░ starved  ▓ blocked\n",
        "cook", "cakes", "busy", "starved", "blocked"
    );
    let listed = run.cooks.iter().filter(|cook| cook.number < COOKS_LISTED);
    let cooks: String = listed.map(|cook| cook_row(shop, cook, run.makespan)).collect();
    let counters = shop.stages.iter().zip(&run.counters).map(|(stage, counter)| {
        let max = counter.max.map_or(String::new(), |max| format!(", at most {max}"));
        let (name, capacity, mean) = (stage.name, stage.buffer, counter.mean);
        format!("counter after {name}: capacity {capacity}, {mean:.2} cakes on average{max}\n")
    });
    format!("{header}{cooks}\n{}", counters.collect::<String>())
}

fn cook_row(shop: &Shop, cook: &CookStats, makespan: Duration) -> String {
    let shares = cook.shares(makespan);
    format!(
        "{:<14} {:>7} {:>5.1} % {:>6.1} % {:>6.1} %   {}\n",
        format!("{} {}", shop.stages[cook.stage].name, cook.number),
        cook.cakes,
        shares.busy * 100.0,
        shares.starved * 100.0,
        shares.blocked * 100.0,
        bar(shares),
    )
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // shares are 0 to 1
fn bar(shares: TimeShares) -> String {
    let busy = (shares.busy * BAR).round() as usize;
    let blocked = (shares.blocked * BAR).round() as usize;
    let starved = (BAR as usize).saturating_sub(busy + blocked);
    "█".repeat(busy) + &"░".repeat(starved) + &"▓".repeat(blocked)
}

/// The shop in one line:
/// `20 cakes: baking 10ms, icing 5 × 50ms, inscribing 10ms; buffers 0, 0; seed 1`.
pub fn describe(shop: &Shop) -> String {
    let stages: Vec<String> = shop.stages.iter().map(describe_stage).collect();
    let n_counters = shop.stages.len().saturating_sub(1);
    let buffers: Vec<String> =
        shop.stages[..n_counters].iter().map(|stage| stage.buffer.to_string()).collect();
    let cakes = shop.cakes;
    format!(
        "{cakes} cakes: {}; buffers {}; seed {}",
        stages.join(", "),
        buffers.join(", "),
        shop.seed
    )
}

fn describe_stage(stage: &Stage) -> String {
    let cooks = if stage.cooks > 1 { format!("{} × ", stage.cooks) } else { String::new() };
    let spread = match stage.distribution {
        Distribution::Fixed => String::new(),
        Distribution::Normal => format!(" ± {:?}", stage.std_dev),
        Distribution::Exponential => " exponential".to_owned(),
    };
    format!("{} {cooks}{:?}{spread}", stage.name, stage.time)
}

/// Formats seconds in a suitable unit: s, ms or µs.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 10.0 => format!("{s:.2} s"),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.1} µs", s * 1e6),
    }
}

fn value(mean: Option<Mean>, format: impl Fn(f64) -> String) -> String {
    mean.map_or(NO_VALUE.to_owned(), |mean| format(mean.mean))
}

fn with_margin(Mean { mean, margin }: Mean, format: impl Fn(f64) -> String) -> String {
    let margin = margin.map_or(String::new(), |margin| format!(" ± {} (95 %)", format(margin)));
    format(mean) + &margin
}
