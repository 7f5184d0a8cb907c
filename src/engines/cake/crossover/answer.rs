//! From how much work per item threads keep up, as a rule.

use std::time::Duration;

use serde::Serialize;

use super::comparison::Comparison;
use super::point::Shape;

/// Threads count as equal if they reach at least this share of the throughput of goroutines.
pub const TOLERANCE: f64 = 0.95;

/// The least work per item from which threads are as good, for one shape, kind of work and capacity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// Which threads and channels.
    pub shape: Shape,
    /// `spin` or `sleep`.
    pub work: &'static str,
    /// Capacity of the channels.
    pub capacity: usize,
    /// With this work and every longer one that was measured, with any number of cooks, threads are
    /// within 5 %; `None` if they are not with the longest.
    pub from: Option<Duration>,
    /// The longest work that was measured.
    pub longest: Duration,
}

/// One answer per shape, kind of work and capacity, in the order of the comparisons.
pub fn answers(comparisons: &[Comparison]) -> Vec<Answer> {
    let mut answers: Vec<Answer> = Vec::new();
    for comparison in comparisons.iter().filter(|comparison| comparison.ratio().is_some()) {
        let is_known = |answer: &Answer| answer.is_about(comparison);
        if !answers.iter().any(is_known) {
            answers.push(Answer::new(comparison, comparisons));
        }
    }
    answers.sort_by_key(|answer| (answer.shape as u8, answer.work == "sleep", answer.capacity));
    answers
}

impl Answer {
    fn new(first: &Comparison, comparisons: &[Comparison]) -> Self {
        let Comparison { shape, work, capacity, .. } = *first;
        let mut answer = Answer { shape, work, capacity, from: None, longest: Duration::ZERO };
        let mut measured: Vec<(Duration, bool)> = comparisons
            .iter()
            .filter(|comparison| answer.is_about(comparison))
            .map(|comparison| (comparison.service(), comparison.reaches(TOLERANCE)))
            .collect();
        // From the longest work down, until threads fall behind; of equal work, that comes first.
        measured.sort_by_key(|&(service, keeps_up)| (std::cmp::Reverse(service), keeps_up));
        answer.longest = measured.first().map(|&(service, _)| service).unwrap_or_default();
        for chunk in measured.chunk_by(|one, other| one.0 == other.0) {
            if !chunk[0].1 {
                break;
            }
            answer.from = Some(chunk[0].0);
        }
        answer
    }

    fn is_about(&self, comparison: &Comparison) -> bool {
        (self.shape, self.work, self.capacity)
            == (comparison.shape, comparison.work, comparison.capacity)
    }
}

/// The answers as text: a sentence for each shape and kind of work.
pub(super) fn sentences(answers: &[Answer]) -> Vec<String> {
    let groups = answers.chunk_by(|a, b| (a.shape, a.work) == (b.shape, b.work));
    groups.map(sentence).collect()
}

fn sentence(group: &[Answer]) -> String {
    let does = if group[0].work == "sleep" { "wait" } else { "compute" };
    let shape = group[0].shape.title();
    let parts: Vec<String> = group.iter().map(Answer::words).collect();
    format!(
        "In {shape} whose cooks {does}, on this machine threads are within 5 % of goroutines {}.",
        parts.join(", ")
    )
}

impl Answer {
    fn words(&self) -> String {
        let capacity = self.capacity;
        match self.from {
            Some(from) if from.is_zero() => format!("whatever the work at capacity {capacity}"),
            Some(from) => format!("from {from:?} of work at capacity {capacity}"),
            None => format!("not up to {:?} of work at capacity {capacity}", self.longest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(us: u32, capacity: usize, cooks: usize, ratio: f64) -> Comparison {
        Comparison {
            shape: Shape::Shop,
            work: "spin",
            service_ns: u128::from(us) * 1_000,
            capacity,
            cooks,
            threads_ns: vec![100.0, 100.0, 500.0],
            goroutines_ns: vec![100.0 * ratio, 100.0 * ratio, 1.0],
            ideal_ns: 50.0,
        }
    }

    #[test]
    fn every_longer_work_and_every_number_of_cooks_must_agree() {
        let comparisons = [
            comparison(0, 0, 1, 1.2), // by chance: more work is slower
            comparison(10, 0, 1, 0.5),
            comparison(100, 0, 1, 0.96),
            comparison(1_000, 0, 1, 1.01),
            comparison(0, 10, 1, 1.5),
            comparison(0, 10, 2, 0.96),
            comparison(100, 10, 2, 1.0),
            comparison(100, 1_000, 2, 1.0),
            comparison(100, 1_000, 4, 0.94),
        ];
        assert_eq!(
            sentences(&answers(&comparisons)),
            ["In the cake shop whose cooks compute, on this machine threads are within 5 % of \
              goroutines from 100µs of work at capacity 0, whatever the work at capacity 10, not up \
              to 100µs of work at capacity 1000."]
        );
    }

    #[test]
    fn without_goroutines_there_is_no_answer() {
        let mut alone = comparison(1, 0, 1, 1.0);
        alone.goroutines_ns.clear();
        assert_eq!(answers(&[alone]), []);
    }
}
