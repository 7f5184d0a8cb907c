//! A row as a picture: one line per side, with a dot at the median and a bar from minimum to maximum.

use std::fmt::Display;

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure;
use crate::case::{Case, RowResult, Side};

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const WIDTH: u32 = 760;
/// The horizontal range of the scale, in pixels.
const LEFT: f64 = 250.0;
const RIGHT: f64 = 690.0;
const TOP: i32 = 64;
const LINE: i32 = 20;
const SPACE: i32 = 12;

const OURS: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const GO: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const FAINT: RGBColor = RGBColor(0x8a, 0x90, 0x98);

/// Swaps background and text colours in dark mode.
const STYLE: &str = "<style>text{font-variant-numeric:tabular-nums}@media(prefers-color-scheme:dark){\
[fill=\"#FFFFFF\"]{fill:#16181d}[fill=\"#000000\"]{fill:#e8eaed}[fill=\"#0072B2\"]{fill:#4aa8e0}\
[stroke=\"#0072B2\"]{stroke:#4aa8e0}}</style>";

/// The scale is logarithmic if the largest figure is at least this many times the smallest.
const LOGARITHMIC_FROM: f64 = 20.0;

/// Draws the first metric of all cases; `None` if nothing was measured.
pub(super) fn of(row: &RowResult) -> anyhow::Result<Option<String>> {
    let Some(unit) = row.cases.iter().find_map(unit_of) else { return Ok(None) };
    let cases = row.cases.iter().filter(|case| unit_of(case) == Some(unit));
    let cases: Vec<&Case> = cases.collect();
    let n_lines: usize = cases.iter().map(|case| case.sides.len()).sum();
    let height =
        TOP + i32::try_from(n_lines)? * LINE + i32::try_from(cases.len())? * (LINE + SPACE);
    let scale = Scale::of(&cases);
    let mut svg = String::new();
    {
        let size = (WIDTH, height.unsigned_abs());
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        write(&area, row.title, (16, 22), 18, BLACK, HPos::Left)?;
        let kind = if scale.is_logarithmic { ", logarithmic" } else { "" };
        write(&area, &format!("{unit}{kind}; less is better"), (16, 46), 14, FAINT, HPos::Left)?;
        let mut y = TOP;
        for case in cases {
            y = draw_case(&area, case, &scale, y)?;
        }
        area.present().map_err(failed)?;
    }
    let body = svg.find('>').map_or(0, |end| end + 1);
    svg.insert_str(body, STYLE);
    Ok(Some(svg))
}

/// The unit of a case's first metric. Cases with another unit are left out of the picture.
fn unit_of(case: &Case) -> Option<&'static str> {
    Some(case.sides.first()?.metrics.first()?.unit)
}

fn draw_case(area: &Area<'_>, case: &Case, scale: &Scale, mut y: i32) -> anyhow::Result<i32> {
    write(area, &case.input, (16, y + LINE / 2), 14, BLACK, HPos::Left)?;
    y += LINE;
    for side in &case.sides {
        draw_side(area, side, scale, y + LINE / 2)?;
        y += LINE;
    }
    Ok(y + SPACE)
}

fn draw_side(area: &Area<'_>, side: &Side, scale: &Scale, y: i32) -> anyhow::Result<()> {
    let colour = if side.is_ours { OURS } else { GO };
    let left = scale.x(0.0);
    write(area, &side.label, (left - 10, y), 14, colour, HPos::Right)?;
    let Some(metric) = side.metrics.first() else { return Ok(()) };
    let [least, middle, most] = [metric.min, metric.median, metric.max].map(|value| scale.x(value));
    let thin = FAINT.mix(0.35).stroke_width(1);
    area.draw(&PathElement::new([(left, y), (middle, y)], thin)).map_err(failed)?;
    area.draw(&PathElement::new([(least, y), (most, y)], colour.stroke_width(3)))
        .map_err(failed)?;
    area.draw(&Circle::new((middle, y), 5, colour.filled())).map_err(failed)?;
    write(area, &figure(metric.median), (most.max(middle) + 10, y), 13, BLACK, HPos::Left)
}

fn write(
    area: &Area<'_>,
    words: &str,
    at: (i32, i32),
    size: u32,
    colour: RGBColor,
    towards: HPos,
) -> anyhow::Result<()> {
    let style =
        ("sans-serif", size).into_font().color(&colour).pos(Pos::new(towards, VPos::Center));
    area.draw(&Text::new(words.to_owned(), at, style)).map_err(failed)
}

fn failed(err: impl Display) -> anyhow::Error {
    anyhow!("the picture: {err}")
}

/// Maps figures to pixels.
struct Scale {
    least: f64,
    most: f64,
    is_logarithmic: bool,
}

impl Scale {
    fn of(cases: &[&Case]) -> Self {
        let sides = cases.iter().flat_map(|case| &case.sides);
        let metrics: Vec<_> = sides.filter_map(|side| side.metrics.first()).collect();
        let least = metrics
            .iter()
            .map(|metric| metric.min)
            .filter(|&min| min > 0.0)
            .fold(f64::INFINITY, f64::min);
        let most = metrics.iter().map(|metric| metric.max).fold(0.0, f64::max);
        Scale { least, most, is_logarithmic: most / least > LOGARITHMIC_FROM }
    }

    #[expect(clippy::cast_possible_truncation, reason = "LEFT to RIGHT")]
    fn x(&self, value: f64) -> i32 {
        let share = if self.is_logarithmic {
            // Keeps the smallest figure a little off the edge.
            let floor = self.least / 1.5;
            (value.max(floor) / floor).ln() / (self.most / floor).ln()
        } else {
            value / self.most
        };
        (LEFT + (RIGHT - LEFT) * share.clamp(0.0, 1.0)).round() as i32
    }
}
