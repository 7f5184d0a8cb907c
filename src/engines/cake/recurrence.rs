//! The shop in closed form, for one cook a stage: when cake n leaves stage j.
//!
//! `D_j(n) = max(max(D_{j-1}(n), D_j(n-1)) + S_j(n), D_{j+1}(n-B_j-1))`: the work starts when both
//! cake and cook are there, and the cake leaves when the work is done and there is room: the
//! cook of the next stage and the B places before him hold B + 1 cakes.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Cook, Counter, Error, Outcome, Shop};

/// Runs the shop and shows `departures` of each cake, in nanoseconds, stage by stage.
///
/// # Errors
/// When the shop cannot open or a stage has more than one cook.
pub fn run(shop: &Shop, mut departures: impl FnMut(u64, &[u64])) -> Result<Outcome, Error> {
    check(shop)?;
    let (times, last) = (shop.times(), shop.stages.len() - 1);
    let mut rows: Vec<Row> = shop.stages.iter().map(|_| Row::default()).collect();
    let mut left = vec![0; shop.stages.len()];
    for cake in 0..shop.cakes {
        let mut arrived = 0;
        for (j, times) in times.iter().enumerate() {
            let room = rows.get(j + 1).map_or(0, |next| next.departure_back(shop.stages[j].buffer));
            arrived = rows[j].serve(arrived, times.nanos(cake), room);
            left[j] = arrived;
        }
        for j in 1..=last {
            let kept = shop.stages[j - 1].buffer + 1;
            rows[j].remember(left[j], kept);
        }
        departures(cake, &left);
    }
    Ok(outcome(shop, &rows, left[last]))
}

/// Says whether the recurrence is for this shop.
pub(super) fn check(shop: &Shop) -> Result<(), Error> {
    shop.check()?;
    match shop.stages.iter().find(|stage| stage.cooks != 1) {
        Some(stage) => Err(Error::OneCookOnly(stage.name, stage.cooks)),
        None => Ok(()),
    }
}

/// One stage, as far back as anybody asks.
#[derive(Default)]
struct Row {
    /// The latest departures, newest last.
    latest: VecDeque<u64>,
    free_at: u64,
    busy: u64,
    blocked: u64,
    waited: u128,
}

impl Row {
    /// The cake before which `buffer` others wait: with it gone there is room.
    fn departure_back(&self, buffer: usize) -> u64 {
        if self.latest.len() <= buffer { 0 } else { self.latest[0] }
    }

    fn serve(&mut self, arrived: u64, nanos: u64, room: u64) -> u64 {
        let started = arrived.max(self.free_at);
        let completed = started + nanos;
        self.free_at = completed.max(room);
        self.waited += u128::from(started - arrived);
        self.busy += nanos;
        self.blocked += self.free_at - completed;
        self.free_at
    }

    fn remember(&mut self, departure: u64, kept: usize) {
        if self.latest.len() == kept {
            self.latest.pop_front();
        }
        self.latest.push_back(departure);
    }
}

fn outcome(shop: &Shop, rows: &[Row], makespan: u64) -> Outcome {
    let cook = |(stage, row): (usize, &Row)| Cook {
        stage,
        number: 0,
        cakes: shop.cakes,
        busy: Duration::from_nanos(row.busy),
        blocked: Duration::from_nanos(row.blocked),
    };
    let mean = |row: &Row| row.waited as f64 / makespan.max(1) as f64;
    Outcome {
        cakes: shop.cakes,
        makespan: Duration::from_nanos(makespan),
        cooks: rows.iter().enumerate().map(cook).collect(),
        counters: rows.iter().skip(1).map(|row| Counter { mean: mean(row), most: None }).collect(),
        cpu: None,
    }
}
