//! Experiments: the same shop on several days, in the engines asked for, and what they came to.

use std::ops::ControlFlow::{Break, Continue};
use std::panic::resume_unwind;
use std::thread;
use std::time::Duration;

use crossbeam::channel::{self, Sender};

use super::threads::Work;
use super::{Error, Event, Outcome, Shop, recurrence, threads, virtual_time};

/// Buffers or icers of one sweep.
const NUMBERS_MAX: usize = 32;
/// Cakes of a run whose every event is kept.
const EVENTS_CAKES_MAX: u64 = 500;
/// More than three for each of those cakes at three stages: a cook never waits for the listener.
const EVENTS_IN_FLIGHT: usize = 5_000;

/// Which engines an experiment runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// Threads, and the same cakes on the virtual clock.
    #[default]
    Both,
    /// Threads alone.
    Threads,
    /// The virtual clock alone.
    Virtual,
    /// The recurrence alone.
    Recurrence,
}

/// How to run an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Method {
    /// In which engines.
    pub engine: Engine,
    /// What real cooks do.
    pub work: Work,
    /// On how many days, each with cakes of its own.
    pub days: u64,
}

/// A shop and its outcomes, a day after the other.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What was run.
    pub shop: Shop,
    /// By threads; empty if they were not asked for.
    pub real: Vec<Outcome>,
    /// On the virtual clock or by the recurrence; empty if they were not asked for.
    pub ideal: Vec<Outcome>,
}

/// A mean and how far the true one may be away from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Half the width of the 95 % confidence interval; none for a single value.
    pub margin: Option<f64>,
}

/// Says whether `shop` can be run as `method` says.
///
/// # Errors
/// When the shop cannot open or is not for that engine.
pub fn check(shop: &Shop, method: Method) -> Result<(), Error> {
    match method.engine {
        Engine::Recurrence => recurrence::check(shop),
        _ => shop.check(),
    }
}

/// Runs `shop` as `method` says.
///
/// # Errors
/// When the shop cannot open or had to close early.
pub fn run(shop: &Shop, method: Method, events: Option<&Sender<Event>>) -> Result<Trial, Error> {
    check(shop, method)?;
    if events.is_some() && method.engine == Engine::Recurrence {
        return Err(Error::NoEvents);
    }
    let mut trial = Trial { shop: shop.clone(), real: Vec::new(), ideal: Vec::new() };
    for day in 0..method.days {
        let shop = shop.on_day(day);
        if matches!(method.engine, Engine::Both | Engine::Threads) {
            trial.real.push(threads::run(&shop, method.work, events)?);
        }
        if let Some(ideal) = ideal(&shop, method.engine, events)? {
            trial.ideal.push(ideal);
        }
    }
    Ok(trial)
}

/// All events of one day, by threads unless the virtual clock alone is asked for.
///
/// # Errors
/// When the shop cannot open, or bakes more than anybody can look at.
pub fn events(shop: &Shop, method: Method) -> Result<Vec<Event>, Error> {
    if shop.cakes > EVENTS_CAKES_MAX {
        return Err(Error::Timeline(shop.cakes, EVENTS_CAKES_MAX));
    }
    let method = Method { days: 1, ..method };
    thread::scope(|scope| {
        let (events, happened) = channel::bounded(EVENTS_IN_FLIGHT);
        let run = scope.spawn(move || run(shop, method, Some(&events)));
        let events = happened.iter().collect();
        run.join().unwrap_or_else(|panic| resume_unwind(panic)).map(|_| events)
    })
}

/// The engines without threads; their events are sent only if no thread sends them.
fn ideal(
    shop: &Shop,
    engine: Engine,
    events: Option<&Sender<Event>>,
) -> Result<Option<Outcome>, Error> {
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

impl Trial {
    /// The outcomes to report: the real ones if there are any.
    pub fn outcomes(&self) -> &[Outcome] {
        if self.real.is_empty() { &self.ideal } else { &self.real }
    }

    /// Seconds from the opening to the last cake by threads, if they ran.
    pub fn real_makespan(&self) -> Option<Mean> {
        mean(&self.real, |outcome| outcome.makespan.as_secs_f64())
    }

    /// The same on the virtual clock, if it ran.
    pub fn ideal_makespan(&self) -> Option<Mean> {
        mean(&self.ideal, |outcome| outcome.makespan.as_secs_f64())
    }

    /// Real over virtual, day by day, if both ran.
    pub fn ratio(&self) -> Option<Mean> {
        let days = self.real.iter().zip(&self.ideal);
        let of = |(real, ideal): (&Outcome, &Outcome)| ratio(real.makespan, ideal.makespan);
        Mean::of(&days.map(of).collect::<Vec<_>>())
    }

    /// Cakes a second.
    pub fn throughput(&self) -> Option<Mean> {
        mean(self.outcomes(), Outcome::throughput)
    }

    /// CPU seconds of a run by threads.
    pub fn cpu(&self) -> Option<Mean> {
        mean(&self.real, |outcome| outcome.cpu.unwrap_or_default().as_secs_f64())
    }
}

fn ratio(real: Duration, ideal: Duration) -> f64 {
    real.as_secs_f64() / ideal.as_secs_f64().max(1e-9)
}

pub(super) fn mean(outcomes: &[Outcome], of: impl Fn(&Outcome) -> f64) -> Option<Mean> {
    Mean::of(&outcomes.iter().map(of).collect::<Vec<_>>())
}

impl Mean {
    /// The mean of `values` with its 95 % confidence interval by Student's t.
    pub fn of(values: &[f64]) -> Option<Mean> {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let margin = || student_t(values.len() - 1) * (squares / (n - 1.0) / n).sqrt();
        (!values.is_empty()).then(|| Mean { mean, margin: (values.len() > 1).then(margin) })
    }
}

/// One shop of a sweep.
#[derive(Clone, Debug)]
pub struct Point {
    /// Places on every counter.
    pub buffer: usize,
    /// Cooks at the second stage.
    pub icers: usize,
    /// What came of it.
    pub trial: Trial,
}

/// Runs `shop` with every buffer and every number of icers, and shows `seen` each as it is done;
/// if one of them cannot be run, none is.
///
/// # Errors
/// As for [`run`], or what `seen` returned.
pub fn sweep<E: From<Error>>(
    shop: &Shop,
    (buffers, icers): (&[usize], &[usize]),
    method: Method,
    mut seen: impl FnMut(&Point) -> Result<(), E>,
) -> Result<Vec<Point>, E> {
    let all = icers.iter().flat_map(|&icers| buffers.iter().map(move |&buffer| (icers, buffer)));
    let shop = |(icers, buffer)| shop.clone().with_icers(icers).with_buffers(buffer);
    all.clone().map(shop).try_for_each(|shop| check(&shop, method))?;
    let mut points = Vec::new();
    for (icers, buffer) in all {
        let point = Point { buffer, icers, trial: run(&shop((icers, buffer)), method, None)? };
        seen(&point)?;
        points.push(point);
    }
    Ok(points)
}

/// Reads numbers such as `0,1,2,5`, `1..8` (with both ends) or `1..4,8`.
///
/// # Errors
/// Says which part is no number or no range, or that there are too many.
pub fn numbers(text: &str) -> Result<Vec<usize>, String> {
    let mut numbers = Vec::new();
    for part in text.split(',').map(str::trim) {
        let number = |text: &str| text.parse::<usize>().map_err(|_| format!("{part:?}: no number"));
        let (from, to) = match part.split_once("..") {
            Some((from, to)) => (number(from)?, number(to.strip_prefix('=').unwrap_or(to))?),
            None => (number(part)?, number(part)?),
        };
        if from > to {
            return Err(format!("{part:?}: from more to less"));
        }
        numbers.extend((from..=to).take(NUMBERS_MAX + 1)); // enough to see that it is too many
        if numbers.len() > NUMBERS_MAX {
            return Err(format!("more than {NUMBERS_MAX} numbers"));
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

/// The 97.5 % quantile of Student's t distribution.
fn student_t(freedom: usize) -> f64 {
    const TABLE: [f64; 10] =
        [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];
    if let Some(&t) = TABLE.get(freedom - 1) {
        return t;
    }
    // The Cornish-Fisher expansion, from the normal quantile.
    let (z, v) = (1.959_964_f64, freedom as f64);
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / v + second / v.powi(2) + third / v.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mean_knows_its_margin() {
        assert_eq!(Mean::of(&[]), None);
        assert_eq!(Mean::of(&[7.0]), Some(Mean { mean: 7.0, margin: None }));
        let Mean { mean, margin } = Mean::of(&[1.0, 2.0, 3.0]).unwrap();
        assert!((mean - 2.0).abs() < 1e-12 && (margin.unwrap() - 2.484).abs() < 1e-3);
    }

    #[test]
    fn quantiles_are_the_tables() {
        let check = |freedom, t: f64| assert!((student_t(freedom) - t).abs() < 2e-3, "{freedom}");
        check(1, 12.706);
        check(10, 2.228);
        check(11, 2.201);
        check(20, 2.086);
        check(100, 1.984);
    }

    #[test]
    fn numbers_and_ranges() {
        let check = |text, expected: &[usize]| assert_eq!(numbers(text).unwrap(), expected);
        check("7", &[7]);
        check("5,0, 1", &[0, 1, 5]);
        check("1..3", &[1, 2, 3]);
        check("1..=3,2,9", &[1, 2, 3, 9]);
        for text in
            ["", ",", "x", "-1", "3..1", "1..", "0..99", "0..18446744073709551615", "1..2..3"]
        {
            assert!(numbers(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[0-9.,= x-]*") {
            let numbers = numbers(&text).unwrap_or_default();
            prop_assert!(numbers.len() <= NUMBERS_MAX && numbers.is_sorted());
        }
    }

    #[test]
    fn both_engines_bake_the_same_cakes() {
        let step = Duration::from_micros(100);
        let mut shop = Shop::book();
        shop.stages.iter_mut().for_each(|stage| stage.time = step);
        let method = Method { engine: Engine::Both, work: Work::Sleep, days: 2 };
        let trial = run(&shop.with_spread(0.25), method, None).unwrap();
        assert_eq!((trial.real.len(), trial.ideal.len()), (2, 2));
        assert!(trial.ratio().unwrap().mean >= 1.0);
        assert_ne!(trial.ideal[0].makespan, trial.ideal[1].makespan);
    }
}
