//! Flood control: a token bucket that makes a sender wait and loses nothing.

use std::time::{Duration, Instant};

/// A paste of so many lines goes through at once.
const BURST: f64 = 1_000.0;
/// A long line counts as one for each so many bytes.
const BYTES_A_LINE: usize = 512;

pub(super) struct Bucket {
    /// Lines a second; zero for any number.
    rate: f64,
    tokens: f64,
    filled: Instant,
}

impl Bucket {
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        Bucket { rate: f64::from(rate), tokens: BURST, filled: now }
    }

    /// Takes what was said out of the bucket; says how long to wait before listening again.
    pub(super) fn take(&mut self, n_lines: usize, n_bytes: usize, now: Instant) -> Duration {
        if self.rate == 0.0 {
            return Duration::ZERO;
        }
        let filled = now.duration_since(self.filled).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + filled).min(BURST);
        self.filled = now;
        self.tokens -= n_lines.max(n_bytes / BYTES_A_LINE) as f64;
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_goes_through_and_a_flood_waits() {
        let start = Instant::now();
        let mut bucket = Bucket::new(100, start);
        assert_eq!(bucket.take(1_000, 20_000, start), Duration::ZERO);
        assert_eq!(bucket.take(50, 1_000, start), Duration::from_millis(500));
        let later = start + Duration::from_secs(1);
        assert_eq!(bucket.take(50, 1_000, later), Duration::ZERO);
        assert_eq!(bucket.take(0, 512 * 100, later), Duration::from_secs(1));
    }

    #[test]
    fn it_never_holds_more_than_a_burst_and_can_be_off() {
        let start = Instant::now();
        let next_day = start + Duration::from_hours(24);
        assert_eq!(Bucket::new(1, start).take(1_001, 0, next_day), Duration::from_secs(1));
        assert_eq!(Bucket::new(0, start).take(1_000_000, 0, start), Duration::ZERO);
    }
}
