//! The sheet a chart is drawn on: text, rectangles, legends, colours.

use std::fmt::Display;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::engines::cake::error::Error;

pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub(super) const FONT: &str = "sans-serif";
/// Font size at axes and in legends, in pixels.
pub(super) const SMALL: u32 = 15;
/// Font size of titles, in pixels.
pub(super) const LARGE: u32 = 18;

pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
pub(super) const ORANGE: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
pub(super) const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);
/// The colour of starved cooks: visible, but not prominent.
pub(super) const GREY: RGBColor = RGBColor(0xc8, 0xcc, 0xd2);

/// Swaps black and white on a dark screen, and the colours that would be hard to see there. CSS
/// rules override the attributes of SVG elements, in a file of its own as well as inside a page.
const STYLE: &str = "<style>text{font-variant-numeric:tabular-nums}\
@media(prefers-color-scheme:dark){[fill=\"#FFFFFF\"]{fill:#16181d}[fill=\"#000000\"]{fill:#e8eaed}\
[stroke=\"#000000\"]{stroke:#9aa0a6}[stroke=\"#FFFFFF\"]{stroke:#16181d}\
[fill=\"#0072B2\"]{fill:#4aa8e0}[stroke=\"#0072B2\"]{stroke:#4aa8e0}\
[fill=\"#C8CCD2\"]{fill:#464b54}}</style>";

/// The SVG of a sheet of that size in pixels, as drawn by `draw`.
pub(super) fn sheet(
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

pub(super) fn failed(err: impl Display) -> Error {
    Error::Draw(err.to_string())
}

/// Black text of a size in pixels.
pub(super) fn letters(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&BLACK)
}

/// Draws text at a point: vertically centred, horizontally as `h` says.
pub(super) fn text(
    area: &Area<'_>,
    label: &str,
    at: (i32, i32),
    style: &TextStyle<'_>,
    h: HPos,
) -> Result<(), Error> {
    let style = style.pos(Pos::new(h, VPos::Center));
    area.draw(&Text::new(label.to_owned(), at, style)).map_err(failed)
}

pub(super) fn rectangle(
    area: &Area<'_>,
    from: (i32, i32),
    to: (i32, i32),
    colour: RGBColor,
) -> Result<(), Error> {
    area.draw(&Rectangle::new([from, to], colour.filled())).map_err(failed)
}

/// Draws coloured squares with their meanings in one row, from `at` to the right.
pub(super) fn legend(
    area: &Area<'_>,
    entries: &[(&str, RGBColor)],
    at: (i32, i32),
) -> Result<(), Error> {
    let (mut x, y) = at;
    for (label, colour) in entries {
        rectangle(area, (x, y - 6), (x + 12, y + 6), *colour)?;
        text(area, label, (x + 18, y), &letters(SMALL), HPos::Left)?;
        x += 18 + pixels(label.chars().count() as f64 * 7.4) + 18;
    }
    Ok(())
}

/// A length in whole pixels.
#[expect(clippy::cast_possible_truncation)] // no sheet is wider than a few thousand pixels
pub(super) fn pixels(x: f64) -> i32 {
    x.round() as i32
}

/// The round step that divides `range` into about `n` parts: 1, 2 or 5 times a power of ten.
pub(super) fn round_step(range: f64, n: f64) -> f64 {
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
