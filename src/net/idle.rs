//! Noticing that a peer has sent nothing for too long.

use std::io;
use std::time::{Duration, Instant};

use super::conn::Conn;

/// The shortest read timeout set: zero would mean none.
const TIMEOUT_MIN: Duration = Duration::from_millis(1);

/// Measures how long a peer has been idle, and has reads return in time to notice it.
///
/// Call [`reset`](Self::reset) when the peer was active and [`check`](Self::check) after each read.
/// What counts as activity is the caller's choice: a byte, a whole line, the end of a transfer.
#[derive(Debug)]
pub struct IdleTimer {
    /// Zero for no limit, or after expiry.
    limit: Duration,
    /// Time before the expiry at which a warning is due; zero for no warning.
    warning: Duration,
    last_activity: Instant,
    is_warned: bool,
    /// Time from the last check to the next event.
    timeout: Duration,
    /// The read timeout set last; setting the same again would cost a system call per read.
    timeout_set: Duration,
}

/// What an [`IdleTimer`] reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdleEvent {
    /// The timer expires after this time unless it is reset.
    Warning(Duration),
    /// The limit has passed.
    Expired,
}

impl IdleTimer {
    /// Starts a timer that expires `limit` after the last [`reset`](Self::reset); zero for never.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        IdleTimer::with_warning(limit, Duration::ZERO)
    }

    /// Starts a timer that also gives a warning, so long before it expires.
    #[must_use]
    pub fn with_warning(limit: Duration, warning: Duration) -> Self {
        let timeout = limit.saturating_sub(warning);
        IdleTimer {
            limit,
            warning,
            last_activity: Instant::now(),
            is_warned: warning.is_zero(),
            timeout,
            timeout_set: Duration::ZERO,
        }
    }

    /// Sets the read timeout of `conn` to the time that was left to the next event at the last
    /// [`check`](Self::check).
    pub fn limit_read(&mut self, conn: &Conn) {
        if self.timeout != self.timeout_set && conn.set_read_timeout(Some(self.timeout)).is_ok() {
            self.timeout_set = self.timeout;
        } // without it, the event is noticed later
    }

    /// Starts over: the peer was active at `now`.
    pub fn reset(&mut self, now: Instant) {
        self.last_activity = now;
        self.is_warned = self.warning.is_zero();
    }

    /// Returns the event that is due at `now`, if any. Each is returned once: the warning until the
    /// next [`reset`](Self::reset), the expiry for good.
    pub fn check(&mut self, now: Instant) -> Option<IdleEvent> {
        if self.limit.is_zero() {
            return None;
        }
        let left = self.remaining(now);
        if left.is_zero() {
            self.limit = Duration::ZERO;
            return Some(IdleEvent::Expired);
        }
        let is_warning_due = !self.is_warned && left <= self.warning;
        self.is_warned |= is_warning_due;
        let reserved = if self.is_warned { Duration::ZERO } else { self.warning };
        self.timeout = left.saturating_sub(reserved).max(TIMEOUT_MIN);
        is_warning_due.then_some(IdleEvent::Warning(left))
    }

    /// The time from `now` to the expiry; zero if it has passed.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.limit.saturating_sub(now.saturating_duration_since(self.last_activity))
    }
}

/// Whether a read ended only because its timeout passed or a signal came.
#[must_use]
pub fn is_timeout(err: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(err.kind(), Interrupted | TimedOut | WouldBlock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_and_the_expiry_are_reported_once() {
        let mut timer = IdleTimer::with_warning(Duration::from_mins(5), Duration::from_secs(30));
        let start = timer.last_activity;
        let at = |seconds| start + Duration::from_secs(seconds);
        let warning = |seconds| Some(IdleEvent::Warning(Duration::from_secs(seconds)));
        assert_eq!(timer.timeout, Duration::from_secs(270));
        assert_eq!(timer.check(at(100)), None);
        assert_eq!(timer.timeout, Duration::from_secs(170));
        assert_eq!(timer.check(at(271)), warning(29));
        assert_eq!(timer.timeout, Duration::from_secs(29));
        assert_eq!(timer.check(at(280)), None);
        timer.reset(at(290));
        assert_eq!(timer.check(at(290)), None);
        assert_eq!(timer.timeout, Duration::from_secs(270));
        assert_eq!(timer.check(at(560)), warning(30));
        assert_eq!(timer.check(at(590)), Some(IdleEvent::Expired));
        assert_eq!(timer.check(at(9_999)), None);
    }

    #[test]
    fn without_a_warning_only_the_expiry_is_reported() {
        let mut timer = IdleTimer::new(Duration::from_secs(10));
        let start = timer.last_activity;
        assert_eq!(timer.check(start + Duration::from_secs(9)), None);
        assert_eq!(timer.timeout, Duration::from_secs(1));
        assert_eq!(timer.remaining(start + Duration::from_secs(4)), Duration::from_secs(6));
        assert_eq!(timer.check(start + Duration::from_secs(10)), Some(IdleEvent::Expired));
    }

    #[test]
    fn a_limit_of_zero_never_expires() {
        let mut timer = IdleTimer::new(Duration::ZERO);
        assert_eq!(timer.check(timer.last_activity + Duration::from_hours(1)), None);
        assert_eq!(timer.timeout, Duration::ZERO, "no read timeout is set");
    }
}
