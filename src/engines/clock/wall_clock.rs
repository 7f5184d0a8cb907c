//! The time of day at an instant of the monotonic clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Smaller steps of the system clock are ignored: following them would repeat or skip lines.
const STEP_MIN: Duration = Duration::from_millis(500);

/// The time since 1970, counted by the monotonic clock so that it neither stops nor jumps.
///
/// It follows the system clock when that was set, or after the machine was suspended.
pub(super) struct WallClock {
    start: Instant,
    /// Milliseconds from 1970 to `start`.
    start_ms: AtomicI64,
}

impl WallClock {
    /// A clock that shows the system's time.
    pub(super) fn new() -> Self {
        let (start, now) = (Instant::now(), SystemTime::now());
        WallClock { start, start_ms: AtomicI64::new(ms_since_1970(now)) }
    }

    /// The whole seconds from 1970 to `instant`.
    pub(super) fn second(&self, instant: Instant) -> i64 {
        (self.start_ms.load(Ordering::Relaxed) + self.since_start(instant)).div_euclid(1_000)
    }

    /// Follows the system clock, which shows `time` at `instant`, if it was set.
    pub(super) fn follow(&self, instant: Instant, time: SystemTime) {
        let start_ms = ms_since_1970(time) - self.since_start(instant);
        let step = start_ms.abs_diff(self.start_ms.load(Ordering::Relaxed));
        if Duration::from_millis(step) >= STEP_MIN {
            self.start_ms.store(start_ms, Ordering::Relaxed);
        }
    }

    fn since_start(&self, instant: Instant) -> i64 {
        i64::try_from(instant.duration_since(self.start).as_millis()).unwrap_or(i64::MAX)
    }
}

fn ms_since_1970(time: SystemTime) -> i64 {
    let ms = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => ms(since),
        Err(before) => -ms(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_large_steps_of_the_system_clock_and_no_small_ones() {
        let clock = WallClock::new();
        let now = clock.start + Duration::from_secs(100);
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_100);
        clock.follow(now, time);
        assert_eq!(clock.second(now), 1_000);
        clock.follow(now, time + Duration::from_millis(499));
        clock.follow(now, time - Duration::from_millis(499));
        assert_eq!(clock.second(now), 1_000);
        clock.follow(now, time + Duration::from_hours(1));
        assert_eq!(clock.second(now), 4_600);
        assert_eq!(clock.second(now + Duration::from_millis(900)), 4_601);
        clock.follow(now, SystemTime::UNIX_EPOCH - Duration::from_millis(1));
        assert_eq!(clock.second(now), -1);
    }
}
