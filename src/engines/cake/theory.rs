//! What is known about an assembly line without running it: formulas, bounds, a Markov chain.

use std::time::Duration;

use super::distribution::Distribution;
use super::shop::Shop;
use super::stage::Stage;

/// Iterations after which the solution is taken as it is.
const ITERATIONS_MAX: usize = 20_000;
/// Change of every state's probability in one iteration below which the chain counts as solved.
const PRECISION: f64 = 1e-15;

/// The exact makespan of a shop of three stages with fixed times, one baker and one inscriber;
/// `None` where there is no formula.
///
/// With one icer the slowest stage sets the pace, whatever the buffers. With `k` icers who are
/// slower than `k` bakers, and a baker slower than the inscriber, cakes pass in rounds of `k`.
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

/// A lower bound on the makespan of a shop with fixed times.
///
/// At the bottleneck stage every cook works without pause; before that the first cake must reach
/// the stage, and after it the last one must pass through the others.
pub fn makespan_lower_bound(shop: &Shop) -> Duration {
    let one_cake: Duration = shop.stages.iter().map(|stage| stage.time).sum();
    let through = |stage: &Stage| {
        let rounds = shop.cakes.div_ceil(stage.cooks as u64);
        stage.time.mul_f64(rounds as f64) + one_cake.saturating_sub(stage.time)
    };
    shop.stages.iter().map(through).max().unwrap_or_default()
}

/// The makespan that Amdahl's law predicts for `k` icers: the part spent on icing is divided by
/// `k`.
pub fn amdahl(one_icer: f64, icing: f64, k: usize) -> f64 {
    one_icer - icing + icing / k as f64
}

/// The long-run throughput of a line with one cook per stage and exponential times, in cakes per
/// unit of time: `rates` are the service rates of the stages, `buffers` the capacities of the
/// counters between them. The first stage never runs out of work.
///
/// The state of the Markov chain counts, for each stage, the cakes that it has finished and the
/// next one has not; a cook without room for a finished cake is blocked (blocking after service,
/// Dallery & Gershwin 1992). The stationary distribution is found by Gauss-Seidel iteration.
pub fn throughput(rates: &[f64], buffers: &[usize]) -> f64 {
    let chain = MarkovChain::new(rates, buffers);
    let mut weights = vec![1.0 / chain.n_states() as f64; chain.n_states()];
    let is_solved = |_: &usize| chain.iterate(&mut weights) < PRECISION;
    (0..ITERATIONS_MAX).find(is_solved); // without one the last iteration is the best we have
    chain.departure_rate(&weights)
}

/// The states of an exponential line, numbered in mixed radix, and the transitions into each.
struct MarkovChain {
    /// For each state: the states that lead to it, and at what rate.
    inflows: Vec<Vec<(usize, f64)>>,
    /// For each state: the sum of the rates out of it; 0 if it cannot be reached.
    rate_out: Vec<f64>,
    /// For each state: the rate at which the last stage finishes cakes.
    departures: Vec<f64>,
}

impl MarkovChain {
    fn new(rates: &[f64], buffers: &[usize]) -> MarkovChain {
        let sizes: Vec<usize> = buffers.iter().map(|buffer| buffer + 3).collect();
        let n_states = sizes.iter().product();
        let mut inflows = vec![Vec::new(); n_states];
        let (mut rate_out, mut departures) = (vec![0.0; n_states], vec![0.0; n_states]);
        for state in 0..n_states {
            let finished = digits(state, &sizes);
            for stage in working(&finished, buffers) {
                let next = after(&finished, stage);
                inflows[number(&next, &sizes)].push((state, rates[stage]));
                rate_out[state] += rates[stage];
                if stage == buffers.len() {
                    departures[state] = rates[stage];
                }
            }
        }
        MarkovChain { inflows, rate_out, departures }
    }

    fn n_states(&self) -> usize {
        self.rate_out.len()
    }

    /// One Gauss-Seidel iteration of the balance equations: the flow out of each state equals the
    /// flow into it. Returns the largest change of a weight.
    fn iterate(&self, weights: &mut [f64]) -> f64 {
        let before = weights.to_vec();
        for (state, inflows) in self.inflows.iter().enumerate() {
            let inflow: f64 = inflows.iter().map(|&(from, rate)| weights[from] * rate).sum();
            let out = self.rate_out[state];
            weights[state] = if out > 0.0 { inflow / out } else { 0.0 };
        }
        let sum: f64 = weights.iter().sum();
        for weight in &mut *weights {
            *weight /= sum;
        }
        weights.iter().zip(before).map(|(now, before)| (now - before).abs()).fold(0.0, f64::max)
    }

    fn departure_rate(&self, weights: &[f64]) -> f64 {
        self.departures.iter().zip(weights).map(|(rate, weight)| rate * weight).sum()
    }
}

/// The stages that are working when stage `i` has finished `finished[i]` cakes that the next stage
/// has not; none if there is no room for so many.
fn working(finished: &[usize], buffers: &[usize]) -> Vec<usize> {
    let mut stages = Vec::new();
    let mut next_blocked = false;
    for stage in (0..=finished.len()).rev() {
        // On the counter, one in our hands, and one in those of the next cook unless it is blocked.
        let room = buffers.get(stage).map_or(1, |b| b + 1 + usize::from(!next_blocked));
        let n_finished = finished.get(stage).copied().unwrap_or(0);
        if n_finished > room {
            return Vec::new();
        }
        next_blocked = n_finished == room;
        if !next_blocked && (stage == 0 || finished[stage - 1] > 0) {
            stages.push(stage);
        }
    }
    stages
}

/// The state after `stage` has finished a cake.
fn after(finished: &[usize], stage: usize) -> Vec<usize> {
    let mut next = finished.to_vec();
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

fn number(finished: &[usize], sizes: &[usize]) -> usize {
    let digits = finished.iter().zip(sizes).rev();
    digits.fold(0, |number, (digit, size)| number * size + digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact fractions, as in the literature and as solved by hand.
    #[test]
    fn the_markov_chain_gives_the_known_fractions() {
        let check = |rates: &[f64], buffers: &[usize], expected: f64| {
            let rate = throughput(rates, buffers);
            assert!((rate / expected - 1.0).abs() < 1e-9, "{rates:?} {buffers:?}: {rate}");
        };
        check(&[1.0, 1.0], &[0], 2.0 / 3.0);
        check(&[1.0, 1.0], &[7], 9.0 / 10.0);
        let rho = 2.0_f64 / 3.0; // rates 2 and 3, a buffer of three
        check(&[2.0, 3.0], &[3], 2.0 * (1.0 - rho.powi(5)) / (1.0 - rho.powi(6)));
        check(&[1.0; 3], &[0; 2], 22.0 / 39.0);
        check(&[1.0; 3], &[1; 2], 8529.0 / 12721.0);
        check(&[1.0; 3], &[2; 2], 2_463_197.0 / 3_355_778.0);
        check(&[1.0; 4], &[0; 3], 4024.0 / 7817.0);
    }

    #[test]
    fn the_lower_bound_is_reached_where_rounds_are_full() {
        let shop = Shop::book().with_icing(Duration::from_millis(50));
        assert_eq!(makespan_lower_bound(&shop), Duration::from_millis(1020));
        assert_eq!(makespan_lower_bound(&shop.clone().with_icers(5)), Duration::from_millis(260));
        assert_eq!(makespan_lower_bound(&shop.clone().with_icers(4)), Duration::from_millis(270));
        assert!((amdahl(1.020, 1.0, 4) - 0.270).abs() < 1e-12);
    }
}
