//! Results as text: the six settings side by side, and one shop in detail.

use std::fmt::Write;
use std::time::Duration;

use super::lab::{Mean, Point, Trial};
use super::{Cook, Distribution, Outcome, Setting, Shares, Shop, Stage};

/// Stands where an engine has nothing to say.
const NOTHING: &str = "–";
/// Characters of a bar that stands for a whole day.
const BAR: f64 = 24.0;
/// Cooks listed one by one; a stage with more shows its first ones.
const COOKS_LISTED: usize = 12;

/// The head of the table of settings.
pub fn head(shop: &Shop, days: u64) -> String {
    let (cakes, seed) = (shop.cakes, shop.seed);
    let often = if days > 1 { format!(", means of {days} days") } else { String::new() };
    format!(
        "{cakes} cakes, seed {seed}{often}; a cook, 10 ms and no buffer a step, but for what \
         differs\n\n\
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

/// A line of the table of settings.
pub fn row(setting: &Setting, trial: &Trial) -> String {
    let busy = |stage| trial.outcomes().first().map_or(0.0, |it| it.busy(stage) * 100.0);
    let mut line = format!(
        "{:<21} {:<20} {:>9} {:>9} {:>6} {:>8} ",
        setting.name,
        setting.about,
        or_nothing(trial.ideal_makespan(), time),
        or_nothing(trial.real_makespan(), time),
        or_nothing(trial.ratio(), |ratio| format!("{ratio:.3}")),
        or_nothing(trial.throughput(), |rate| format!("{rate:.1}")),
    );
    for (stage, width) in [(0, 4), (1, 3), (2, 6)] {
        _ = write!(line, " {:>width$.0} %", busy(stage)); // a String takes everything
    }
    line + "\n"
}

/// What the table means, and how quiet the machine was.
pub fn foot(n_cpus: usize, load: Option<f64>) -> String {
    let load = load.map_or(String::new(), |load| format!(", load average {load:.2}"));
    format!(
        "\nvirtual: the same cakes with free hand-overs and exact sleeps. What real takes beyond \
         it\nis what this machine added: waking threads, mostly ({n_cpus} CPUs{load}).\n"
    )
}

/// The head of the table of a sweep.
pub fn sweep_head(shop: &Shop) -> String {
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

/// A line of the table of a sweep.
pub fn sweep_row(point: &Point) -> String {
    let Point { icers, buffer, trial } = point;
    format!(
        "{icers:>5} {buffer:>7} {:>10} {:>10} {:>6} {:>9}\n",
        or_nothing(trial.ideal_makespan(), time),
        or_nothing(trial.real_makespan(), time),
        or_nothing(trial.ratio(), |ratio| format!("{ratio:.3}")),
        or_nothing(trial.throughput(), |rate| format!("{rate:.1}")),
    )
}

/// One shop: its makespan by each engine, its cooks and counters.
pub fn details(trial: &Trial) -> String {
    let rate: fn(f64) -> String = |rate| format!("{rate:.1} cakes/s");
    let values = [
        ("virtual", trial.ideal_makespan(), time as fn(f64) -> String),
        ("real", trial.real_makespan(), time),
        ("ratio", trial.ratio(), |ratio| format!("{ratio:.3}")),
        ("rate", trial.throughput(), rate),
        ("CPU", trial.cpu(), time),
    ];
    let line = |(name, value, unit): (&str, Option<Mean>, fn(f64) -> String)| {
        Some(format!("{name:<9} {}\n", with_margin(value?, unit)))
    };
    let values: String = values.into_iter().filter_map(line).collect();
    let day = trial.outcomes().first().map_or(String::new(), |it| day(&trial.shop, it));
    format!("{}\n\n{values}\n{day}", describe(&trial.shop))
}

/// The cooks and counters of one run.
fn day(shop: &Shop, outcome: &Outcome) -> String {
    let head = format!(
        "{:<14} {:>7} {:>7} {:>8} {:>8}   █ busy  ░ starved  ▓ blocked\n",
        "cook", "cakes", "busy", "starved", "blocked"
    );
    let listed = outcome.cooks.iter().filter(|cook| cook.number < COOKS_LISTED);
    let cooks: String = listed.map(|it| cook(shop, it, outcome.makespan)).collect();
    let counters = shop.stages.iter().zip(&outcome.counters).map(|(stage, counter)| {
        let most = counter.most.map_or(String::new(), |most| format!(", at most {most}"));
        let (name, places, mean) = (stage.name, stage.buffer, counter.mean);
        format!("counter after {name}: {places} places, {mean:.2} taken on average{most}\n")
    });
    format!("{head}{cooks}\n{}", counters.collect::<String>())
}

fn cook(shop: &Shop, cook: &Cook, makespan: Duration) -> String {
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
fn bar(shares: Shares) -> String {
    let busy = (shares.busy * BAR).round() as usize;
    let blocked = (shares.blocked * BAR).round() as usize;
    let starved = (BAR as usize).saturating_sub(busy + blocked);
    "█".repeat(busy) + &"░".repeat(starved) + &"▓".repeat(blocked)
}

/// The shop in a line: `20 cakes: baking 10 ms, icing 5 × 50 ms, inscribing 10 ms; buffers 0, 0`.
pub fn describe(shop: &Shop) -> String {
    let stages: Vec<String> = shop.stages.iter().map(stage).collect();
    let inner = shop.stages.len().saturating_sub(1);
    let buffers: Vec<String> = shop.stages[..inner].iter().map(|s| s.buffer.to_string()).collect();
    let cakes = shop.cakes;
    format!(
        "{cakes} cakes: {}; buffers {}; seed {}",
        stages.join(", "),
        buffers.join(", "),
        shop.seed
    )
}

fn stage(stage: &Stage) -> String {
    let cooks = if stage.cooks > 1 { format!("{} × ", stage.cooks) } else { String::new() };
    let spread = match stage.distribution {
        Distribution::Fixed => String::new(),
        Distribution::Normal => format!(" ± {:?}", stage.spread),
        Distribution::Exponential => " exponential".to_owned(),
    };
    format!("{} {cooks}{:?}{spread}", stage.name, stage.time)
}

/// Seconds in the unit that suits them.
pub fn time(seconds: f64) -> String {
    match seconds {
        s if s >= 10.0 => format!("{s:.2} s"),
        s if s >= 0.001 => format!("{:.1} ms", s * 1e3),
        s => format!("{:.1} µs", s * 1e6),
    }
}

fn or_nothing(mean: Option<Mean>, unit: impl Fn(f64) -> String) -> String {
    mean.map_or(NOTHING.to_owned(), |it| unit(it.mean))
}

fn with_margin(mean: Mean, unit: impl Fn(f64) -> String) -> String {
    let margin = mean.margin.map_or(String::new(), |m| format!(" ± {} (95 %)", unit(m)));
    unit(mean.mean) + &margin
}
