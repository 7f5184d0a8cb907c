//! Experiments: one shop, or a sweep over several, run in the chosen engines and repeated.

use std::ops::ControlFlow::{Break, Continue};
use std::str::FromStr;

use crossbeam::channel::Sender;

use super::error::Error;
use super::event::Event;
use super::mean::Mean;
use super::run_stats::RunStats;
use super::shop::Shop;
use super::threads::{self, Work};
use super::{recurrence, virtual_time};
use crate::threads::with_producer;

/// Values on each axis of a sweep.
const NUMBERS_MAX: usize = 32;
/// Cakes of a run whose events are all kept.
const EVENTS_CAKES_MAX: u64 = 500;
/// Room for three events for each of those cakes at three stages, so that no cook ever waits for
/// the receiver.
const EVENTS_IN_FLIGHT: usize = 5_000;

/// Which engines an experiment runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Threads, and the same cakes in the simulation.
    #[default]
    Both,
    /// Threads only.
    Threads,
    /// The simulation with a virtual clock only.
    Virtual,
    /// The recurrence only.
    Recurrence,
}

impl FromStr for Engine {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "both" => Ok(Engine::Both),
            "threads" => Ok(Engine::Threads),
            "virtual" => Ok(Engine::Virtual),
            "recurrence" => Ok(Engine::Recurrence),
            _ => Err("use both, threads, virtual or recurrence"),
        }
    }
}

/// How to run an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// The engines to run.
    pub engine: Engine,
    /// What the cooks of the threads engine do while they work.
    pub work: Work,
    /// How often to run, each time with other random times.
    pub repetitions: u64,
}

/// A shop and the measurements of each repetition.
#[derive(Clone, Debug)]
pub struct Measurement {
    /// The shop that was run.
    pub shop: Shop,
    /// Runs on threads; empty if that engine was not asked for.
    pub real: Vec<RunStats>,
    /// Runs in the simulation or by the recurrence; empty if neither was asked for.
    pub simulated: Vec<RunStats>,
}

/// Checks that `shop` can be run by the engines of `method`.
///
/// # Errors
/// When the shop is invalid or the engine does not support it.
pub fn check(shop: &Shop, method: Method) -> Result<(), Error> {
    match method.engine {
        Engine::Recurrence => recurrence::check(shop),
        _ => shop.check(),
    }
}

/// Runs `shop` as `method` says and sends each event of the cooks to `events`.
///
/// # Errors
/// When the shop cannot be run, or the receiver of the events was dropped.
pub fn run(
    shop: &Shop,
    method: Method,
    events: Option<&Sender<Event>>,
) -> Result<Measurement, Error> {
    check(shop, method)?;
    if events.is_some() && method.engine == Engine::Recurrence {
        return Err(Error::NoEvents);
    }
    let mut measured = Measurement { shop: shop.clone(), real: Vec::new(), simulated: Vec::new() };
    for n in 0..method.repetitions {
        let shop = shop.repetition(n);
        if matches!(method.engine, Engine::Both | Engine::Threads) {
            measured.real.push(threads::run(&shop, method.work, events)?);
        }
        if let Some(simulated) = simulate(&shop, method.engine, events)? {
            measured.simulated.push(simulated);
        }
    }
    Ok(measured)
}

/// The events of one run: on threads, unless only the simulation is asked for.
///
/// # Errors
/// When the shop cannot be run or has more than 500 cakes.
pub fn events(shop: &Shop, method: Method) -> Result<Vec<Event>, Error> {
    if shop.cakes > EVENTS_CAKES_MAX {
        return Err(Error::Timeline(shop.cakes, EVENTS_CAKES_MAX));
    }
    let method = Method { repetitions: 1, ..method };
    let (measured, events) = with_producer(
        EVENTS_IN_FLIGHT,
        |events| run(shop, method, Some(&events)),
        |events| events.iter().collect(),
    );
    measured.map(|_| events)
}

/// Runs the engine without threads; it sends events only if no thread does.
fn simulate(
    shop: &Shop,
    engine: Engine,
    events: Option<&Sender<Event>>,
) -> Result<Option<RunStats>, Error> {
    match engine {
        Engine::Threads => Ok(None),
        Engine::Both => virtual_time::run(shop, |_| Continue(())).map(Some),
        Engine::Recurrence => recurrence::run(shop, |_, _| ()).map(Some),
        Engine::Virtual => virtual_time::run(shop, |event| match events {
            Some(events) if events.send(event).is_err() => Break(()),
            _ => Continue(()),
        })
        .map(Some),
    }
}

impl Measurement {
    /// The runs to report: those on threads if there are any, else the simulated ones.
    pub fn runs(&self) -> &[RunStats] {
        if self.real.is_empty() { &self.simulated } else { &self.real }
    }

    /// Makespan on threads, in seconds, if that engine ran.
    pub fn real_makespan(&self) -> Option<Mean> {
        mean(&self.real, |run| run.makespan.as_secs_f64())
    }

    /// Makespan in the simulation, in seconds, if it ran.
    pub fn simulated_makespan(&self) -> Option<Mean> {
        mean(&self.simulated, |run| run.makespan.as_secs_f64())
    }

    /// Real makespan divided by the simulated one of the same repetition, if both engines ran.
    pub fn ratio(&self) -> Option<Mean> {
        let pairs = self.real.iter().zip(&self.simulated);
        let ratio = |(real, simulated): (&RunStats, &RunStats)| {
            real.makespan.as_secs_f64() / simulated.makespan.as_secs_f64().max(1e-9)
        };
        Mean::from_values(&pairs.map(ratio).collect::<Vec<_>>())
    }

    /// Cakes per second, averaged over the [`runs`](Self::runs) to report.
    pub fn throughput(&self) -> Option<Mean> {
        mean(self.runs(), RunStats::throughput)
    }

    /// CPU time of a run on threads, in seconds, if that engine ran.
    pub fn cpu(&self) -> Option<Mean> {
        mean(&self.real, |run| run.cpu.unwrap_or_default().as_secs_f64())
    }
}

pub(super) fn mean(runs: &[RunStats], value: impl Fn(&RunStats) -> f64) -> Option<Mean> {
    Mean::from_values(&runs.iter().map(value).collect::<Vec<_>>())
}

/// One shop of a sweep.
#[derive(Clone, Debug)]
pub struct SweepPoint {
    /// Capacity of every counter, in cakes.
    pub buffer: usize,
    /// Cooks at the second stage.
    pub icers: usize,
    /// What was measured.
    pub measured: Measurement,
}

/// Runs `shop` with every combination of a buffer capacity and a number of icers, and passes each
/// point to `on_point` as soon as it is measured. All shops are checked before the first one runs.
///
/// # Errors
/// As for [`run`], and any error of `on_point`.
pub fn sweep<E: From<Error>>(
    shop: &Shop,
    (buffers, icers): (&[usize], &[usize]),
    method: Method,
    mut on_point: impl FnMut(&SweepPoint) -> Result<(), E>,
) -> Result<Vec<SweepPoint>, E> {
    let all = icers.iter().flat_map(|&icers| buffers.iter().map(move |&buffer| (icers, buffer)));
    let shop = |(icers, buffer)| shop.clone().with_icers(icers).with_buffers(buffer);
    all.clone().map(shop).try_for_each(|shop| check(&shop, method))?;
    let mut points = Vec::new();
    for (icers, buffer) in all {
        let measured = run(&shop((icers, buffer)), method, None)?;
        let point = SweepPoint { buffer, icers, measured };
        on_point(&point)?;
        points.push(point);
    }
    Ok(points)
}

/// Parses numbers such as `0,1,2,5`, `1..8` (including both ends) or `1..4,8`; the result is sorted
/// and has no duplicates.
///
/// # Errors
/// A message that names the invalid part, or says that there are more than 32 numbers.
pub fn parse_numbers(text: &str) -> Result<Vec<usize>, String> {
    let mut numbers = Vec::new();
    for part in text.split(',').map(str::trim) {
        let number =
            |text: &str| text.parse::<usize>().map_err(|_| format!("{part:?}: not a number"));
        let (from, to) = match part.split_once("..") {
            Some((from, to)) => (number(from)?, number(to.strip_prefix('=').unwrap_or(to))?),
            None => (number(part)?, number(part)?),
        };
        if from > to {
            return Err(format!("{part:?}: the range is empty"));
        }
        numbers.extend((from..=to).take(NUMBERS_MAX + 1)); // enough to see that there are too many
        if numbers.len() > NUMBERS_MAX {
            return Err(format!("more than {NUMBERS_MAX} numbers"));
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_and_ranges_are_parsed() {
        let check = |text, expected: &[usize]| assert_eq!(parse_numbers(text).unwrap(), expected);
        check("7", &[7]);
        check("5,0, 1", &[0, 1, 5]);
        check("1..3", &[1, 2, 3]);
        check("1..=3,2,9", &[1, 2, 3, 9]);
        for text in
            ["", ",", "x", "-1", "3..1", "1..", "0..99", "0..18446744073709551615", "1..2..3"]
        {
            assert!(parse_numbers(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_sorted_numbers_or_a_reason(text in "[0-9.,= x-]*") {
            match parse_numbers(&text) {
                Ok(numbers) => {
                    prop_assert!(!numbers.is_empty() && numbers.len() <= NUMBERS_MAX);
                    prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);
                }
                Err(reason) => prop_assert!(
                    reason.contains("number") || reason.contains("range"), "{}", reason
                ),
            }
        }

        #[test]
        fn ranges_mean_all_their_numbers(
            ranges in prop::collection::vec((0usize..1_000, 0usize..8), 1..4),
        ) {
            let text: Vec<String> =
                ranges.iter().map(|(from, n)| format!("{from}..{}", from + n)).collect();
            let expected: BTreeSet<usize> =
                ranges.iter().flat_map(|&(from, n)| from..=from + n).collect();
            let numbers = parse_numbers(&text.join(",")).unwrap();
            prop_assert_eq!(numbers, expected.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn both_engines_process_the_same_cakes() {
        let step = Duration::from_micros(100);
        let mut shop = Shop::book();
        shop.stages.iter_mut().for_each(|stage| stage.time = step);
        let method = Method { engine: Engine::Both, work: Work::Sleep, repetitions: 2 };
        let measured = run(&shop.with_std_dev(0.25), method, None).unwrap();
        assert_eq!((measured.real.len(), measured.simulated.len()), (2, 2));
        assert!(measured.ratio().unwrap().mean >= 1.0);
        assert_ne!(measured.simulated[0].makespan, measured.simulated[1].makespan);
    }
}
