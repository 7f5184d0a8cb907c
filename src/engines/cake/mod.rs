//! The cake shop of section 8.4.4: an assembly line of cooks as a model of buffered channels.
//!
//! A [`Shop`] describes the line: stages with one or more cooks, and between two stages a counter,
//! which is a buffer of limited capacity. The seed fixes how long every cake takes at every stage,
//! so that three engines can process the same cakes:
//!
//! - [`threads`]: one thread per cook and one crossbeam channel per counter, in real time;
//! - [`virtual_time`]: a discrete-event simulation, in which hand-overs cost nothing and sleeps
//!   are exact;
//! - [`recurrence`]: the same result in closed form, for one cook per stage.
//!
//! [`crossover`] compares threads with goroutines over the amount of work per item.
//!
//! The difference between a real and a simulated run is the overhead of the machine. [`theory`]
//! computes what is known without a simulation, [`experiment`] repeats, compares and sweeps,
//! [`draw`] makes charts and [`report`] a page.

pub mod crossover;
mod distribution;
pub mod draw;
mod error;
mod event;
pub mod experiment;
mod limits;
mod mean;
pub mod record;
pub mod recurrence;
pub mod report;
mod run_stats;
mod settings;
mod shop;
mod stage;
pub mod table;
pub mod theory;
pub mod threads;
mod times;
pub mod virtual_time;

pub use distribution::Distribution;
pub use error::Error;
pub use event::{Event, EventKind};
pub use mean::Mean;
pub use run_stats::{CookStats, CounterStats, RunStats, TimeShares};
pub use settings::{Setting, settings};
pub use shop::Shop;
pub use stage::Stage;

#[cfg(test)]
mod tests;
