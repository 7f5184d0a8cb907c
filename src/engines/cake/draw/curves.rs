//! Figures with two axes: throughput by buffer, makespan by icers, distribution of makespans.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::super::lab::Mean;
use super::{Area, BLUE, Error, FONT, GREEN, LARGE, ORANGE, PURPLE, SMALL, failed, legend};
use super::{letters, round_step, sheet, text};

type Chart<'a, 'b, X> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, RangedCoordf64>>;

const SIZE: (u32, u32) = (720, 440);

/// What [`throughput_by_buffer`] shows. All rates are cakes a second.
pub struct Throughput<'a> {
    /// Over the figure.
    pub title: &'a str,
    /// By threads.
    pub real: &'a [(usize, Mean)],
    /// The same cakes on the virtual clock.
    pub ideal: &'a [(usize, Mean)],
    /// The mean of so many virtual days that chance is out of it.
    pub usual: &'a [(usize, Mean)],
    /// In the long run, as theory knows it.
    pub exact: &'a [(usize, f64)],
}

/// Throughput against the places on each counter, with the exact curve under what was measured.
///
/// # Errors
/// When plotters fails.
pub fn throughput_by_buffer(data: &Throughput<'_>) -> Result<String, Error> {
    let rates = data.real.iter().chain(data.ideal).map(|(_, rate)| upper(rate));
    let top = rates.chain(data.exact.iter().map(|it| it.1)).fold(0.0, f64::max) * 1.12;
    let mut buffers: Vec<usize> = data.real.iter().chain(data.ideal).map(|it| it.0).collect();
    buffers.sort_unstable();
    buffers.dedup();
    let x = Places::new(&buffers);
    let axes = ["places on each counter (logarithmic)", "cakes a second"];
    let legend = [
        ("exact, endless day", GREEN),
        ("virtual, many days", PURPLE),
        ("virtual, same days", BLUE),
        ("threads", ORANGE),
    ];
    let at = |points: &[(usize, Mean)]| {
        points.iter().map(|&(buffer, rate)| (place(buffer), rate)).collect::<Vec<_>>()
    };
    sheet(SIZE, |area| {
        let mut chart = chart(area, data.title, &legend, (x, top), axes)?;
        curve(&mut chart, data.exact.iter().map(|&(b, rate)| (place(b), rate)), GREEN)?;
        curve(&mut chart, at(data.usual).into_iter().map(|(x, rate)| (x, rate.mean)), PURPLE)?;
        rings(&mut chart, &at(data.ideal), BLUE)?;
        dots(&mut chart, &at(data.real), ORANGE)
    })
}

/// What [`makespan_by_icers`] shows. All times are seconds.
pub struct Scaling<'a> {
    /// Over the figure.
    pub title: &'a str,
    /// By threads.
    pub real: &'a [(usize, Mean)],
    /// On the virtual clock.
    pub ideal: &'a [(usize, Mean)],
    /// What no shop can beat.
    pub bound: &'a [(usize, f64)],
    /// What Amdahl's law promises.
    pub amdahl: &'a [(usize, f64)],
}

/// Makespan against the number of icers.
///
/// # Errors
/// When plotters fails.
pub fn makespan_by_icers(data: &Scaling<'_>) -> Result<String, Error> {
    let all = data.real.iter().chain(data.ideal);
    let top = all.clone().map(|(_, time)| upper(time)).fold(0.0, f64::max) * 1.08;
    let most = all.map(|it| it.0).max().unwrap_or(1) as f64;
    let ticks = round_step_of_counts(most);
    let x = Counts { end: most + 0.5, step: ticks };
    let scaled = |points: &[(usize, f64)]| {
        points.iter().map(|&(k, s)| (k as f64, s * 1e3)).collect::<Vec<_>>()
    };
    let means = |points: &[(usize, Mean)]| {
        points.iter().map(|&(k, mean)| (k as f64, milli(mean))).collect::<Vec<_>>()
    };
    let legend = [
        ("Amdahl's law", PURPLE),
        ("bound", GREEN),
        ("virtual clock", BLUE),
        ("threads, 95 % margin", ORANGE),
    ];
    sheet(SIZE, |area| {
        let axes = ["icers", "makespan, ms"];
        let mut chart = chart(area, data.title, &legend, (x, top * 1e3), axes)?;
        curve(&mut chart, scaled(data.amdahl), PURPLE)?;
        curve(&mut chart, scaled(data.bound), GREEN)?;
        rings(&mut chart, &means(data.ideal), BLUE)?;
        dots(&mut chart, &means(data.real), ORANGE)
    })
}

/// Makespans of one setting, in seconds, in any order.
pub struct Ecdf<'a> {
    /// Which setting and engine.
    pub name: &'a str,
    /// One a day.
    pub makespans: Vec<f64>,
}

/// The empirical distribution of makespans: what part of all days took at most so long.
///
/// # Errors
/// When plotters fails.
pub fn ecdf(title: &str, data: &[Ecdf<'_>]) -> Result<String, Error> {
    let all = || data.iter().flat_map(|it| &it.makespans).map(|s| s * 1e3);
    let (from, to) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    let (from, to) = (from - (to - from) * 0.04, to + (to - from) * 0.04);
    let colours = [BLUE, ORANGE, GREEN, PURPLE];
    let legend: Vec<_> = data.iter().zip(colours).map(|(it, colour)| (it.name, colour)).collect();
    sheet(SIZE, |area| {
        let x = Millis { from, to };
        let axes = ["makespan, ms", "part of the days that took at most this"];
        let mut chart = chart(area, title, &legend, (x, 1.0), axes)?;
        for (it, (_, colour)) in data.iter().zip(&legend) {
            curve(&mut chart, steps(&it.makespans, from, to), *colour)?;
        }
        Ok(())
    })
}

fn steps(makespans: &[f64], from: f64, to: f64) -> Vec<(f64, f64)> {
    let mut sorted: Vec<f64> = makespans.iter().map(|s| s * 1e3).collect();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let mut points = vec![(from, 0.0)];
    for (i, x) in sorted.into_iter().enumerate() {
        points.extend([(x, i as f64 / n), (x, (i + 1) as f64 / n)]);
    }
    points.push((to, 1.0));
    points
}

// ---- axes ----

/// Counters grow in ratios, and 0 places is a counter too: the axis is log2(places + 1).
struct Places {
    ticks: Vec<f64>,
}

fn place(buffer: usize) -> f64 {
    (buffer as f64 + 1.0).log2()
}

impl Places {
    fn new(buffers: &[usize]) -> Self {
        let mut ticks: Vec<f64> = Vec::new();
        for at in buffers.iter().map(|&buffer| place(buffer)) {
            // Labels closer than this run into each other.
            if ticks.last().is_none_or(|last| at - last > 0.3) {
                ticks.push(at);
            }
        }
        Places { ticks }
    }
}

impl Ranged for Places {
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

impl ValueFormatter<f64> for Places {
    fn format(value: &f64) -> String {
        format!("{:.0}", value.exp2() - 1.0)
    }
}

/// Whole numbers from 1.
struct Counts {
    end: f64,
    step: f64,
}

fn round_step_of_counts(most: f64) -> f64 {
    if most <= 16.0 { 1.0 } else { round_step(most, 12.0) }
}

impl Ranged for Counts {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        let step = |at: &f64| Some(at + self.step).filter(|at| *at < self.end);
        std::iter::successors(Some(self.step), step).collect()
    }

    fn range(&self) -> std::ops::Range<f64> {
        0.5..self.end
    }
}

impl ValueFormatter<f64> for Counts {
    fn format(value: &f64) -> String {
        format!("{value:.0}")
    }
}

/// Milliseconds between two round numbers.
struct Millis {
    from: f64,
    to: f64,
}

impl Ranged for Millis {
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

impl ValueFormatter<f64> for Millis {
    fn format(value: &f64) -> String {
        format!("{}", (value * 1e3).round() / 1e3) // no digits but those of the step
    }
}

// ---- pieces ----

/// Title, legend and axes; the vertical one from 0 to `top`.
fn chart<'a, 'b, X: Ranged<ValueType = f64> + ValueFormatter<f64>>(
    area: &'a Area<'b>,
    title: &str,
    entries: &[(&str, RGBColor)],
    (x, top): (X, f64),
    [x_desc, y_desc]: [&str; 2],
) -> Result<Chart<'a, 'b, X>, Error> {
    text(area, title, (20, 24), &letters(LARGE), HPos::Left)?;
    legend(area, entries, (20, 54))?; // above the chart, where no data can be
    let y: RangedCoordf64 = (0.0..top).into();
    let mut chart = ChartBuilder::on(area)
        .margin(14)
        .margin_top(80)
        .margin_right(24)
        .x_label_area_size(48)
        .y_label_area_size(64)
        .build_cartesian_2d(x, y)
        .map_err(failed)?;
    let digits = usize::from(top < 5.0);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .label_style((FONT, SMALL))
        .axis_desc_style((FONT, SMALL))
        .x_desc(x_desc)
        .y_desc(y_desc)
        .y_labels(6)
        .y_label_formatter(&|y| format!("{y:.digits$}"))
        .draw()
        .map_err(failed)?;
    Ok(chart)
}

fn curve<X: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, '_, X>,
    points: impl IntoIterator<Item = (f64, f64)>,
    colour: RGBColor,
) -> Result<(), Error> {
    chart.draw_series(LineSeries::new(points, colour.stroke_width(2))).map_err(failed)?;
    Ok(())
}

/// Around the dots, so that both are seen where they coincide.
fn rings<X: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, '_, X>,
    points: &[(f64, Mean)],
    colour: RGBColor,
) -> Result<(), Error> {
    let ring = |&(x, y): &(f64, Mean)| Circle::new((x, y.mean), 7, colour.stroke_width(2));
    chart.draw_series(points.iter().map(ring)).map_err(failed)?;
    Ok(())
}

/// With their margins.
fn dots<X: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, '_, X>,
    points: &[(f64, Mean)],
    colour: RGBColor,
) -> Result<(), Error> {
    let margins = points.iter().filter_map(|&(x, Mean { mean, margin })| {
        let ends = [(x, mean - margin?), (x, mean + margin?)];
        Some(PathElement::new(ends, colour.stroke_width(2)))
    });
    chart.draw_series(margins).map_err(failed)?;
    let dot = |&(x, y): &(f64, Mean)| Circle::new((x, y.mean), 4, colour.filled());
    chart.draw_series(points.iter().map(dot)).map_err(failed)?;
    Ok(())
}

fn upper(mean: &Mean) -> f64 {
    mean.mean + mean.margin.unwrap_or(0.0)
}

fn milli(Mean { mean, margin }: Mean) -> Mean {
    Mean { mean: mean * 1e3, margin: margin.map(|margin| margin * 1e3) }
}
