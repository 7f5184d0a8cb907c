//! The figures, as SVG text: light or dark as the reader's screen is, with words a reader can
//! select.

use std::fmt::Display;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::Error;

mod bars;
mod curves;
mod timeline;

pub use bars::{heat_map, shares};
pub use curves::{Ecdf, Scaling, Throughput, ecdf, makespan_by_icers, throughput_by_buffer};
pub use timeline::timeline;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const FONT: &str = "sans-serif";
/// Pixels of the letters at axes and in legends.
const SMALL: u32 = 15;
/// Pixels of the letters in titles.
const LARGE: u32 = 18;

const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const ORANGE: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
/// Starved cooks: there, but not the point.
const GREY: RGBColor = RGBColor(0xc8, 0xcc, 0xd2);

/// Swaps paper and ink, and the one colour too dark for dark paper. Attributes of SVG elements
/// give way to any style sheet, whether the figure stands alone or in a page.
const STYLE: &str = "<style>text{font-variant-numeric:tabular-nums}\
@media(prefers-color-scheme:dark){[fill=\"#FFFFFF\"]{fill:#16181d}[fill=\"#000000\"]{fill:#e8eaed}\
[stroke=\"#000000\"]{stroke:#9aa0a6}[stroke=\"#FFFFFF\"]{stroke:#16181d}\
[fill=\"#0072B2\"]{fill:#4aa8e0}[stroke=\"#0072B2\"]{stroke:#4aa8e0}\
[fill=\"#C8CCD2\"]{fill:#464b54}}</style>";

/// Draws on a sheet of that size and gives the SVG.
fn sheet(
    (width, height): (u32, u32),
    draw: impl FnOnce(&Area<'_>) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut svg = String::new();
    let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
    area.fill(&WHITE).map_err(failed)?;
    draw(&area)?;
    area.present().map_err(failed)?;
    drop(area);
    let body = svg.find('>').map_or(0, |end| end + 1);
    svg.insert_str(body, STYLE);
    Ok(svg)
}

fn failed(err: impl Display) -> Error {
    Error::Draw(err.to_string())
}

fn letters(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&BLACK)
}

fn text(
    area: &Area<'_>,
    words: &str,
    at: (i32, i32),
    style: &TextStyle<'_>,
    h: HPos,
) -> Result<(), Error> {
    let style = style.pos(Pos::new(h, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, style)).map_err(failed)
}

fn rectangle(
    area: &Area<'_>,
    from: (i32, i32),
    to: (i32, i32),
    colour: RGBColor,
) -> Result<(), Error> {
    area.draw(&Rectangle::new([from, to], colour.filled())).map_err(failed)
}

/// A row of coloured squares with what they mean, from `at` to the right.
fn legend(area: &Area<'_>, entries: &[(&str, RGBColor)], at: (i32, i32)) -> Result<(), Error> {
    let (mut x, y) = at;
    for (words, colour) in entries {
        rectangle(area, (x, y - 6), (x + 12, y + 6), *colour)?;
        text(area, words, (x + 18, y), &letters(SMALL), HPos::Left)?;
        x += 18 + pixels(words.chars().count() as f64 * 7.4) + 18;
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation)] // of a sheet a few thousand pixels wide
fn pixels(x: f64) -> i32 {
    x.round() as i32
}

/// A round step that divides `range` into about `n` parts: 1, 2 or 5 times a power of ten.
fn round_step(range: f64, n: f64) -> f64 {
    let raw = (range / n).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(raw.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    steps.into_iter().find(|&step| step >= raw).unwrap_or(steps[3])
}

#[cfg(test)]
mod tests {
    use super::round_step;

    #[test]
    fn steps_are_round() {
        let check = |range: f64, expected: f64| {
            let step = round_step(range, 5.0);
            assert!((step / expected - 1.0).abs() < 1e-9, "{range}: {step}");
        };
        check(5.0, 1.0);
        check(223.0, 50.0);
        check(1020.0, 500.0);
        check(0.3, 0.1);
    }
}
