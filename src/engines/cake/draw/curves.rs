//! Line charts: throughput by buffer, makespan by icers, distribution of makespans.

use plotters::coord::ranged1d::ValueFormatter;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::axes::{BufferAxis, CountAxis, MillisAxis, buffer_x};
use super::canvas::{Area, BLUE, FONT, GREEN, LARGE, ORANGE, PURPLE, SMALL};
use super::canvas::{failed, legend, letters, sheet, text};
use crate::engines::cake::error::Error;
use crate::engines::cake::mean::Mean;

type Chart<'a, 'b, X> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, RangedCoordf64>>;

const SIZE: (u32, u32) = (720, 440);

/// The data of [`throughput_by_buffer`]: buffer capacities and throughput in cakes per second.
pub struct Throughput<'a> {
    /// Title of the chart.
    pub title: &'a str,
    /// Measured with threads.
    pub real: &'a [(usize, Mean)],
    /// Simulated with the same times.
    pub simulated: &'a [(usize, Mean)],
    /// The mean of many simulated runs.
    pub expected: &'a [(usize, Mean)],
    /// The exact throughput of an endless run.
    pub exact: &'a [(usize, f64)],
}

/// Draws throughput against buffer capacity, with the exact curve behind the measured values.
///
/// # Errors
/// When plotters fails.
pub fn throughput_by_buffer(data: &Throughput<'_>) -> Result<String, Error> {
    let rates = data.real.iter().chain(data.simulated).map(|(_, rate)| upper(rate));
    let top = rates.chain(data.exact.iter().map(|point| point.1)).fold(0.0, f64::max) * 1.12;
    let mut buffers: Vec<usize> =
        data.real.iter().chain(data.simulated).map(|point| point.0).collect();
    buffers.sort_unstable();
    buffers.dedup();
    let x = BufferAxis::new(&buffers);
    let axes = ["buffer capacity (cakes, logarithmic)", "cakes per second"];
    let legend = [
        ("exact, endless run", GREEN),
        ("virtual, many runs", PURPLE),
        ("virtual, same times", BLUE),
        ("threads", ORANGE),
    ];
    let at = |points: &[(usize, Mean)]| {
        points.iter().map(|&(buffer, rate)| (buffer_x(buffer), rate)).collect::<Vec<_>>()
    };
    sheet(SIZE, |area| {
        let mut chart = chart(area, data.title, &legend, (x, top), axes)?;
        curve(&mut chart, data.exact.iter().map(|&(b, rate)| (buffer_x(b), rate)), GREEN)?;
        curve(&mut chart, at(data.expected).into_iter().map(|(x, rate)| (x, rate.mean)), PURPLE)?;
        rings(&mut chart, &at(data.simulated), BLUE)?;
        dots(&mut chart, &at(data.real), ORANGE)
    })
}

/// The data of [`makespan_by_icers`]: numbers of icers and makespans in seconds.
pub struct Scaling<'a> {
    /// Title of the chart.
    pub title: &'a str,
    /// Measured with threads.
    pub real: &'a [(usize, Mean)],
    /// Simulated with a virtual clock.
    pub simulated: &'a [(usize, Mean)],
    /// The lower bound.
    pub lower_bound: &'a [(usize, f64)],
    /// As predicted by Amdahl's law.
    pub amdahl: &'a [(usize, f64)],
}

/// Draws the makespan against the number of icers.
///
/// # Errors
/// When plotters fails.
pub fn makespan_by_icers(data: &Scaling<'_>) -> Result<String, Error> {
    let all = data.real.iter().chain(data.simulated);
    let top = all.clone().map(|(_, time)| upper(time)).fold(0.0, f64::max) * 1.08;
    let x = CountAxis::new(all.map(|point| point.0).max().unwrap_or(1) as f64);
    let scaled = |points: &[(usize, f64)]| {
        points.iter().map(|&(k, s)| (k as f64, s * 1e3)).collect::<Vec<_>>()
    };
    let means = |points: &[(usize, Mean)]| {
        points.iter().map(|&(k, mean)| (k as f64, mean.scaled(1e3))).collect::<Vec<_>>()
    };
    let legend = [
        ("Amdahl's law", PURPLE),
        ("lower bound", GREEN),
        ("virtual clock", BLUE),
        ("threads (95 % confidence)", ORANGE),
    ];
    sheet(SIZE, |area| {
        let axes = ["icers", "makespan, ms"];
        let mut chart = chart(area, data.title, &legend, (x, top * 1e3), axes)?;
        curve(&mut chart, scaled(data.amdahl), PURPLE)?;
        curve(&mut chart, scaled(data.lower_bound), GREEN)?;
        rings(&mut chart, &means(data.simulated), BLUE)?;
        dots(&mut chart, &means(data.real), ORANGE)
    })
}

/// One curve of [`ecdf`].
pub struct Ecdf<'a> {
    /// The setting and engine, for the legend.
    pub name: &'a str,
    /// The makespans of all runs, in seconds, in any order.
    pub makespans: Vec<f64>,
}

/// Draws empirical distributions of makespans: the fraction of runs that took at most so long.
///
/// # Errors
/// When plotters fails.
pub fn ecdf(title: &str, data: &[Ecdf<'_>]) -> Result<String, Error> {
    let all = || data.iter().flat_map(|curve| &curve.makespans).map(|s| s * 1e3);
    let (from, to) = (all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max));
    let (from, to) = (from - (to - from) * 0.04, to + (to - from) * 0.04);
    let colours = [BLUE, ORANGE, GREEN, PURPLE];
    let legend: Vec<_> =
        data.iter().zip(colours).map(|(curve, colour)| (curve.name, colour)).collect();
    sheet(SIZE, |area| {
        let x = MillisAxis { from, to };
        let axes = ["makespan, ms", "fraction of runs that took at most this"];
        let mut chart = chart(area, title, &legend, (x, 1.0), axes)?;
        for (data, (_, colour)) in data.iter().zip(&legend) {
            curve(&mut chart, steps(&data.makespans, from, to), *colour)?;
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

/// Draws title, legend and axes; the vertical axis goes from 0 to `top`.
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

/// Draws rings that are larger than the dots, so that both are visible where they coincide.
fn rings<X: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, '_, X>,
    points: &[(f64, Mean)],
    colour: RGBColor,
) -> Result<(), Error> {
    let ring = |&(x, y): &(f64, Mean)| Circle::new((x, y.mean), 7, colour.stroke_width(2));
    chart.draw_series(points.iter().map(ring)).map_err(failed)?;
    Ok(())
}

/// Draws dots with their confidence intervals.
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
