//! How long a client has been silent.

use std::io;
use std::time::{Duration, Instant};

use crate::net::Conn;

/// A socket's time limit of zero would mean none.
const FINEST: Duration = Duration::from_millis(1);

pub(super) struct Silence {
    /// Zero if it may last for ever.
    max: Duration,
    since: Instant,
}

impl Silence {
    pub(super) fn new(max: Duration) -> Self {
        Silence { max, since: Instant::now() }
    }

    /// Bounds the next read by what is left.
    pub(super) fn limit(&self, conn: &Conn) {
        if !self.max.is_zero() {
            let left = self.max.saturating_sub(self.since.elapsed()).max(FINEST);
            _ = conn.set_read_timeout(Some(left)); // without it, the silence is noticed later
        }
    }

    pub(super) fn is_broken(&mut self) {
        self.since = Instant::now();
    }

    pub(super) fn is_too_long(&self) -> bool {
        !self.max.is_zero() && self.since.elapsed() >= self.max
    }

    /// Whether reading failed for no more than time.
    pub(super) fn is_all(err: &io::Error) -> bool {
        use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
        matches!(err.kind(), Interrupted | TimedOut | WouldBlock)
    }
}
