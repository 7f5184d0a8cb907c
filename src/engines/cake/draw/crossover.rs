//! The comparison as a picture: a heat map per shape, kind of work and number of cooks.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{
    Area, BLUE, FONT, LARGE, ORANGE, SMALL, legend, letters, rectangle, sheet, text,
};
use crate::engines::cake::crossover::Comparison;
use crate::engines::cake::crossover::table::{distinct, number, shown};
use crate::engines::cake::error::Error;

/// Pixels to the left of the maps, for the amounts of work, and above them.
const LEFT: i32 = 76;
const TOP: i32 = 84;
/// A cell, and the space between maps.
const CELL: (i32, i32) = (48, 24);
const SPACE: i32 = 24;
/// Height of the names above a row of maps.
const HEADER: i32 = 46;
/// At this ratio, and its inverse, a colour is full.
const FULL: f64 = 16.0;

/// Draws all ratios (without Go: shares of the ideal), each in a cell: work by rows, capacity by
/// columns, one map per number of cooks.
///
/// # Errors
/// When plotters fails.
pub fn crossover(title: &str, comparisons: &[Comparison]) -> Result<String, Error> {
    let has_goroutines = comparisons.iter().any(|comparison| comparison.ratio().is_some());
    let groups: Vec<&[Comparison]> =
        comparisons.chunk_by(|a, b| (a.shape, a.work) == (b.shape, b.work)).collect();
    let columns = distinct(comparisons.iter().map(|comparison| comparison.cooks));
    let capacities = distinct(comparisons.iter().map(|comparison| comparison.capacity));
    let width = LEFT + length(&columns) * (length(&capacities) * CELL.0 + SPACE);
    let rows = |group: &[Comparison]| length(&distinct(group.iter().map(Comparison::service)));
    let height: i32 = groups.iter().map(|group| HEADER + rows(group) * CELL.1 + SPACE).sum();
    sheet((width.max(640).unsigned_abs(), (TOP + height).unsigned_abs()), |area| {
        text(area, title, (20, 24), &letters(LARGE), HPos::Left)?;
        let entries: &[(&str, RGBColor)] = if has_goroutines {
            &[("threads are faster", BLUE), ("goroutines are faster", ORANGE)]
        } else {
            &[("less than the ideal", ORANGE)]
        };
        legend(area, entries, (20, 54))?;
        let mut y = TOP;
        for group in groups {
            for (column, &cooks) in columns.iter().enumerate() {
                let x = LEFT
                    + i32::try_from(column).unwrap_or(0) * (length(&capacities) * CELL.0 + SPACE);
                map(area, group, cooks, &capacities, (x, y), has_goroutines)?;
            }
            y += HEADER + rows(group) * CELL.1 + SPACE;
        }
        Ok(())
    })
}

fn length<T>(values: &[T]) -> i32 {
    i32::try_from(values.len()).unwrap_or(i32::MAX / 1_000)
}

/// One map with its names; the amounts of work only beside the first.
fn map(
    area: &Area<'_>,
    group: &[Comparison],
    cooks: usize,
    capacities: &[usize],
    (x, y): (i32, i32),
    has_goroutines: bool,
) -> Result<(), Error> {
    let services = distinct(group.iter().map(Comparison::service));
    let is_first = x == LEFT;
    if is_first {
        let work = if group[0].work == "sleep" { "waiting" } else { "computing" };
        let title = format!("{}, {work}: ratio by work and capacity", group[0].shape.title());
        text(area, &title, (20, y), &letters(SMALL), HPos::Left)?;
    }
    let s = if cooks == 1 { "" } else { "s" };
    let at = x + length(capacities) * CELL.0 / 2;
    text(area, &format!("{cooks} cook{s}"), (at, y + 18), &letters(SMALL), HPos::Center)?;
    let top = y + HEADER;
    for (row, service) in (0..).zip(&services) {
        let middle = top + row * CELL.1 + CELL.1 / 2;
        if is_first {
            text(area, &format!("{service:?}"), (x - 8, middle), &letters(13), HPos::Right)?;
        }
        for (column, &capacity) in (0..).zip(capacities) {
            let left = x + column * CELL.0;
            if row == 0 {
                let name = capacity.to_string();
                text(area, &name, (left + CELL.0 / 2, top - 10), &letters(13), HPos::Center)?;
            }
            let is_here =
                |c: &&Comparison| (c.cooks, c.capacity, c.service()) == (cooks, capacity, *service);
            let figure = group.iter().find(is_here).and_then(|c| shown(c, has_goroutines));
            cell(area, figure, (left, top + row * CELL.1))?;
        }
    }
    Ok(())
}

fn cell(area: &Area<'_>, figure: Option<f64>, (x, y): (i32, i32)) -> Result<(), Error> {
    let Some(ratio) = figure else { return Ok(()) };
    let colour = if ratio < 1.0 { ORANGE } else { BLUE };
    let depth = (ratio.ln().abs() / FULL.ln()).min(1.0) * 0.75;
    rectangle(area, (x, y), (x + CELL.0 - 2, y + CELL.1 - 2), blend(colour, depth))?;
    // The cells keep their light colours on a dark screen, so their letters must stay dark.
    let dark = (FONT, 13).into_font().color(&RGBColor(0x10, 0x10, 0x10));
    let at = (x + CELL.0 / 2 - 1, y + CELL.1 / 2 - 1);
    text(area, &number(Some(ratio)), at, &dark, HPos::Center)
}

/// A colour over near-white: a pure white would turn dark on a dark screen.
fn blend(colour: RGBColor, depth: f64) -> RGBColor {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 255")]
    let mix = |channel: u8| (f64::from(channel) * depth + 247.0 * (1.0 - depth)) as u8;
    RGBColor(mix(colour.0), mix(colour.1), mix(colour.2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::cake::crossover::quick_grid;

    #[test]
    fn every_point_has_a_cell_with_its_ratio() {
        let comparisons: Vec<Comparison> = quick_grid(2)
            .iter()
            .map(|point| Comparison {
                shape: point.shape,
                work: point.service.name(),
                service_ns: point.service.time.as_nanos(),
                capacity: point.capacity,
                cooks: point.cooks,
                threads_ns: vec![200.0],
                goroutines_ns: vec![98.0],
                ideal_ns: 0.0,
            })
            .collect();
        let picture = crossover("Threads beside goroutines", &comparisons).unwrap();
        assert_eq!(picture.matches("\n0.49\n").count(), comparisons.len());
        assert!(picture.contains("a pool, waiting"));
    }
}
