//! A row of the comparison: cases, in each of which two or more sides do the same work in turn.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::ensure;
use serde::Serialize;

use super::programs::Programs;
use super::stats::{Figures, Ratio};

/// One subject of the comparison and the explanation of its result.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// Programs whose names select the row, or their cases of it, with `--only`.
    pub(crate) programs: &'static [&'static str],
    /// The cause of a difference, and the cost of removing it.
    pub(crate) why: &'static str,
    pub(crate) run: fn(&mut Bench<'_>) -> anyhow::Result<()>,
}

#[derive(Serialize)]
pub(crate) struct RowResult {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) why: &'static str,
    pub(crate) cases: Vec<Case>,
    /// What could not be compared, each with the reason.
    pub(crate) gaps: Vec<String>,
    /// What a reader must know to interpret the figures.
    pub(crate) notes: Vec<String>,
}

/// One input, and the measurements of each side.
#[derive(Serialize)]
pub(crate) struct Case {
    pub(crate) input: String,
    pub(crate) sides: Vec<Side>,
}

#[derive(Serialize)]
pub(crate) struct Side {
    pub(crate) label: String,
    pub(crate) is_ours: bool,
    pub(crate) command: String,
    pub(crate) metrics: Vec<Metric>,
    /// What it left undone: no other side is divided by its figures.
    pub(crate) shortfall: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Metric {
    pub(crate) unit: &'static str,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: Vec<f64>,
}

/// The figures of one run by unit (less is better), and the result it computed.
pub(crate) struct Sample {
    pub(crate) figures: Vec<(&'static str, f64)>,
    pub(crate) answer: String,
    /// What is missing from the work, if the side did not do all of it.
    pub(crate) shortfall: Option<String>,
}

/// One side of a case: its label and how to run it once.
pub(crate) struct Runner<'a> {
    label: String,
    is_ours: bool,
    command: String,
    run: Box<dyn Fn() -> anyhow::Result<Sample> + 'a>,
}

impl Sample {
    /// A run that did the whole work.
    pub(crate) fn whole(figures: Vec<(&'static str, f64)>, answer: impl Into<String>) -> Self {
        Sample { figures, answer: answer.into(), shortfall: None }
    }
}

impl<'a> Runner<'a> {
    pub(crate) fn new(
        label: impl Into<String>,
        command: impl Into<String>,
        run: impl Fn() -> anyhow::Result<Sample> + 'a,
    ) -> Self {
        let label = label.into();
        let is_ours = !label.starts_with("Go");
        Runner { label, is_ours, command: command.into(), run: Box::new(run) }
    }
}

impl Row {
    pub(crate) fn matches(&self, name: &str) -> bool {
        self.name == name || self.programs.contains(&name)
    }
}

/// The context a row runs in; collects its result.
pub(crate) struct Bench<'a> {
    pub(crate) quick: bool,
    only: &'a [String],
    pub(crate) programs: &'a Programs,
    /// Directory for inputs; they are kept for the next run.
    pub(crate) work: &'a Path,
    pub(crate) result: RowResult,
    row: &'static Row,
    stopped: &'a AtomicBool,
}

impl<'a> Bench<'a> {
    pub(crate) fn new(
        row: &'static Row,
        (quick, only): (bool, &'a [String]),
        programs: &'a Programs,
        work: &'a Path,
        stopped: &'a AtomicBool,
    ) -> Self {
        let (cases, gaps, notes) = (Vec::new(), Vec::new(), Vec::new());
        let (name, title, why) = (row.name, row.title, row.why);
        let result = RowResult { name, title, why, cases, gaps, notes };
        Bench { quick, only, programs, work, result, row, stopped }
    }

    /// Runs the row; an error becomes a gap of it.
    pub(crate) fn run(&mut self) {
        if let Err(err) = std::fs::create_dir_all(self.work)
            .map_err(Into::into)
            .and_then(|()| (self.row.run)(self))
        {
            self.gap(format!("{err:#}"));
        }
    }

    pub(crate) fn stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    pub(crate) fn gap(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.stopped() && !self.result.gaps.contains(&why) {
            self.result.gaps.push(why);
        }
    }

    pub(crate) fn note(&mut self, text: impl Into<String>) {
        self.result.notes.push(text.into());
    }

    /// Whether the cases of this program were selected with `--only`.
    pub(crate) fn wants(&self, program: &str) -> bool {
        let is_selected = |name: &str| self.only.iter().any(|selected| selected == name);
        self.only.is_empty() || is_selected(self.row.name) || is_selected(program)
    }

    /// `quick` with `--quick`, else `full`.
    pub(crate) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Runs each side once to warm up and to check that all compute the same answer, then all of
    /// them in turn, `rounds` times. With one round the first run is the only one.
    ///
    /// # Errors
    /// After ^C, which ends the row.
    pub(crate) fn case(
        &mut self,
        input: impl Into<String>,
        rounds: usize,
        sides: Vec<Runner<'_>>,
    ) -> anyhow::Result<()> {
        let input = input.into();
        let (sides, mut samples) = self.warm_up(&input, sides);
        let mut failed = vec![false; sides.len()];
        if rounds > 1 {
            samples.iter_mut().for_each(Vec::clear); // with one round, these are the measurements
        }
        for _ in 0..if rounds > 1 { rounds } else { 0 } {
            for (i, side) in sides.iter().enumerate() {
                if failed[i] || self.stopped() {
                    continue;
                }
                match (side.run)() {
                    Ok(sample) => samples[i].push(sample),
                    Err(err) => {
                        failed[i] = true;
                        self.gap(format!("{input}: {}: {err:#}", side.label));
                    }
                }
            }
        }
        let completed = sides.into_iter().zip(samples).filter(|(_, samples)| !samples.is_empty());
        let sides = completed.map(|(side, samples)| side.into_side(&samples)).collect();
        self.result.cases.push(Case { input, sides });
        ensure!(!self.stopped(), "interrupted");
        Ok(())
    }

    /// Runs each side once; keeps those that compute the same answer as the first, with that sample.
    fn warm_up<'b>(
        &mut self,
        input: &str,
        sides: Vec<Runner<'b>>,
    ) -> (Vec<Runner<'b>>, Vec<Vec<Sample>>) {
        let mut expected: Option<(String, String)> = None;
        let (mut agreeing, mut samples) = (Vec::new(), Vec::new());
        for side in sides {
            if self.stopped() {
                break;
            }
            match ((side.run)(), &expected) {
                (Err(err), _) => self.gap(format!("{input}: {}: {err:#}", side.label)),
                (Ok(sample), Some((answer, label))) if sample.answer != *answer => {
                    let (ours, theirs) = (&side.label, &sample.answer);
                    self.gap(format!("{input}: {label} computed {answer}, {ours} {theirs}"));
                }
                (Ok(sample), _) => {
                    expected.get_or_insert((sample.answer.clone(), side.label.clone()));
                    agreeing.push(side);
                    samples.push(vec![sample]);
                }
            }
        }
        (agreeing, samples)
    }
}

impl Runner<'_> {
    fn into_side(self, samples: &[Sample]) -> Side {
        let units = samples[0].figures.iter().enumerate();
        let metrics = units.map(|(i, (unit, _))| {
            let runs: Vec<f64> = samples.iter().map(|sample| sample.figures[i].1).collect();
            let figures = Figures(runs.clone());
            Metric { unit, median: figures.median(), min: figures.min(), max: figures.max(), runs }
        });
        let metrics = metrics.collect();
        let shortfall = samples.iter().find_map(|sample| sample.shortfall.clone());
        Side { label: self.label, is_ours: self.is_ours, command: self.command, metrics, shortfall }
    }
}

impl Case {
    /// The side that ours are divided by: the first of Go's that did the whole work, which is the
    /// original where there is one.
    pub(crate) fn base(&self) -> Option<&Side> {
        self.sides.iter().find(|side| !side.is_ours && side.shortfall.is_none())
    }

    /// The ratio of our side to the base in this metric; `None` if ours did not do the whole work.
    pub(crate) fn ratio(&self, ours: &Side, metric: usize) -> Option<Ratio> {
        if ours.shortfall.is_some() {
            return None;
        }
        let theirs = self.base()?.metrics.get(metric)?;
        let ours = ours.metrics.get(metric)?;
        Ratio::of(&Figures(ours.runs.clone()), &Figures(theirs.runs.clone()))
    }
}
