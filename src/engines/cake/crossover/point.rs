//! The points of the grid.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::Serialize;

use crate::engines::cake::threads::Work;

/// The threads of a point and the channels between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Shape {
    /// Three stages with the same number of cooks each, as in the cake shop.
    Shop,
    /// One cook per stage; the number of cooks is the number of stages, at least two.
    Pipeline,
    /// One thread that hands out items, and cooks who take them from one channel.
    Pool,
}

/// The work that each cook does for one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service {
    /// Whether the cook sleeps or computes.
    pub work: Work,
    /// For how long.
    pub time: Duration,
}

/// A program of threads and channels to run on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// Which threads and channels there are.
    pub shape: Shape,
    /// The work per item and cook.
    pub service: Service,
    /// Capacity of every channel.
    pub capacity: usize,
    /// Number of cooks: per stage of a shop, of a whole pipeline or pool.
    pub cooks: usize,
}

impl Shape {
    /// All shapes, in the order of the results.
    pub const ALL: [Shape; 3] = [Shape::Shop, Shape::Pipeline, Shape::Pool];

    /// The name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Shop => "shop",
            Shape::Pipeline => "pipeline",
            Shape::Pool => "pool",
        }
    }

    /// The name in sentences.
    pub(in crate::engines::cake) fn title(self) -> &'static str {
        match self {
            Shape::Shop => "the cake shop",
            Shape::Pipeline => "a pipeline",
            Shape::Pool => "a pool",
        }
    }
}

impl FromStr for Shape {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let shape = Shape::ALL.into_iter().find(|shape| shape.name() == name);
        shape.ok_or("use shop, pipeline or pool")
    }
}

impl Service {
    /// `spin` or `sleep`.
    pub fn name(self) -> &'static str {
        match self.work {
            Work::Spin => "spin",
            Work::Sleep => "sleep",
        }
    }
}

impl fmt::Display for Point {
    /// The point as both programs read it: shape, work, nanoseconds, capacity, cooks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shape, work) = (self.shape.name(), self.service.name());
        let (ns, capacity, cooks) = (self.service.time.as_nanos(), self.capacity, self.cooks);
        write!(f, "{shape} {work} {ns} {capacity} {cooks}")
    }
}

impl FromStr for Point {
    type Err = &'static str;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let &[shape, work, ns, capacity, cooks] = words.as_slice() else {
            return Err("use SHAPE WORK NANOSECONDS CAPACITY COOKS");
        };
        let ns = ns.parse().map_err(|_| "the nanoseconds are not a number")?;
        let service = Service { work: work.parse()?, time: Duration::from_nanos(ns) };
        let capacity = capacity.parse().map_err(|_| "the capacity is not a number")?;
        let cooks = cooks.parse().ok().filter(|&cooks| cooks > 0).ok_or("cooks: 1 or more")?;
        Ok(Point { shape: shape.parse()?, service, capacity, cooks })
    }
}

/// Times per item, in microseconds.
const TIMES_US: [u64; 6] = [0, 1, 10, 100, 1_000, 10_000];
const CAPACITIES: [usize; 5] = [0, 1, 10, 100, 1_000];

/// All points: work of 0 to 10 ms, capacities of 0 to 1000, and 1, 2, 4 … cooks up to four per CPU.
pub fn full_grid(n_cpus: usize) -> Vec<Point> {
    let powers = std::iter::successors(Some(1), |n| Some(n * 2));
    let cooks: Vec<usize> = powers.take_while(|&n| n <= 4 * n_cpus).collect();
    grid(&TIMES_US, &CAPACITIES, &cooks)
}

/// A few points: work up to 1 ms, three capacities, and one or two numbers of cooks.
pub fn quick_grid(n_cpus: usize) -> Vec<Point> {
    let mut cooks = vec![2, n_cpus];
    cooks.dedup();
    grid(&TIMES_US[..5], &[0, 10, 1_000], &cooks)
}

fn grid(times_us: &[u64], capacities: &[usize], cooks: &[usize]) -> Vec<Point> {
    let mut points = Vec::new();
    for shape in Shape::ALL {
        for work in [Work::Spin, Work::Sleep] {
            for &us in times_us {
                let service = Service { work, time: Duration::from_micros(us) };
                let capacities = capacities.iter();
                points.extend(capacities.flat_map(|&capacity| {
                    cooks.iter().map(move |&cooks| Point { shape, service, capacity, cooks })
                }));
            }
        }
    }
    // Without work nobody sleeps, and a pipeline of one stage has no channel.
    points.retain(|point| point.service.work == Work::Spin || !point.service.time.is_zero());
    points.retain(|point| point.shape != Shape::Pipeline || point.cooks > 1);
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_whole_and_without_points_that_mean_nothing() {
        let points = full_grid(2); // 11 kinds of work, 5 capacities, 1, 2, 4 and 8 cooks
        assert_eq!(points.len(), 11 * 5 * (4 + 3 + 4));
        assert!(quick_grid(2).len() < 200);
        assert_eq!(points[0].to_string(), "shop spin 0 0 1");
        for point in points {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
    }

    #[test]
    fn a_machine_of_one_cpu_has_a_grid() {
        assert!(full_grid(1).iter().any(|point| point.shape == Shape::Pipeline));
        assert!(quick_grid(1).iter().any(|point| point.shape == Shape::Pipeline));
    }
}
