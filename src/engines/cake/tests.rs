//! The engines compared with each other and with theory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::Duration;

use crossbeam::channel;
use proptest::prelude::*;

use super::threads::Work;
use super::*;

const MS: Duration = Duration::from_millis(1);

fn virtual_run(shop: &Shop) -> RunStats {
    virtual_time::run(shop, |_| ControlFlow::Continue(())).unwrap()
}

/// When each cake left each stage in the simulation, in nanoseconds.
fn virtual_departures(shop: &Shop) -> BTreeMap<(u64, usize), u128> {
    let mut departures = BTreeMap::new();
    let result = virtual_time::run(shop, |event| {
        if event.kind == EventKind::PassedOn {
            departures.insert((event.cake, event.cook.0), event.at.as_nanos());
        }
        ControlFlow::Continue(())
    });
    result.unwrap();
    departures
}

fn line(n_stages: usize, cakes: u64, distribution: Distribution, buffer: usize) -> Shop {
    let mut stage = Stage { distribution, buffer, ..Stage::new("working", MS) };
    if distribution == Distribution::Normal {
        stage.std_dev = MS / 4;
    }
    Shop { cakes, stages: vec![stage; n_stages], seed: 8 }
}

// ---- exact results ----

#[test]
fn with_fixed_times_the_simulation_equals_the_formula() {
    for (bake, ice, inscribe) in [(10, 10, 10), (10, 50, 10), (7, 3, 5), (1, 2, 30), (0, 1, 0)] {
        for buffer in [0, 1, 2, 10, 1_000_000] {
            for cakes in [1, 2, 3, 20, 1_000] {
                let mut shop = Shop { cakes, ..Shop::book().with_buffers(buffer) };
                for (stage, ms) in shop.stages.iter_mut().zip([bake, ice, inscribe]) {
                    stage.time = MS * ms;
                }
                assert_eq!(Some(virtual_run(&shop).makespan), theory::makespan(&shop), "{shop:?}");
            }
        }
    }
}

#[test]
fn icers_work_in_rounds() {
    let shop = |k| Shop::book().with_icing(MS * 50).with_icers(k);
    for (k, ms) in [(1, 1020), (2, 530), (3, 380), (4, 300), (5, 260)] {
        assert_eq!(virtual_run(&shop(k)).makespan, MS * ms, "{k} icers");
        assert_eq!(theory::makespan(&shop(k)), Some(MS * ms), "{k} icers");
    }
    for (cakes, k, ice, buffer) in [(1, 3, 30, 0), (17, 4, 41, 0), (100, 7, 70, 3), (99, 2, 99, 1)]
    {
        let shop = Shop { cakes, ..shop(k).with_icing(MS * ice).with_buffers(buffer) };
        assert_eq!(Some(virtual_run(&shop).makespan), theory::makespan(&shop), "{shop:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_simulation_equals_the_recurrence_cake_by_cake(
        stages in prop::collection::vec((0_u64..5_000, 0_usize..4, 0_u8..3), 1..5),
        cakes in 1_u64..200,
        seed: u64,
    ) {
        let stage = |&(micros, buffer, kind): &(u64, usize, u8)| {
            let time = Duration::from_micros(micros);
            let all = [Distribution::Fixed, Distribution::Normal, Distribution::Exponential];
            let std_dev = if kind == 1 { time / 3 } else { Duration::ZERO };
            let distribution = all[usize::from(kind)];
            Stage { std_dev, distribution, buffer, ..Stage::new("working", time) }
        };
        let shop = Shop { cakes, stages: stages.iter().map(stage).collect(), seed };
        let departures = virtual_departures(&shop);
        let mut n_compared = 0;
        let closed = recurrence::run(&shop, |cake, times| {
            for (stage, &at) in times.iter().enumerate() {
                assert_eq!(departures[&(cake, stage)], u128::from(at), "cake {cake} stage {stage}");
                n_compared += 1;
            }
        }).unwrap();
        prop_assert_eq!(n_compared, departures.len());
        let run = virtual_run(&shop);
        prop_assert_eq!(run.makespan, closed.makespan);
        prop_assert_eq!(run.cooks, closed.cooks);
        for (one, other) in run.counters.iter().zip(&closed.counters) {
            prop_assert!((one.mean - other.mean).abs() < 1e-9);
        }
    }

    #[test]
    fn the_simulation_equals_a_schedule_by_free_icers(
        icers in 1_usize..8,
        ice in 1_u64..80,
        buffer in 0_usize..5,
        seed: u64,
    ) {
        let mut shop = Shop::book().with_icing(MS * u32::try_from(ice).unwrap()).with_icers(icers);
        shop = Shop { cakes: 150, seed, ..shop.with_std_dev(0.3) };
        (shop.stages[0].buffer, shop.stages[1].buffer) = (buffer, 150);
        prop_assert_eq!(virtual_run(&shop).makespan, by_free_times(&shop));
    }
}

/// The makespan computed from the times at which icers become free; the second counter has room for
/// all cakes.
fn by_free_times(shop: &Shop) -> Duration {
    let times = shop.times();
    let mut icers = vec![0; shop.stages[1].cooks];
    let (mut baker, mut started, mut iced) = (0, Vec::new(), Vec::new());
    for cake in 0..shop.cakes {
        let done = baker + times[0].nanos(cake);
        let free = icers.iter_mut().min().unwrap();
        let start = done.max(*free);
        *free = start + times[1].nanos(cake);
        iced.push((*free, cake));
        started.push(start);
        // There is room for cake n as soon as cake n - B has left the counter.
        let room = started.len().checked_sub(shop.stages[0].buffer + 1).map_or(0, |n| started[n]);
        baker = done.max(room);
    }
    iced.sort_unstable();
    let inscribe = |free: u64, &(at, cake): &(u64, u64)| free.max(at) + times[2].nanos(cake);
    Duration::from_nanos(iced.iter().fold(0, inscribe))
}

// ---- random times ----

/// With four million cakes the standard error is about 0.03 %; the seed is fixed.
fn check_throughput(shop: &Shop, expected: f64) {
    let per_ms = virtual_run(shop).throughput() / 1e3;
    let off = per_ms / expected - 1.0;
    assert!(
        off.abs() < 0.001,
        "{} stages: {per_ms} for {expected}: {:.4} %",
        shop.stages.len(),
        off * 100.0
    );
}

#[test]
fn two_exponential_stages() {
    for buffer in [0, 2] {
        let expected = (buffer as f64 + 2.0) / (buffer as f64 + 3.0);
        check_throughput(&line(2, 4_000_000, Distribution::Exponential, buffer), expected);
    }
}

#[test]
fn two_unequal_exponential_stages() {
    let mut shop = line(2, 4_000_000, Distribution::Exponential, 1);
    shop.stages[1].time = MS * 3 / 4; // rates 1 and 4/3
    let rho = 0.75_f64;
    check_throughput(&shop, (1.0 - rho.powi(3)) / (1.0 - rho.powi(4)));
}

#[test]
fn three_exponential_stages() {
    for (buffer, expected) in
        [22.0 / 39.0, 8529.0 / 12721.0, 2_463_197.0 / 3_355_778.0].iter().enumerate()
    {
        check_throughput(&line(3, 4_000_000, Distribution::Exponential, buffer), *expected);
    }
}

#[test]
fn four_exponential_stages() {
    check_throughput(&line(4, 4_000_000, Distribution::Exponential, 0), 4024.0 / 7817.0);
}

// ---- statistics ----

#[test]
fn busy_starved_and_blocked_time_add_up() {
    let run = virtual_run(&Shop::book().with_icing(MS * 50));
    let shares: Vec<TimeShares> = run.cooks.iter().map(|c| c.shares(run.makespan)).collect();
    let check = |share: f64, ms: f64| assert!((share * 1020.0 - ms).abs() < 1e-6, "{share} {ms}");
    for (cook, (busy, blocked)) in
        shares.iter().zip([(200.0, 770.0 - 10.0), (1000.0, 0.0), (200.0, 0.0)])
    {
        check(cook.busy, busy);
        check(cook.blocked, blocked);
        check(cook.starved, 1020.0 - busy - blocked);
    }
}

#[test]
fn a_counter_fills_before_a_slow_icer() {
    let run = virtual_run(&Shop::book().with_icing(MS * 50).with_buffers(3));
    assert_eq!((run.counters[0].max, run.counters[1].max), (Some(3), Some(0)));
    assert!(run.counters[0].mean > 2.0 && run.counters[0].mean < 3.0);
}

// ---- threads ----

fn record(shop: &Shop, work: Work) -> (RunStats, Vec<Event>) {
    let (events_tx, events_rx) = channel::bounded(10_000); // room for all events of these shops
    let run = threads::run(shop, work, Some(&events_tx)).unwrap();
    drop(events_tx);
    (run, events_rx.iter().collect())
}

fn several_cooks_per_stage() -> Shop {
    let mut shop = line(3, 120, Distribution::Exponential, 2);
    for (stage, cooks) in shop.stages.iter_mut().zip([2, 5, 3]) {
        (stage.cooks, stage.time) = (cooks, MS / 5);
    }
    shop
}

#[test]
fn threads_process_every_cake_in_a_possible_order() {
    for (shop, work) in [
        (several_cooks_per_stage(), Work::Sleep),
        (several_cooks_per_stage(), Work::Spin),
        (several_cooks_per_stage().with_buffers(0), Work::Sleep),
        (line(3, 60, Distribution::Normal, 0), Work::Sleep),
        (line(1, 20, Distribution::Fixed, 0), Work::Sleep),
    ] {
        let (run, events) = record(&shop, work);
        assert_eq!(run.cakes, shop.cakes);
        check_order(&shop, &events, work);
    }
}

/// Every cake passes through every stage once, is processed there by one cook and for at least its
/// service time; where stages have one cook each, no cake overtakes another.
fn check_order(shop: &Shop, events: &[Event], work: Work) {
    let times = shop.times();
    let mut steps: BTreeMap<(usize, u64), Vec<Event>> = BTreeMap::new();
    for event in events {
        steps.entry((event.cook.0, event.cake)).or_default().push(*event);
    }
    assert_eq!(steps.len() as u64, shop.cakes * shop.stages.len() as u64);
    for (&(stage, cake), events) in &steps {
        let [started, finished, passed_on] = events.as_slice() else { panic!("{events:?}") };
        let kinds = [started.kind, finished.kind, passed_on.kind];
        assert_eq!(kinds, [EventKind::Started, EventKind::Finished, EventKind::PassedOn]);
        assert!(events.iter().all(|event| event.cook == started.cook));
        assert!(passed_on.at >= finished.at);
        if work == Work::Sleep {
            assert!(finished.at >= started.at + times[stage].duration(cake));
        }
        if stage > 0 {
            assert!(
                started.at >= steps[&(stage - 1, cake)][1].at,
                "started before it was finished"
            );
        }
    }
    let single = |stage: usize| shop.stages[..=stage].iter().all(|stage| stage.cooks == 1);
    for stage in (0..shop.stages.len()).take_while(|&stage| single(stage)) {
        let cakes = steps.range((stage, 0)..(stage + 1, 0));
        assert!(cakes.map(|(_, events)| events[0].at).is_sorted(), "overtaken at stage {stage}");
    }
}

#[test]
fn no_counter_exceeds_its_capacity() {
    let shop = several_cooks_per_stage();
    let (run, _) = record(&shop, Work::Sleep);
    for (counter, stage) in run.counters.iter().zip(&shop.stages) {
        assert!(counter.max.unwrap() <= stage.buffer);
    }
}

#[test]
fn a_real_run_takes_at_least_as_long_as_the_simulated_one() {
    let shop = line(3, 30, Distribution::Exponential, 1);
    assert!(
        threads::run(&shop, Work::Sleep, None).unwrap().makespan >= virtual_run(&shop).makespan
    );
}

#[test]
fn dropping_the_receiver_of_events_cancels_the_run() {
    let (events_tx, events_rx) = channel::bounded(0);
    let shop = Shop { cakes: 1_000_000_000, ..several_cooks_per_stage() };
    std::thread::scope(|scope| {
        let run = scope.spawn(|| threads::run(&shop, Work::Sleep, Some(&events_tx)));
        events_rx.iter().take(20).for_each(drop);
        drop(events_rx);
        assert!(matches!(run.join().unwrap(), Err(Error::Cancelled)));
    });
}

#[test]
fn an_invalid_shop_is_refused_with_a_reason() {
    let check = |change: fn(&mut Shop), expected: &str| {
        let mut shop = Shop::book();
        change(&mut shop);
        for err in [
            virtual_time::run(&shop, |_| ControlFlow::Continue(())).unwrap_err(),
            recurrence::run(&shop, |_, _| ()).unwrap_err(),
            threads::run(&shop, Work::Sleep, None).unwrap_err(),
        ] {
            assert_eq!(err.to_string(), expected);
        }
    };
    check(|s| s.cakes = 0, "0 cakes: must be 1 to 1000000000");
    check(|s| s.cakes = u64::MAX, "18446744073709551615 cakes: must be 1 to 1000000000");
    check(|s| s.stages.clear(), "a shop needs at least one stage");
    check(|s| s.stages[1].cooks = 0, "icing: 0 cooks: must be 1 to 1000");
    check(
        |s| s.stages[0].buffer = 1_000_000_000_000,
        "baking: a buffer of 1000000000000: at most 1000000",
    );
    check(
        |s| s.stages[2].time = Duration::MAX,
        &format!("inscribing: {:?} per cake: at most one hour", Duration::MAX),
    );
    check(|s| s.stages[2].std_dev = MS, "inscribing: fixed times have no standard deviation");
}
