//! The horizontal axes of the charts.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

use super::canvas::round_step;

/// Buffer capacities on a logarithmic scale. A capacity of 0 has a place too: x is log2(buffer +
/// 1).
pub(super) struct BufferAxis {
    ticks: Vec<f64>,
}

/// Where on a [`BufferAxis`] a buffer stands.
pub(super) fn buffer_x(buffer: usize) -> f64 {
    (buffer as f64 + 1.0).log2()
}

impl BufferAxis {
    /// An axis with a tick for each of `buffers`, which are sorted.
    pub(super) fn new(buffers: &[usize]) -> Self {
        let mut ticks: Vec<f64> = Vec::new();
        for at in buffers.iter().map(|&buffer| buffer_x(buffer)) {
            // Labels closer than this would overlap.
            if ticks.last().is_none_or(|last| at - last > 0.3) {
                ticks.push(at);
            }
        }
        BufferAxis { ticks }
    }
}

impl Ranged for BufferAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let range = self.range();
        RangedCoordf64::from(range).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> std::ops::Range<f64> {
        -0.3..self.ticks.last().copied().unwrap_or(0.0) + 0.3
    }
}

impl ValueFormatter<f64> for BufferAxis {
    fn format(value: &f64) -> String {
        format!("{:.0}", value.exp2() - 1.0)
    }
}

/// Whole numbers from 1 to `max`.
pub(super) struct CountAxis {
    max: f64,
    step: f64,
}

impl CountAxis {
    pub(super) fn new(max: f64) -> Self {
        let step = if max <= 16.0 { 1.0 } else { round_step(max, 12.0) };
        CountAxis { max, step }
    }
}

impl Ranged for CountAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let step = |at: &f64| Some(at + self.step).filter(|at| *at <= self.max);
        std::iter::successors(Some(self.step), step).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.5..self.max + 0.5
    }
}

impl ValueFormatter<f64> for CountAxis {
    fn format(value: &f64) -> String {
        format!("{value:.0}")
    }
}

/// Milliseconds, with ticks at round numbers.
pub(super) struct MillisAxis {
    pub(super) from: f64,
    pub(super) to: f64,
}

impl Ranged for MillisAxis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let step = round_step(self.to - self.from, 8.0);
        let first = (self.from / step).ceil() * step;
        std::iter::successors(Some(first), |at| Some(at + step).filter(|at| *at <= self.to))
            .collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.from..self.to
    }
}

impl ValueFormatter<f64> for MillisAxis {
    fn format(value: &f64) -> String {
        format!("{}", (value * 1e3).round() / 1e3) // hides rounding errors of the sum
    }
}
