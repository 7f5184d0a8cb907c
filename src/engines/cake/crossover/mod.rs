//! The crossover of threads and goroutines: from how much work per item do threads keep up?
//!
//! A [`Point`] is a small program of threads and channels: its shape, the work per item, the
//! capacity of its channels and the number of its cooks. [`compare`] runs each point on threads and
//! has another program run the same on goroutines, in turn; [`answers`] says from which amount of
//! work threads are within 5 % of goroutines; [`text`] and [`draw::crossover`](super::draw::crossover)
//! show all ratios.

mod answer;
mod comparison;
mod point;
mod run;
mod spin;
pub(super) mod table;

pub use answer::{Answer, TOLERANCE, answers};
pub use comparison::{Comparison, Options, compare};
pub use point::{Point, Service, Shape, full_grid, quick_grid};
pub use run::{Run, measure, measure_items};
pub use spin::Spinner;
pub use table::text;
