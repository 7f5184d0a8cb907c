//! Sleeping without drift.

use std::thread;
use std::time::Instant;

/// Sleeps until `deadline`; returns at once when it has passed.
///
/// Absolute deadlines do not accumulate error: the next sleep makes up for what one overslept.
pub fn sleep_until(deadline: Instant) {
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
}
