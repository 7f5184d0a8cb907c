//! A plot of speed-up against number of threads, as SVG.

use plotters::prelude::*;

use super::error::Error;
use super::strategy::Strategy;
use super::sweep::Measurement;

const SIZE: (u32, u32) = (800, 560);
/// Colours that colour-blind readers can tell apart.
const COLOURS: [RGBColor; 3] = [RGBColor(213, 94, 0), RGBColor(0, 114, 178), RGBColor(0, 158, 115)];
const FONT: &str = "sans-serif";

/// Plots the speed-up of each parallel strategy as an SVG document, beside the ideal: as many times
/// faster as there are threads, up to `n_cpus`.
///
/// # Errors
/// [`Error::Plot`] if there is nothing to draw.
pub fn plot(measurements: &[Measurement], n_cpus: usize) -> Result<String, Error> {
    let mut svg = String::new();
    draw(measurements, n_cpus, &mut svg).map_err(|err| Error::Plot(err.to_string()))?;
    Ok(svg)
}

fn draw(
    measurements: &[Measurement],
    n_cpus: usize,
    svg: &mut String,
) -> Result<(), Box<dyn std::error::Error>> {
    let threads_max = measurements.iter().map(|m| m.threads).max().unwrap_or(1);
    let fastest = measurements.iter().map(|m| m.speed_up).fold(1.0, f64::max);
    // Half as much again at the top, for the legend.
    let (x_max, y_max) = (threads_max as f64 * 1.05, fastest.max(n_cpus as f64) * 1.5);
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("Mandelbrot: speed-up over one thread", (FONT, 22))
        .margin(16)
        .x_label_area_size(48)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..x_max, 0.0..y_max)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_labels(threads_max.min(16) + 1)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.1}"))
        .label_style((FONT, 15))
        .axis_desc_style((FONT, 17))
        .x_desc("threads")
        .y_desc("speed-up (sequential = 1)")
        .draw()?;
    let top = threads_max.min(n_cpus) as f64;
    let ideal = [(0.0, 0.0), (top, top), (threads_max as f64, top)];
    let grey = RGBColor(110, 110, 110);
    chart
        .draw_series(DashedLineSeries::new(ideal, 6, 4, grey.into()))?
        .label(format!("ideal, {n_cpus} CPUs"))
        .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], grey));
    let parallel = Strategy::ALL.into_iter().filter(|&strategy| strategy != Strategy::Sequential);
    for (strategy, colour) in parallel.zip(COLOURS) {
        let measured = measurements.iter().filter(|m| m.strategy == strategy);
        let points = measured.map(|m| (m.threads as f64, m.speed_up));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(4))?
            .label(strategy.name())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(grey)
        .label_font((FONT, 15))
        .draw()?;
    area.present()?;
    Ok(())
}
