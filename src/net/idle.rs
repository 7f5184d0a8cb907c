//! Disconnecting idle peers.

use std::io;
use std::time::{Duration, Instant};

use super::conn::Conn;

/// The shortest read timeout set: zero would mean none.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Measures how long a peer has sent nothing that counts, and bounds the next read accordingly.
#[derive(Debug)]
pub struct IdleTimer {
    /// Zero for no limit.
    limit: Duration,
    last_activity: Instant,
}

impl IdleTimer {
    /// Starts a timer that expires after `limit` without a [`reset`](Self::reset); zero for never.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        IdleTimer { limit, last_activity: Instant::now() }
    }

    /// Sets the read timeout of `conn` to the time left.
    pub fn limit_read(&self, conn: &Conn) {
        if !self.limit.is_zero() {
            let left = self.limit.saturating_sub(self.last_activity.elapsed()).max(TIMEOUT_MIN);
            _ = conn.set_read_timeout(Some(left)); // without it, expiry is noticed later
        }
    }

    /// Starts over: the peer was active just now.
    pub fn reset(&mut self) {
        self.last_activity = Instant::now();
    }

    /// Whether the limit has passed since the last activity.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        !self.limit.is_zero() && self.last_activity.elapsed() >= self.limit
    }
}

/// Whether a read ended only because its timeout passed or a signal came.
#[must_use]
pub fn is_timeout(err: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(err.kind(), Interrupted | TimedOut | WouldBlock)
}
