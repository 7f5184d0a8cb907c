//! The shop in closed form, for one cook per stage: when cake n leaves stage j.
//!
//! `D_j(n) = max(max(D_{j-1}(n), D_j(n-1)) + S_j(n), D_{j+1}(n-B_j-1))`, where `S_j(n)` is the
//! service time and `B_j` the capacity of the counter behind stage j. Work starts when both the
//! cake and the cook are available; the cake leaves when the work is finished and there is room
//! for it, which is so as soon as cake n-B_j-1 has left the next stage.

use std::collections::VecDeque;
use std::time::Duration;

use super::error::Error;
use super::run_stats::{CookStats, CounterStats, RunStats};
use super::shop::Shop;

/// Computes the run of `shop` and passes the number of each cake and the times when it left each
/// stage, in nanoseconds since the start, to `on_cake`.
///
/// # Errors
/// When the shop is invalid or a stage has more than one cook.
///
/// # Examples
/// ```
/// use threadbare::engines::cake::{Shop, recurrence};
///
/// let shop = Shop { cakes: 2, ..Shop::book() };
/// let mut departures_ms = Vec::new();
/// let run = recurrence::run(&shop, |_cake, nanos| departures_ms.push(nanos[2] / 1_000_000))?;
/// assert_eq!(departures_ms, [30, 40]);
/// assert_eq!(run.makespan.as_millis(), 40);
/// # Ok::<(), threadbare::engines::cake::Error>(())
/// ```
pub fn run(shop: &Shop, mut on_cake: impl FnMut(u64, &[u64])) -> Result<RunStats, Error> {
    check(shop)?;
    let (times, last) = (shop.times(), shop.stages.len() - 1);
    let mut rows: Vec<Row> = shop.stages.iter().map(|_| Row::default()).collect();
    let mut departures = vec![0; shop.stages.len()];
    for cake in 0..shop.cakes {
        let mut arrived = 0;
        for (j, times) in times.iter().enumerate() {
            let room = rows.get(j + 1).map_or(0, |next| next.room_at(shop.stages[j].buffer));
            arrived = rows[j].process(arrived, times.nanos(cake), room);
            departures[j] = arrived;
        }
        for j in 1..=last {
            let n_kept = shop.stages[j - 1].buffer + 1;
            rows[j].remember(departures[j], n_kept);
        }
        on_cake(cake, &departures);
    }
    Ok(run_stats(shop, &rows, departures[last]))
}

/// Checks that the recurrence supports this shop.
pub(super) fn check(shop: &Shop) -> Result<(), Error> {
    shop.check()?;
    match shop.stages.iter().find(|stage| stage.cooks != 1) {
        Some(stage) => Err(Error::OneCookOnly(stage.name, stage.cooks)),
        None => Ok(()),
    }
}

/// The state of one stage. Times are nanoseconds.
#[derive(Default)]
struct Row {
    /// The latest departures, newest last: as many as the stage before has to look back.
    latest: VecDeque<u64>,
    /// When the cook is free again.
    free_at: u64,
    busy: u64,
    blocked: u64,
    /// Sum over all cakes of the time they waited on the counter before this stage.
    waited: u128,
}

impl Row {
    /// When the counter before this stage, with a capacity of `buffer`, has room for another cake.
    fn room_at(&self, buffer: usize) -> u64 {
        if self.latest.len() <= buffer { 0 } else { self.latest[0] }
    }

    /// Processes a cake and returns when it leaves.
    fn process(&mut self, arrived: u64, nanos: u64, room: u64) -> u64 {
        let started = arrived.max(self.free_at);
        let finished = started + nanos;
        self.free_at = finished.max(room);
        self.waited += u128::from(started - arrived);
        self.busy += nanos;
        self.blocked += self.free_at - finished;
        self.free_at
    }

    fn remember(&mut self, departure: u64, n_kept: usize) {
        if self.latest.len() == n_kept {
            self.latest.pop_front();
        }
        self.latest.push_back(departure);
    }
}

fn run_stats(shop: &Shop, rows: &[Row], makespan: u64) -> RunStats {
    let cook = |(stage, row): (usize, &Row)| CookStats {
        stage,
        number: 0,
        cakes: shop.cakes,
        busy: Duration::from_nanos(row.busy),
        blocked: Duration::from_nanos(row.blocked),
    };
    let mean = |row: &Row| row.waited as f64 / makespan.max(1) as f64;
    let counters = rows.iter().skip(1);
    RunStats {
        cakes: shop.cakes,
        makespan: Duration::from_nanos(makespan),
        cooks: rows.iter().enumerate().map(cook).collect(),
        counters: counters.map(|row| CounterStats { mean: mean(row), max: None }).collect(),
        cpu: None,
    }
}
