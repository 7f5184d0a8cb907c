//! Statistics of several runs: median, extremes, and whether two sides differ.

use std::cmp::Ordering;

/// The figures of one side, in the order of its runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(pub(crate) Vec<f64>);

impl Figures {
    /// The middle figure, or the mean of the two in the middle; NaN without figures.
    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len();
        if n == 0 { f64::NAN } else { f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2]) }
    }

    pub(crate) fn min(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub(crate) fn max(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }
}

/// Our figures divided by the other side's, round by round: below 1, ours are smaller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ratio {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) n_rounds: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Win,
    Tie,
    Lose,
    /// There were too few rounds to tell.
    Unknown,
}

/// Smaller differences of the median count as none.
const NEGLIGIBLE: f64 = 0.03;
/// With fewer rounds, all of them often agree by chance.
const MIN_ROUNDS: usize = 3;

impl Ratio {
    /// Divides round by round, since a disturbance in a round affects both sides. `None` without rounds.
    pub(crate) fn of(ours: &Figures, theirs: &Figures) -> Option<Self> {
        let pairs = ours.0.iter().zip(&theirs.0).filter(|(_, theirs)| **theirs > 0.0);
        let ratios = Figures(pairs.map(|(ours, theirs)| ours / theirs).collect());
        (!ratios.0.is_empty()).then(|| Ratio {
            median: ratios.median(),
            min: ratios.min(),
            max: ratios.max(),
            n_rounds: ratios.0.len(),
        })
    }

    /// A side wins if it was ahead in every round, and in the median by more than `NEGLIGIBLE`.
    pub(crate) fn verdict(&self) -> Verdict {
        let differs = (self.median - 1.0).abs() > NEGLIGIBLE;
        let agree = self.max < 1.0 || self.min > 1.0;
        match self.median.total_cmp(&1.0) {
            _ if !(differs && agree) => Verdict::Tie,
            _ if self.n_rounds < MIN_ROUNDS => Verdict::Unknown,
            Ordering::Less => Verdict::Win,
            _ => Verdict::Lose,
        }
    }
}
