//! What an assembly line must come to, known without running it.

use std::time::Duration;

use super::{Distribution, Shop, Stage};

/// Sweeps over the chain before giving up on its last digits.
const SWEEPS_MAX: usize = 20_000;
/// Change of any state's probability at which the chain counts as solved.
const PRECISION: f64 = 1e-15;

/// The makespan of a shop with fixed times, one baker, one inscriber and any number of icers, if
/// there is a formula for it; three stages only, times as they are.
///
/// One icer: the slowest stage sets the pace, whatever the buffers. `k` icers slower than `k`
/// bakers and a baker slower than the inscriber: cakes go through in rounds of `k`.
pub fn makespan(shop: &Shop) -> Option<Duration> {
    let [bake, ice, inscribe] = shop.stages.as_slice() else { return None };
    let fixed = shop.stages.iter().all(|stage| stage.distribution == Distribution::Fixed);
    if !fixed || bake.cooks != 1 || inscribe.cooks != 1 {
        return None;
    }
    let others = u32::try_from(shop.cakes - 1).ok()?;
    let k = u32::try_from(ice.cooks).ok()?;
    if k == 1 {
        let slowest = bake.time.max(ice.time).max(inscribe.time);
        return Some(slowest * others + bake.time + ice.time + inscribe.time);
    }
    let in_rounds = ice.time >= bake.time * k && bake.time >= inscribe.time;
    let rounds = || bake.time * (1 + others % k) + ice.time * (others / k + 1) + inscribe.time;
    in_rounds.then(rounds)
}

/// A makespan that cooks with fixed times cannot beat: at whichever stage holds up the most, its
/// cooks never pause, and the first cake has yet to come and the last to go.
pub fn bound(shop: &Shop) -> Duration {
    let once: Duration = shop.stages.iter().map(|stage| stage.time).sum();
    let through = |stage: &Stage| {
        let rounds = shop.cakes.div_ceil(stage.cooks as u64);
        stage.time.mul_f64(rounds as f64) + once.saturating_sub(stage.time)
    };
    shop.stages.iter().map(through).max().unwrap_or_default()
}

/// The makespan Amdahl's law promises: what one icer takes, with the icing divided by `k`.
pub fn amdahl(one_icer: f64, icing: f64, k: usize) -> f64 {
    one_icer - icing + icing / k as f64
}

/// Cakes a unit of time, in the long run, when every stage has one cook with exponential times of
/// `rates` and the baker never runs out: the chain of states, solved by iteration.
///
/// `n[i]` counts the cakes that stage `i` has completed and stage `i + 1` has not; whoever cannot
/// put one down is blocked with it (blocking after service, Dallery & Gershwin 1992).
pub fn throughput(rates: &[f64], buffers: &[usize]) -> f64 {
    let chain = Chain::new(rates, buffers);
    let mut weights = vec![1.0 / chain.n_states() as f64; chain.n_states()];
    let solved = |_: &usize| chain.sweep(&mut weights) < PRECISION;
    (0..SWEEPS_MAX).find(solved); // else the last sweep is as good as it gets
    chain.departures(&weights)
}

/// All states of an exponential line, numbered in mixed radix, and the ways into each.
struct Chain {
    /// For each state: from where, at what rate.
    ways_in: Vec<Vec<(usize, f64)>>,
    /// For each state: the sum of the rates out of it; 0 if the line cannot get there.
    rate_out: Vec<f64>,
    /// For each state: the rate at which the last stage works.
    door: Vec<f64>,
}

impl Chain {
    fn new(rates: &[f64], buffers: &[usize]) -> Chain {
        let sizes: Vec<usize> = buffers.iter().map(|buffer| buffer + 3).collect();
        let n_states = sizes.iter().product();
        let mut ways_in = vec![Vec::new(); n_states];
        let (mut rate_out, mut door) = (vec![0.0; n_states], vec![0.0; n_states]);
        for state in 0..n_states {
            let held = digits(state, &sizes);
            for stage in working(&held, buffers) {
                let next = after(&held, stage);
                ways_in[number(&next, &sizes)].push((state, rates[stage]));
                rate_out[state] += rates[stage];
                if stage == buffers.len() {
                    door[state] = rates[stage];
                }
            }
        }
        Chain { ways_in, rate_out, door }
    }

    fn n_states(&self) -> usize {
        self.rate_out.len()
    }

    /// One round of Gauss and Seidel: what flows out of a state is what flows into it. Gives the
    /// largest change.
    fn sweep(&self, weights: &mut [f64]) -> f64 {
        let before = weights.to_vec();
        for (state, ways) in self.ways_in.iter().enumerate() {
            let inflow: f64 = ways.iter().map(|&(from, rate)| weights[from] * rate).sum();
            let out = self.rate_out[state];
            weights[state] = if out > 0.0 { inflow / out } else { 0.0 };
        }
        let sum: f64 = weights.iter().sum();
        for weight in &mut *weights {
            *weight /= sum;
        }
        weights.iter().zip(before).map(|(now, before)| (now - before).abs()).fold(0.0, f64::max)
    }

    fn departures(&self, weights: &[f64]) -> f64 {
        self.door.iter().zip(weights).map(|(rate, weight)| rate * weight).sum()
    }
}

/// The stages at work when stage `i` has completed `held[i]` cakes that the next has not; none if
/// there is no room for so many.
fn working(held: &[usize], buffers: &[usize]) -> Vec<usize> {
    let mut stages = Vec::new();
    let mut next_blocked = false;
    for stage in (0..=held.len()).rev() {
        // Places on the counter, one in our hands, one in the next cook's unless he is blocked.
        let room = buffers.get(stage).map_or(1, |b| b + 1 + usize::from(!next_blocked));
        let held_here = held.get(stage).copied().unwrap_or(0);
        if held_here > room {
            return Vec::new();
        }
        next_blocked = held_here == room;
        if !next_blocked && (stage == 0 || held[stage - 1] > 0) {
            stages.push(stage);
        }
    }
    stages
}

/// The state after `stage` has completed a cake.
fn after(held: &[usize], stage: usize) -> Vec<usize> {
    let mut next = held.to_vec();
    if let Some(behind) = next.get_mut(stage) {
        *behind += 1;
    }
    if stage > 0 {
        next[stage - 1] -= 1;
    }
    next
}

fn digits(mut state: usize, sizes: &[usize]) -> Vec<usize> {
    let digit = |size: &usize| {
        let digit = state % size;
        state /= size;
        digit
    };
    sizes.iter().map(digit).collect()
}

fn number(held: &[usize], sizes: &[usize]) -> usize {
    held.iter().zip(sizes).rev().fold(0, |number, (held, size)| number * size + held)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact fractions, as in the literature and as solved by hand.
    #[test]
    fn the_chain_gives_the_known_fractions() {
        let check = |rates: &[f64], buffers: &[usize], expected: f64| {
            let found = throughput(rates, buffers);
            assert!((found / expected - 1.0).abs() < 1e-9, "{rates:?} {buffers:?}: {found}");
        };
        check(&[1.0, 1.0], &[0], 2.0 / 3.0);
        check(&[1.0, 1.0], &[7], 9.0 / 10.0);
        let rho = 2.0_f64 / 3.0; // rates 2 and 3, three places
        check(&[2.0, 3.0], &[3], 2.0 * (1.0 - rho.powi(5)) / (1.0 - rho.powi(6)));
        check(&[1.0; 3], &[0; 2], 22.0 / 39.0);
        check(&[1.0; 3], &[1; 2], 8529.0 / 12721.0);
        check(&[1.0; 3], &[2; 2], 2_463_197.0 / 3_355_778.0);
        check(&[1.0; 4], &[0; 3], 4024.0 / 7817.0);
    }

    #[test]
    fn the_bound_is_met_where_rounds_are_full() {
        let shop = Shop::book().with_icing(Duration::from_millis(50));
        assert_eq!(bound(&shop), Duration::from_millis(1020));
        assert_eq!(bound(&shop.clone().with_icers(5)), Duration::from_millis(260));
        assert_eq!(bound(&shop.clone().with_icers(4)), Duration::from_millis(270));
        assert!((amdahl(1.020, 1.0, 4) - 0.270).abs() < 1e-12);
    }
}
