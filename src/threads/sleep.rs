//! Sleeping without drift.

use std::thread;
use std::time::Instant;

/// Sleeps until `deadline`; returns at once if it has passed.
///
/// Absolute deadlines do not accumulate error: a sleep that lasts too long shortens the next.
pub fn sleep_until(deadline: Instant) {
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
}
