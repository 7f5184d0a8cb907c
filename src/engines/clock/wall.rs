//! What time it is at an instant.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// An error of the machine's clock below this is not followed: lines would be repeated for it.
const STEP: Duration = Duration::from_millis(500);

/// Wall time by the monotonic clock, so that it neither stops nor jumps by itself; it follows when
/// the machine's clock is set, or has slept with the machine.
pub(super) struct Wall {
    start: Instant,
    /// Milliseconds from 1970 to `start`.
    start_ms: AtomicI64,
}

impl Wall {
    pub(super) fn new() -> Self {
        let (start, now) = (Instant::now(), SystemTime::now());
        Wall { start, start_ms: AtomicI64::new(since_1970(now)) }
    }

    /// The second since 1970 that `instant` is in.
    pub(super) fn second(&self, instant: Instant) -> i64 {
        (self.start_ms.load(Ordering::Relaxed) + self.since_start(instant)).div_euclid(1_000)
    }

    /// Looks whether the machine's clock has been set.
    pub(super) fn follow(&self, instant: Instant, time: SystemTime) {
        let start_ms = since_1970(time) - self.since_start(instant);
        let step = start_ms.abs_diff(self.start_ms.load(Ordering::Relaxed));
        if Duration::from_millis(step) >= STEP {
            self.start_ms.store(start_ms, Ordering::Relaxed);
        }
    }

    fn since_start(&self, instant: Instant) -> i64 {
        i64::try_from(instant.duration_since(self.start).as_millis()).unwrap_or(i64::MAX)
    }
}

fn since_1970(time: SystemTime) -> i64 {
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
    fn it_follows_when_the_clock_is_set_and_not_when_it_is_trimmed() {
        let wall = Wall::new();
        let now = wall.start + Duration::from_secs(100);
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_000_100);
        wall.follow(now, time);
        assert_eq!(wall.second(now), 1_000);
        wall.follow(now, time + Duration::from_millis(499));
        wall.follow(now, time - Duration::from_millis(499));
        assert_eq!(wall.second(now), 1_000);
        wall.follow(now, time + Duration::from_hours(1));
        assert_eq!(wall.second(now), 4_600);
        assert_eq!(wall.second(now + Duration::from_millis(900)), 4_601);
        wall.follow(now, SystemTime::UNIX_EPOCH - Duration::from_millis(1));
        assert_eq!(wall.second(now), -1);
    }
}
