//! Who baked, iced, inscribed, waited and was blocked when: a row a cook.

use std::collections::BTreeMap;
use std::time::Duration;

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::super::{Act, Event, Shop};
use super::{Area, BLUE, Error, GREEN, GREY, LARGE, ORANGE, PURPLE, SMALL, legend, letters};
use super::{pixels, rectangle, round_step, sheet, text};

const LEFT: i32 = 112;
const RIGHT: i32 = 24;
const TOP: i32 = 76;
const ROW: i32 = 30;
/// Colours of the stages, from the first; a fifth stage has the first one's.
const WORK: [RGBColor; 4] = [BLUE, GREEN, PURPLE, RGBColor(0x56, 0xb4, 0xe9)];
/// Fewer pixels than this hold no number.
const NUMBER_WIDTH: i32 = 17;

/// Draws the events of one run, in any order.
///
/// # Errors
/// When plotters fails.
pub fn timeline(title: &str, shop: &Shop, events: &[Event]) -> Result<String, Error> {
    let cooks: Vec<(usize, usize)> = shop.cooks().collect();
    let end = events.iter().map(|event| event.at).max().unwrap_or_default();
    let wide = (events.len() as f64 / shop.stages.len() as f64 * 14.0).clamp(900.0, 2400.0);
    let scale = Scale { end, width: pixels(wide) - LEFT - RIGHT };
    let n_rows = i32::try_from(cooks.len()).unwrap_or(1);
    let height = TOP + n_rows * ROW + 56;
    sheet((pixels(wide).unsigned_abs(), height.unsigned_abs()), |area| {
        text(area, title, (RIGHT, 24), &letters(LARGE), HPos::Left)?;
        let mut entries: Vec<(&str, RGBColor)> =
            shop.stages.iter().zip(WORK).map(|(stage, colour)| (stage.name, colour)).collect();
        entries.extend([("waiting for a cake", GREY), ("blocked: no room", ORANGE)]);
        legend(area, &entries, (RIGHT, 54))?;
        let days = by_cook(events);
        for (y, who) in (TOP..).step_by(30).zip(&cooks) {
            let name = format!("{} {}", shop.stages[who.0].name, who.1);
            text(area, &name, (LEFT - 8, y + ROW / 2 - 2), &letters(SMALL), HPos::Right)?;
            rectangle(area, (LEFT, y), (LEFT + scale.width, y + ROW - 6), GREY)?;
            for cake in days.get(who).into_iter().flat_map(|day| day.chunks(3)) {
                draw_cake(area, cake, &scale, y)?;
            }
        }
        milliseconds(area, &scale, TOP + n_rows * ROW)
    })
}

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

/// The events of each cook in order: took, completed, passed, and so on.
fn by_cook(events: &[Event]) -> BTreeMap<(usize, usize), Vec<Event>> {
    let mut days: BTreeMap<_, Vec<Event>> = BTreeMap::new();
    for event in events {
        days.entry(event.cook).or_default().push(*event);
    }
    for day in days.values_mut() {
        day.sort_by_key(|event| event.at); // stable: equal instants stay in order
    }
    days
}

/// One cake in a cook's hands: the work with the cake's number, then the wait for room.
fn draw_cake(area: &Area<'_>, cake: &[Event], scale: &Scale, y: i32) -> Result<(), Error> {
    let at = |act| cake.iter().find(|event| event.act == act).map(|event| scale.x(event.at));
    let (Some(took), Some(completed), Some(passed)) =
        (at(Act::Took), at(Act::Completed), at(Act::Passed))
    else {
        return Ok(()); // the run was stopped in the middle of it
    };
    let Event { cook: (stage, _), cake, .. } = cake[0];
    let bottom = y + ROW - 6;
    // A pixel between two cakes tells them apart.
    rectangle(area, (took, y), ((completed - 1).max(took), bottom), WORK[stage % WORK.len()])?;
    if passed > completed {
        rectangle(area, (completed, y), (passed - 1, bottom), ORANGE)?;
    }
    if completed - took < NUMBER_WIDTH {
        return Ok(());
    }
    let at = (i32::midpoint(took, completed), i32::midpoint(y, bottom));
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
    text(area, "milliseconds since the opening", middle, &letters(SMALL), HPos::Center)
}
