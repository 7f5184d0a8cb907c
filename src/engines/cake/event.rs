//! What the cooks do, as events.

use std::time::Duration;

/// Something a cook did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Time since the start of the run.
    pub at: Duration,
    /// The cook: index of the stage, and number within the stage.
    pub cook: (usize, usize),
    /// Number of the cake, from 0.
    pub cake: u64,
    /// What the cook did to the cake.
    pub kind: EventKind,
}

/// The three things a cook does to each cake, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// Took the cake and started to work on it.
    Started,
    /// Finished the work.
    Finished,
    /// Passed the cake on: to the counter, to a cook of the next stage, or out of the shop.
    PassedOn,
}
