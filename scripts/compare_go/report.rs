//! The report: all measurements so far as JSON, Markdown and HTML, and one picture per row.

use std::path::Path;

use serde::Serialize;
use threadbare::fs::atomic;

use super::case::{Case, RowResult, Side};
use super::machine::Machine;
use super::stats::{Ratio, Verdict};

mod html;
mod markdown;
mod picture;
mod tables;

pub(crate) use tables::update_docs;

#[derive(Serialize)]
pub(crate) struct Results<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) is_complete: bool,
    pub(crate) rows: &'a [RowResult],
}

/// Writes all files again; each is replaced atomically.
pub(crate) fn write(out: &Path, results: &Results<'_>) -> anyhow::Result<()> {
    atomic::write(&out.join("results.json"), &serde_json::to_vec_pretty(results)?)?;
    atomic::write(&out.join("report.md"), markdown::page(results).as_bytes())?;
    let mut pictures = Vec::new();
    for row in results.rows {
        let svg = picture::of(row)?;
        if let Some(svg) = &svg {
            atomic::write(&out.join(format!("{}.svg", row.name)), svg.as_bytes())?;
        }
        pictures.push(svg);
    }
    atomic::write(&out.join("report.html"), html::page(results, &pictures).as_bytes())?;
    Ok(())
}

/// A line of a table: one metric of one side of a case.
struct Line<'a> {
    input: &'a str,
    unit: &'a str,
    side: &'a Side,
    median: f64,
    min: f64,
    max: f64,
    /// Our figure divided by Go's; only for our sides.
    ratio: Option<Ratio>,
}

fn lines(case: &Case) -> Vec<Line<'_>> {
    let n_metrics = case.sides.iter().map(|side| side.metrics.len()).min().unwrap_or(0);
    let mut lines = Vec::new();
    for i in 0..n_metrics {
        for side in &case.sides {
            let metric = &side.metrics[i];
            let (unit, median, min, max) = (metric.unit, metric.median, metric.min, metric.max);
            let ratio = if side.is_ours { case.ratio(side, i) } else { None };
            lines.push(Line { input: &case.input, unit, side, median, min, max, ratio });
        }
    }
    lines
}

impl Line<'_> {
    /// The ratio in words, or what the side left undone.
    fn outcome(&self) -> String {
        match (&self.side.shortfall, self.ratio) {
            (Some(shortfall), _) => format!("{shortfall}: not compared"),
            (None, Some(ratio)) => ratio.words(),
            (None, None) => String::new(),
        }
    }
}

/// In how many cases of a row one of our sides won, tied and lost, by the row's first metric.
struct Score {
    label: String,
    n_won: usize,
    n_tied: usize,
    n_lost: usize,
    n_unknown: usize,
    best: f64,
    worst: f64,
}

fn scores(row: &RowResult) -> Vec<Score> {
    let mut scores: Vec<Score> = Vec::new();
    for case in &row.cases {
        for side in case.sides.iter().filter(|side| side.is_ours) {
            let Some(ratio) = case.ratio(side, 0) else { continue };
            let known = scores.iter().position(|score| score.label == side.label);
            let at = known.unwrap_or_else(|| {
                scores.push(Score::new(&side.label));
                scores.len() - 1
            });
            scores[at].count(ratio);
        }
    }
    scores
}

/// The sides of a row that did not do the whole work, as sentences.
fn shortfalls(row: &RowResult) -> Vec<String> {
    let sides = row.cases.iter().flat_map(|case| case.sides.iter().map(move |side| (case, side)));
    let short = sides.filter_map(|(case, side)| Some((case, side, side.shortfall.as_ref()?)));
    short.map(|(case, side, gap)| format!("{}: {} {gap}", case.input, side.label)).collect()
}

impl Score {
    fn new(label: &str) -> Self {
        let (best, worst) = (f64::INFINITY, 0.0);
        Score { label: label.to_owned(), n_won: 0, n_tied: 0, n_lost: 0, n_unknown: 0, best, worst }
    }

    fn count(&mut self, ratio: Ratio) {
        match ratio.verdict() {
            Verdict::Win => self.n_won += 1,
            Verdict::Lose => self.n_lost += 1,
            Verdict::Tie => self.n_tied += 1,
            Verdict::Unknown => self.n_unknown += 1,
        }
        self.best = self.best.min(ratio.median);
        self.worst = self.worst.max(ratio.median);
    }

    /// The score as a sentence: which side takes less, in how many cases, by what factor.
    fn words(&self) -> String {
        let outcome = match (self.n_won, self.n_tied, self.n_lost) {
            _ if self.n_unknown > 0 => "too few rounds to tell".to_owned(),
            (_, 0, 0) => "takes less than Go".to_owned(),
            (0, 0, _) => "takes more than Go".to_owned(),
            (0, _, 0) => "no difference beyond the noise".to_owned(),
            (won, tied, lost) => {
                let n = won + tied + lost;
                format!("of {n} cases less in {won}, no difference in {tied}, more in {lost}")
            }
        };
        let (best, worst) = (figure(self.best), figure(self.worst));
        let range = if best == worst { best } else { format!("{best} to {worst}") };
        format!("{}: {outcome} ({range} times Go's)", self.label)
    }
}

impl Ratio {
    /// The ratio as text; a difference within the noise has no winner.
    fn words(&self) -> String {
        let verdict = match self.verdict() {
            Verdict::Win => "less",
            Verdict::Lose => "more",
            Verdict::Tie => "no difference",
            Verdict::Unknown => "too few rounds to tell",
        };
        format!("{} ({} to {}): {verdict}", figure(self.median), figure(self.min), figure(self.max))
    }
}

/// A number with three significant digits.
fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 || v == 0.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 1.0 => format!("{value:.2}"),
        v if v >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}
