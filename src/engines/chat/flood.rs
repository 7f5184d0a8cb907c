//! Flood control: a token bucket that delays a sender and loses nothing.

use std::time::{Duration, Instant};

/// Lines that a client may send at once, so that pasted text is not delayed.
const BURST: f64 = 1_000.0;
/// A long line counts as one line for each so many bytes.
const BYTES_PER_LINE: usize = 512;

/// A token bucket for one client, one token per line.
pub(super) struct TokenBucket {
    /// Tokens added per second; zero for no limit.
    rate: f64,
    tokens: f64,
    last_filled: Instant,
    /// Whether the client is being delayed and has been notified of it.
    is_notified: bool,
}

impl TokenBucket {
    /// Creates a full bucket that gains `rate` tokens per second; zero for no limit.
    pub(super) fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate);
        TokenBucket { rate, tokens: BURST, last_filled: now, is_notified: false }
    }

    /// Takes tokens for what was received; returns how long to wait before reading again.
    pub(super) fn take(&mut self, n_lines: usize, n_bytes: usize, now: Instant) -> Duration {
        if self.rate == 0.0 {
            return Duration::ZERO;
        }
        let added = now.duration_since(self.last_filled).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + added).min(BURST);
        self.last_filled = now;
        if self.tokens >= BURST {
            self.is_notified = false; // the last flood is over
        }
        self.tokens -= cost(n_lines, n_bytes);
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }

    /// How long it takes until lines are accepted without delay again, with `n_lines` and `n_bytes`
    /// that are still to be taken. `None` if the client has been notified since the bucket was full.
    pub(super) fn notice(&mut self, n_lines: usize, n_bytes: usize) -> Option<Duration> {
        let is_first = !std::mem::replace(&mut self.is_notified, true);
        let missing = cost(n_lines, n_bytes) - self.tokens;
        is_first.then(|| Duration::from_secs_f64((missing / self.rate).max(0.0)))
    }
}

/// The tokens that lines cost.
fn cost(n_lines: usize, n_bytes: usize) -> f64 {
    n_lines.max(n_bytes / BYTES_PER_LINE) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_a_flood_is_delayed() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(100, start);
        assert_eq!(bucket.take(1_000, 20_000, start), Duration::ZERO);
        assert_eq!(bucket.take(50, 1_000, start), Duration::from_millis(500));
        let later = start + Duration::from_secs(1);
        assert_eq!(bucket.take(50, 1_000, later), Duration::ZERO);
        assert_eq!(bucket.take(0, 512 * 100, later), Duration::from_secs(1));
    }

    #[test]
    fn a_flood_is_noticed_once_and_the_next_one_again() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(100, start);
        bucket.take(1_100, 0, start);
        assert_eq!(bucket.notice(900, 0), Some(Duration::from_secs(10)));
        bucket.take(900, 0, start);
        assert_eq!(bucket.notice(0, 0), None);
        bucket.take(1, 0, start + Duration::from_secs(21));
        assert_eq!(bucket.notice(1_999, 0), Some(Duration::from_secs(10)));
    }

    #[test]
    fn tokens_are_capped_at_a_burst_and_rate_zero_never_delays() {
        let start = Instant::now();
        let next_day = start + Duration::from_hours(24);
        assert_eq!(TokenBucket::new(1, start).take(1_001, 0, next_day), Duration::from_secs(1));
        assert_eq!(TokenBucket::new(0, start).take(1_000_000, 0, start), Duration::ZERO);
    }
}
