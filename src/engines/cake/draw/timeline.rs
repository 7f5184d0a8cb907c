//! A timeline of what every cook did, one row per cook.

use std::collections::BTreeMap;
use std::time::Duration;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::canvas::{Area, BLUE, GREEN, GREY, LARGE, ORANGE, PURPLE, SMALL};
use super::canvas::{legend, letters, pixels, rectangle, round_step, sheet, text};
use crate::engines::cake::error::Error;
use crate::engines::cake::event::{Event, EventKind};
use crate::engines::cake::shop::Shop;

const LEFT: i32 = 112;
const RIGHT: i32 = 24;
const TOP: i32 = 76;
const ROW: i32 = 30;
/// Colours of the stages in order; they repeat from the fifth stage on.
const STAGE_COLOURS: [RGBColor; 4] = [BLUE, GREEN, PURPLE, RGBColor(0x56, 0xb4, 0xe9)];
/// Bars narrower than this, in pixels, get no number.
const NUMBER_WIDTH: i32 = 17;

/// Draws the events of one run, which may be in any order.
///
/// # Errors
/// When plotters fails.
pub fn timeline(title: &str, shop: &Shop, events: &[Event]) -> Result<String, Error> {
    let cooks: Vec<(usize, usize)> = shop.cooks().collect();
    let end = events.iter().map(|event| event.at).max().unwrap_or_default();
    let width = (events.len() as f64 / shop.stages.len() as f64 * 14.0).clamp(900.0, 2400.0);
    let scale = Scale { end, width: pixels(width) - LEFT - RIGHT };
    let n_rows = i32::try_from(cooks.len()).unwrap_or(1);
    let height = TOP + n_rows * ROW + 56;
    sheet((pixels(width).unsigned_abs(), height.unsigned_abs()), |area| {
        text(area, title, (RIGHT, 24), &letters(LARGE), HPos::Left)?;
        let mut entries: Vec<(&str, RGBColor)> = shop
            .stages
            .iter()
            .zip(STAGE_COLOURS)
            .map(|(stage, colour)| (stage.name, colour))
            .collect();
        entries.extend([("waiting for a cake", GREY), ("blocked: no room", ORANGE)]);
        legend(area, &entries, (RIGHT, 54))?;
        let by_cook = by_cook(events);
        for (y, id) in (TOP..).step_by(30).zip(&cooks) {
            let name = format!("{} {}", shop.stages[id.0].name, id.1);
            text(area, &name, (LEFT - 8, y + ROW / 2 - 2), &letters(SMALL), HPos::Right)?;
            rectangle(area, (LEFT, y), (LEFT + scale.width, y + ROW - 6), GREY)?;
            for cake in by_cook.get(id).into_iter().flat_map(|events| events.chunks(3)) {
                draw_cake(area, cake, &scale, y)?;
            }
        }
        milliseconds(area, &scale, TOP + n_rows * ROW)
    })
}

/// Converts times to pixels.
struct Scale {
    end: Duration,
    width: i32,
}

impl Scale {
    fn x(&self, at: Duration) -> i32 {
        let part = at.as_secs_f64() / self.end.as_secs_f64().max(1e-9);
        LEFT + pixels(f64::from(self.width) * part)
    }
}

/// The events of each cook in order of time: started, finished, passed on, and so on.
fn by_cook(events: &[Event]) -> BTreeMap<(usize, usize), Vec<Event>> {
    let mut by_cook: BTreeMap<_, Vec<Event>> = BTreeMap::new();
    for event in events {
        by_cook.entry(event.cook).or_default().push(*event);
    }
    for events in by_cook.values_mut() {
        events.sort_by_key(|event| event.at); // stable: equal instants stay in order
    }
    by_cook
}

/// Draws the three events of one cake: a bar for the work, with the cake's number, then one for the
/// wait until there was room.
fn draw_cake(area: &Area<'_>, cake: &[Event], scale: &Scale, y: i32) -> Result<(), Error> {
    let at = |kind| cake.iter().find(|event| event.kind == kind).map(|event| scale.x(event.at));
    let (Some(started), Some(finished), Some(passed_on)) =
        (at(EventKind::Started), at(EventKind::Finished), at(EventKind::PassedOn))
    else {
        return Ok(()); // the run was cancelled in between
    };
    let Event { cook: (stage, _), cake, .. } = cake[0];
    let bottom = y + ROW - 6;
    // One pixel separates two cakes.
    rectangle(
        area,
        (started, y),
        ((finished - 1).max(started), bottom),
        STAGE_COLOURS[stage % STAGE_COLOURS.len()],
    )?;
    if passed_on > finished {
        rectangle(area, (finished, y), (passed_on - 1, bottom), ORANGE)?;
    }
    if finished - started < NUMBER_WIDTH {
        return Ok(());
    }
    let at = (i32::midpoint(started, finished), i32::midpoint(y, bottom));
    let ink = letters(12).color(&RGBColor(0xfe, 0xfe, 0xfe));
    text(area, &cake.to_string(), at, &ink, HPos::Center)
}

fn milliseconds(area: &Area<'_>, scale: &Scale, y: i32) -> Result<(), Error> {
    let end = scale.end.as_secs_f64() * 1e3;
    let step = round_step(end, 10.0);
    let ticks = (0..).map(|i| f64::from(i) * step).take_while(|&at| at <= end);
    for at in ticks {
        let x = scale.x(Duration::from_secs_f64(at / 1e3));
        rectangle(area, (x, y), (x, y + 5), BLACK)?;
        text(area, &format!("{at}"), (x, y + 18), &letters(SMALL), HPos::Center)?;
    }
    let middle = (LEFT + scale.width / 2, y + 40);
    text(area, "milliseconds since the start", middle, &letters(SMALL), HPos::Center)
}
