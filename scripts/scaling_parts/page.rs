//! The page: speed-up and efficiency as two charts, and all figures as a table.

use std::collections::BTreeSet;
use std::fmt::{Display, Write};
use std::fs;

use anyhow::anyhow;
use jiff::Zoned;
use plotters::prelude::*;
use rustix::system::uname;
use threadbare::machine::cpu;

use super::Series;

const STYLE: &str = ":root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;margin:0 auto;\
max-width:56rem;padding:1rem}table{border-collapse:collapse;font-variant-numeric:tabular-nums}\
th,td{padding:.2rem .8rem .2rem 0;text-align:right;border-bottom:1px solid #8884}\
td:first-child,td:nth-child(2),th:first-child,th:nth-child(2){text-align:left}\
.wide{overflow-x:auto}svg{max-width:100%;height:auto;background:#fff}";
const COLOURS: [RGBColor; 7] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x8a, 0x6d, 0x00),
    RGBColor(0x60, 0x60, 0x60),
];
const SIZE: (u32, u32) = (720, 420);
/// Writing to a string cannot fail.
const FITS: &str = "a string accepts all text";

pub(crate) fn page(
    all: &[Series],
    gaps: &[String],
    limits: &BTreeSet<String>,
    load: Option<f64>,
) -> anyhow::Result<String> {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <title>More CPUs</title>\n<style>{STYLE}</style>\n<h1>More CPUs</h1>\n<p>{}</p>\n",
        machine(load)
    );
    if !all.is_empty() {
        let speed_up = |rate: f64, first: f64, _: usize| rate / first;
        let efficiency = |rate: f64, first: f64, n: usize| rate / first / n as f64;
        writeln!(page, "<h2>Speed-up</h2>\n<div class=\"wide\">{}</div>", chart(all, speed_up)?)
            .expect(FITS);
        writeln!(
            page,
            "<h2>Efficiency</h2>\n<div class=\"wide\">{}</div>",
            chart(all, efficiency)?
        )
        .expect(FITS);
        table(&mut page, all);
    }
    for limit in limits {
        writeln!(page, "<p>{limit}.</p>").expect(FITS);
    }
    for gap in gaps {
        writeln!(page, "<p>Not measured: {}.</p>", gap.replace('<', "&lt;")).expect(FITS);
    }
    Ok(page)
}

fn machine(load: Option<f64>) -> String {
    let (kernel, date) = (uname(), Zoned::now().strftime("%Y-%m-%d").to_string());
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or_default().trim_start_matches([' ', '\t', ':']);
    let load = load.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.1}"));
    let n_cpus = cpu::n_cpus();
    let release = kernel.release().to_string_lossy().into_owned();
    format!(
        "{date}, {n_cpus} CPUs ({model}), Linux {release}, load average before {load}. Medians; the program \
         under test is restricted to the first CPUs, the load generator (a thread per CPU) and the web \
         site use all."
    )
}

fn table(page: &mut String, all: &[Series]) {
    page.push_str("<h2>Figures</h2>\n<div class=\"wide\"><table>\n<tr><th>program<th>unit");
    let steps = all[0].points.iter().map(|(n, _)| *n);
    steps.for_each(|n| write!(page, "<th>{n} CPU{}", if n == 1 { "" } else { "s" }).expect(FITS));
    page.push_str("<th>speed-up\n");
    for series in all {
        write!(page, "<tr><td>{}<td>{}", series.name, series.unit).expect(FITS);
        let medians = series.medians();
        for (_, rate) in &medians {
            write!(page, "<td>{}", figure(*rate)).expect(FITS);
        }
        let last = medians.last().map_or(0.0, |(_, rate)| rate / medians[0].1);
        writeln!(page, "<td>{last:.2}").expect(FITS);
    }
    page.push_str("</table></div>\n");
}

/// A series as a line of text.
pub(crate) fn line(series: &Series) -> String {
    let mut line = format!("{} ({}):", series.name, series.unit);
    for (n, rate) in series.medians() {
        write!(line, "  {n}: {}", figure(rate)).expect(FITS);
    }
    line
}

impl Series {
    fn medians(&self) -> Vec<(usize, f64)> {
        self.points.iter().map(|(n, rates)| (*n, median(rates))).collect()
    }
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len();
    f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2])
}

fn figure(rate: f64) -> String {
    match rate {
        rate if rate >= 1e6 => format!("{:.1} million", rate / 1e6),
        rate if rate >= 100.0 => format!("{rate:.0}"),
        rate => format!("{rate:.2}"),
    }
}

/// A line per program over the number of CPUs; `value` makes a point of its rate, the rate with one
/// CPU, and the number of CPUs.
fn chart(all: &[Series], value: impl Fn(f64, f64, usize) -> f64) -> anyhow::Result<String> {
    let curves: Vec<Vec<(f64, f64)>> = all
        .iter()
        .map(|series| {
            let medians = series.medians();
            let first = medians[0].1;
            medians.iter().map(|&(n, rate)| (n as f64, value(rate, first, n))).collect()
        })
        .collect();
    let most = |axis: fn(&(f64, f64)) -> f64| curves.iter().flatten().map(axis).fold(1.0, f64::max);
    let (x_max, y_max) = (most(|point| point.0), most(|point| point.1));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(44)
            .build_cartesian_2d(1.0..x_max.max(1.01), 0.0..y_max * 1.05)
            .map_err(failed)?;
        let mut mesh = chart.configure_mesh();
        let whole = |x: &f64| if x.fract() == 0.0 { format!("{x}") } else { String::new() };
        mesh.x_desc("CPUs").x_label_formatter(&whole).disable_x_mesh();
        mesh.light_line_style(TRANSPARENT).draw().map_err(failed)?;
        for ((series, curve), colour) in all.iter().zip(&curves).zip(COLOURS.iter().cycle()) {
            let line = LineSeries::new(curve.iter().copied(), colour.stroke_width(2)).point_size(3);
            let drawn = chart.draw_series(line).map_err(failed)?;
            drawn.label(series.name).legend(|(x, y)| Circle::new((x + 8, y), 4, colour.filled()));
        }
        let mut labels = chart.configure_series_labels();
        let labels = labels.position(SeriesLabelPosition::UpperLeft).border_style(TRANSPARENT);
        labels.draw().map_err(failed)?;
        area.present().map_err(failed)?;
    }
    Ok(svg)
}

fn failed(err: impl Display) -> anyhow::Error {
    anyhow!("the chart: {err}")
}
