//! Limits on the bytes per second of transfers.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::options::Options;
use super::transfer::Transfer;
use crate::threads::lock;

/// A limited transfer moves the bytes of an eighth of a second at once, within these bounds.
const PIECES_PER_SECOND: u64 = 8;
const PIECE_MIN: u64 = 512;
const PIECE_MAX: u64 = 32 << 10;
/// A transfer that was late for this long may catch up: no wait ends on time.
const SLACK: Duration = Duration::from_millis(250);

/// A limit on bytes per second, for one transfer or shared by several.
#[derive(Debug)]
pub(super) struct RateLimit {
    bytes_per_second: u64,
    /// When all bytes so far will have been paid for.
    free_at: Mutex<Instant>,
}

impl RateLimit {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        RateLimit { bytes_per_second, free_at: Mutex::new(Instant::now()) }
    }

    /// Counts `n_bytes`. Returns how long to wait before the next ones.
    fn pay(&self, n_bytes: usize) -> Duration {
        let now = Instant::now();
        let price = Duration::from_secs_f64(n_bytes as f64 / self.bytes_per_second as f64);
        let mut free_at = lock(&self.free_at);
        *free_at = (*free_at).max(now - SLACK) + price;
        free_at.saturating_duration_since(now)
    }
}

/// The limits of one transfer: its own, and the server's.
#[derive(Debug)]
pub(super) struct Throttle<'e> {
    own: Option<RateLimit>,
    total: Option<&'e RateLimit>,
}

impl<'e> Throttle<'e> {
    pub(super) fn new(options: &Options, total: Option<&'e RateLimit>) -> Self {
        Throttle { own: options.session_rate.map(RateLimit::new), total }
    }

    fn limits(&self) -> impl Iterator<Item = &RateLimit> {
        self.own.iter().chain(self.total)
    }

    pub(super) fn is_limited(&self) -> bool {
        self.limits().next().is_some()
    }

    /// Bytes to move at once, at most `n_max`.
    pub(super) fn piece(&self, n_max: usize) -> usize {
        let slowest = self.limits().map(|limit| limit.bytes_per_second).min();
        let piece = slowest.map(|rate| (rate / PIECES_PER_SECOND).clamp(PIECE_MIN, PIECE_MAX));
        piece.and_then(|piece| usize::try_from(piece).ok()).map_or(n_max, |piece| piece.min(n_max))
    }

    /// Counts bytes that were moved, and waits as long as the limits demand, or until `transfer` is
    /// stopped.
    pub(super) fn pay(&self, n_bytes: usize, transfer: &Transfer) {
        let wait = self.limits().map(|limit| limit.pay(n_bytes)).max();
        if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
            transfer.wait_stopped(wait);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_paid_for_by_waiting() {
        let limit = RateLimit::new(1000);
        let first = limit.pay(500);
        assert!(first <= Duration::from_millis(500), "{first:?}");
        let second = limit.pay(1500);
        assert!(second > Duration::from_millis(1500) && second <= Duration::from_secs(2));
    }

    #[test]
    fn the_slowest_limit_decides() {
        let total = RateLimit::new(8000);
        let options = |session_rate| Options { session_rate, ..Options::default() };
        let unlimited = Throttle::new(&options(None), None);
        assert!(!unlimited.is_limited());
        assert_eq!(unlimited.piece(1 << 20), 1 << 20);
        let both = Throttle::new(&options(Some(16_000)), Some(&total));
        assert!(both.is_limited());
        assert_eq!(both.piece(1 << 20), 1000);
        assert_eq!(Throttle::new(&options(Some(1)), None).piece(1 << 20), 512);
        assert_eq!(Throttle::new(&options(Some(1 << 30)), None).piece(1 << 20), 32 << 10);
        let transfer = Transfer::new("TEST".to_owned(), None);
        transfer.stop();
        both.pay(1 << 40, &transfer); // returns at once
    }
}
