//! Figures made of rectangles: how cooks spent their day, and throughput by buffer and cooks.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::super::lab::Point;
use super::super::{Outcome, Shares, Shop};
use super::{Area, BLUE, Error, GREY, LARGE, ORANGE, SMALL, legend, letters, pixels, rectangle};
use super::{sheet, text};

/// Pixels left of the bars and cells, for names.
const LEFT: i32 = 132;
const RIGHT: i32 = 20;
const WIDTH: u32 = 720;

/// Height of a bar and of what separates two groups of them.
const BAR: i32 = 17;
const GROUP: i32 = 34;

/// A bar a cook: busy, starved, blocked. Each group is a shop with its outcome.
///
/// # Errors
/// When plotters fails.
pub fn shares(title: &str, groups: &[(&str, &Shop, &Outcome)]) -> Result<String, Error> {
    let n_cooks: usize = groups.iter().map(|(_, _, outcome)| outcome.cooks.len()).sum();
    let bars = i32::try_from(n_cooks).unwrap_or(i32::MAX / BAR) * BAR;
    let height = 74 + GROUP * i32::try_from(groups.len()).unwrap_or(0) + bars + 44;
    sheet((WIDTH, height.unsigned_abs()), |area| {
        text(area, title, (RIGHT, 24), &letters(LARGE), HPos::Left)?;
        legend(area, &[("busy", BLUE), ("starved", GREY), ("blocked", ORANGE)], (RIGHT, 54))?;
        let mut y = 74;
        for (name, shop, outcome) in groups {
            text(area, name, (RIGHT, y + 18), &letters(SMALL), HPos::Left)?;
            y += GROUP;
            for cook in &outcome.cooks {
                let who = format!("{} {}", shop.stages[cook.stage].name, cook.number);
                text(area, &who, (LEFT - 8, y + BAR / 2), &letters(13), HPos::Right)?;
                share_bar(area, cook.shares(outcome.makespan), y)?;
                y += BAR;
            }
        }
        percents(area, y)
    })
}

fn share_bar(area: &Area<'_>, shares: Shares, y: i32) -> Result<(), Error> {
    let mut from = 0.0;
    for (share, colour) in [(shares.busy, BLUE), (shares.starved, GREY), (shares.blocked, ORANGE)] {
        let ends = [from, from + share].map(across);
        if ends[0] < ends[1] {
            rectangle(area, (ends[0], y + 1), (ends[1], y + BAR - 2), colour)?;
        }
        from += share;
    }
    Ok(())
}

fn percents(area: &Area<'_>, y: i32) -> Result<(), Error> {
    for percent in [0, 25, 50, 75, 100] {
        let x = across(f64::from(percent) / 100.0);
        let words = format!("{percent} %");
        let side = if percent == 100 { HPos::Right } else { HPos::Center };
        text(area, &words, (x, y + 16), &letters(SMALL), side)?;
    }
    Ok(())
}

fn across(share: f64) -> i32 {
    let width = f64::from(WIDTH) - f64::from(LEFT + RIGHT);
    LEFT + pixels(width * share.clamp(0.0, 1.0))
}

/// Height of a cell of the heat map.
const CELL: i32 = 38;

/// Throughput by places on the counters (columns) and icers (rows), each cell with its number.
///
/// # Errors
/// When plotters fails.
pub fn heat_map(title: &str, points: &[Point]) -> Result<String, Error> {
    let (buffers, icers) = (axis(points, |it| it.buffer), axis(points, |it| it.icers));
    let rate = |point: &Point| point.trial.throughput().map_or(0.0, |rate| rate.mean);
    let rates = || points.iter().map(rate);
    let (least, most) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    let n_rows = i32::try_from(icers.len()).unwrap_or(1);
    let height = 70 + n_rows * CELL + 70;
    sheet((WIDTH, height.unsigned_abs()), |area| {
        text(area, title, (RIGHT, 24), &letters(LARGE), HPos::Left)?;
        text(area, "cakes a second", (RIGHT, 50), &letters(SMALL), HPos::Left)?;
        for point in points {
            let column = buffers.binary_search(&point.buffer).unwrap_or(0);
            let row = icers.binary_search(&point.icers).unwrap_or(0);
            let heat = (rate(point) - least) / (most - least).max(1e-9);
            let cell = cell((column, row), (buffers.len(), icers.len()));
            heat_cell(area, cell, heat, rate(point))?;
        }
        heat_axes(area, &buffers, &icers)
    })
}

type Cell = ((i32, i32), (i32, i32));

/// Columns from the left, rows from the bottom.
fn cell((column, row): (usize, usize), (columns, rows): (usize, usize)) -> Cell {
    let x = |column: usize| across(column as f64 / columns.max(1) as f64);
    let y = |row: usize| 70 + CELL * i32::try_from(rows - row).unwrap_or(0);
    ((x(column), y(row + 1)), (x(column + 1), y(row)))
}

fn heat_cell(area: &Area<'_>, (from, to): Cell, heat: f64, rate: f64) -> Result<(), Error> {
    rectangle(area, from, (to.0 - 1, to.1 - 1), warmth(heat))?;
    // Not quite black and white: those change with the reader's paper, the cells do not.
    let ink = if heat > 0.55 { RGBColor(0xfe, 0xfe, 0xfe) } else { RGBColor(1, 1, 1) };
    let digits = usize::from(rate < 100.0);
    let middle = (i32::midpoint(from.0, to.0), i32::midpoint(from.1, to.1));
    let size = if to.0 - from.0 < 44 { 11 } else { SMALL };
    let style = letters(size).color(&ink);
    text(area, &format!("{rate:.digits$}"), middle, &style, HPos::Center)
}

/// From sand at 0 to deep blue at 1, evenly.
fn warmth(heat: f64) -> RGBColor {
    let mix = |sand: f64, blue: f64| {
        let byte = pixels(sand + (blue - sand) * heat.clamp(0.0, 1.0));
        u8::try_from(byte).unwrap_or(u8::MAX)
    };
    RGBColor(mix(246.0, 18.0), mix(232.0, 78.0), mix(190.0, 140.0))
}

fn heat_axes(area: &Area<'_>, buffers: &[usize], icers: &[usize]) -> Result<(), Error> {
    let grid = (buffers.len(), icers.len());
    for (column, buffer) in buffers.iter().enumerate() {
        let ((left, _), (right, bottom)) = cell((column, 0), grid);
        let at = (i32::midpoint(left, right), bottom + 16);
        text(area, &buffer.to_string(), at, &letters(SMALL), HPos::Center)?;
    }
    for (row, n) in icers.iter().enumerate() {
        let ((left, top), (_, bottom)) = cell((0, row), grid);
        let words = if *n == 1 { "1 icer".to_owned() } else { format!("{n} icers") };
        let at = (left - 8, i32::midpoint(top, bottom));
        text(area, &words, at, &letters(SMALL), HPos::Right)?;
    }
    let ((_, _), (_, bottom)) = cell((0, 0), grid);
    let middle = (i32::midpoint(across(0.0), across(1.0)), bottom + 42);
    text(area, "places on each counter", middle, &letters(SMALL), HPos::Center)
}

fn axis(points: &[Point], of: impl Fn(&Point) -> usize) -> Vec<usize> {
    let mut values: Vec<usize> = points.iter().map(of).collect();
    values.sort_unstable();
    values.dedup();
    values
}
