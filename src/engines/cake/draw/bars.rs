//! Charts made of rectangles: how cooks spent their time, and a heat map of throughput.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Area, BLUE, GREY, LARGE, ORANGE, SMALL};
use super::canvas::{legend, letters, pixels, rectangle, sheet, text};
use crate::engines::cake::error::Error;
use crate::engines::cake::experiment::SweepPoint;
use crate::engines::cake::run_stats::{RunStats, TimeShares};
use crate::engines::cake::shop::Shop;

/// Pixels to the left of the bars and cells, for their names.
const LEFT: i32 = 132;
const RIGHT: i32 = 20;
const WIDTH: u32 = 720;

/// Height in pixels of a bar, and of the header of a group of bars.
const BAR: i32 = 17;
const GROUP: i32 = 34;

/// Draws one bar per cook, divided into busy, starved and blocked. Each group is a name, a shop and
/// its run.
///
/// # Errors
/// When plotters fails.
pub fn shares(title: &str, groups: &[(&str, &Shop, &RunStats)]) -> Result<String, Error> {
    let n_cooks: usize = groups.iter().map(|(_, _, run)| run.cooks.len()).sum();
    let bars = i32::try_from(n_cooks).unwrap_or(i32::MAX / BAR) * BAR;
    let height = 74 + GROUP * i32::try_from(groups.len()).unwrap_or(0) + bars + 44;
    sheet((WIDTH, height.unsigned_abs()), |area| {
        text(area, title, (RIGHT, 24), &letters(LARGE), HPos::Left)?;
        legend(area, &[("busy", BLUE), ("starved", GREY), ("blocked", ORANGE)], (RIGHT, 54))?;
        let mut y = 74;
        for (name, shop, run) in groups {
            text(area, name, (RIGHT, y + 18), &letters(SMALL), HPos::Left)?;
            y += GROUP;
            for cook in &run.cooks {
                let who = format!("{} {}", shop.stages[cook.stage].name, cook.number);
                text(area, &who, (LEFT - 8, y + BAR / 2), &letters(13), HPos::Right)?;
                share_bar(area, cook.shares(run.makespan), y)?;
                y += BAR;
            }
        }
        percents(area, y)
    })
}

fn share_bar(area: &Area<'_>, shares: TimeShares, y: i32) -> Result<(), Error> {
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
        let label = format!("{percent} %");
        let side = if percent == 100 { HPos::Right } else { HPos::Center };
        text(area, &label, (x, y + 16), &letters(SMALL), side)?;
    }
    Ok(())
}

/// The x of a fraction of the width.
fn across(share: f64) -> i32 {
    let width = f64::from(WIDTH) - f64::from(LEFT + RIGHT);
    LEFT + pixels(width * share.clamp(0.0, 1.0))
}

/// Height of a cell of the heat map, in pixels.
const CELL: i32 = 38;

/// Draws throughput by buffer capacity (columns) and number of icers (rows), with the number in
/// each cell.
///
/// # Errors
/// When plotters fails.
pub fn heat_map(title: &str, points: &[SweepPoint]) -> Result<String, Error> {
    let (buffers, icers) = (axis(points, |point| point.buffer), axis(points, |point| point.icers));
    let rate = |point: &SweepPoint| point.measured.throughput().map_or(0.0, |rate| rate.mean);
    let rates = || points.iter().map(rate);
    let (min, max) = (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max));
    let n_rows = i32::try_from(icers.len()).unwrap_or(1);
    let height = 70 + n_rows * CELL + 70;
    sheet((WIDTH, height.unsigned_abs()), |area| {
        text(area, title, (RIGHT, 24), &letters(LARGE), HPos::Left)?;
        text(area, "cakes per second", (RIGHT, 50), &letters(SMALL), HPos::Left)?;
        for point in points {
            let column = buffers.binary_search(&point.buffer).unwrap_or(0);
            let row = icers.binary_search(&point.icers).unwrap_or(0);
            let heat = (rate(point) - min) / (max - min).max(1e-9);
            let cell = cell((column, row), (buffers.len(), icers.len()));
            heat_cell(area, cell, heat, rate(point))?;
        }
        heat_axes(area, &buffers, &icers)
    })
}

type Cell = ((i32, i32), (i32, i32));

/// The rectangle of a cell; columns count from the left, rows from the bottom.
fn cell((column, row): (usize, usize), (columns, rows): (usize, usize)) -> Cell {
    let x = |column: usize| across(column as f64 / columns.max(1) as f64);
    let y = |row: usize| 70 + CELL * i32::try_from(rows - row).unwrap_or(0);
    ((x(column), y(row + 1)), (x(column + 1), y(row)))
}

fn heat_cell(area: &Area<'_>, (from, to): Cell, heat: f64, rate: f64) -> Result<(), Error> {
    rectangle(area, from, (to.0 - 1, to.1 - 1), heat_colour(heat))?;
    // Not quite black and white: those are swapped on a dark screen, and the cells are not.
    let ink = if heat > 0.55 { RGBColor(0xfe, 0xfe, 0xfe) } else { RGBColor(1, 1, 1) };
    let digits = usize::from(rate < 100.0);
    let middle = (i32::midpoint(from.0, to.0), i32::midpoint(from.1, to.1));
    let size = if to.0 - from.0 < 44 { 11 } else { SMALL };
    let style = letters(size).color(&ink);
    text(area, &format!("{rate:.digits$}"), middle, &style, HPos::Center)
}

/// A colour between sand at 0 and deep blue at 1.
fn heat_colour(heat: f64) -> RGBColor {
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
        let label = if *n == 1 { "1 icer".to_owned() } else { format!("{n} icers") };
        let at = (left - 8, i32::midpoint(top, bottom));
        text(area, &label, at, &letters(SMALL), HPos::Right)?;
    }
    let ((_, _), (_, bottom)) = cell((0, 0), grid);
    let middle = (i32::midpoint(across(0.0), across(1.0)), bottom + 42);
    text(area, "buffer capacity (cakes)", middle, &letters(SMALL), HPos::Center)
}

/// The distinct values of a coordinate, sorted.
fn axis(points: &[SweepPoint], value: impl Fn(&SweepPoint) -> usize) -> Vec<usize> {
    let mut values: Vec<usize> = points.iter().map(value).collect();
    values.sort_unstable();
    values.dedup();
    values
}
