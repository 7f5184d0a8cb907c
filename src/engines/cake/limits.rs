//! The largest shop that can be run.

use std::time::Duration;

/// Cakes of one run: enough for any average, few enough to count.
pub(super) const CAKES_MAX: u64 = 1_000_000_000;
/// Cooks of one stage; each is a thread.
pub(super) const COOKS_MAX: usize = 1_000;
/// Capacity of a buffer, in cakes: each takes memory in a channel.
pub(super) const BUFFER_MAX: usize = 1_000_000;
/// Mean time for one cake at one stage, and its standard deviation.
pub(super) const TIME_MAX: Duration = Duration::from_hours(1);
/// Work of all cakes at all stages; keeps every sum of nanoseconds far from overflow.
pub(super) const TOTAL_MAX: Duration = Duration::from_secs(100_000_000);
