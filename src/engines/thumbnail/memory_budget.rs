//! A limit on the memory that decoded pictures take at once, for any number of threads.

use std::sync::{Mutex, MutexGuard};

use crate::threads::{Condvar, lock, wait_while};

/// The memory for all decoded pictures of this process: 512 MiB, so that a folder of huge images
/// makes threads wait instead of making the machine swap.
pub(super) static DECODED_PICTURES: MemoryBudget = MemoryBudget::new(512 << 20);

/// A semaphore that counts bytes: a thread blocks until as many are free as it needs.
pub(super) struct MemoryBudget {
    total: u64,
    reserved: Mutex<u64>,
    returned: Condvar,
}

/// Bytes of a [`MemoryBudget`], returned when dropped.
pub(super) struct Reservation<'a> {
    budget: &'a MemoryBudget,
    n_bytes: u64,
}

impl MemoryBudget {
    const fn new(total: u64) -> Self {
        MemoryBudget { total, reserved: Mutex::new(0), returned: Condvar::new() }
    }

    /// Reserves `n_bytes`, blocking until they are free. A request for more than the total reserves
    /// everything, so that its thread is the only one to decode.
    pub(super) fn reserve(&self, n_bytes: u64) -> Reservation<'_> {
        let n_bytes = n_bytes.min(self.total);
        let full = |reserved: &mut u64| *reserved + n_bytes > self.total;
        *wait_while(&self.returned, self.reserved(), full) += n_bytes;
        Reservation { budget: self, n_bytes }
    }

    fn reserved(&self) -> MutexGuard<'_, u64> {
        lock(&self.reserved)
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        *self.budget.reserved() -= self.n_bytes;
        self.budget.returned.notify_all(); // any waiting thread may need little enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::thread;

    #[test]
    fn reservations_never_exceed_the_total() {
        let (budget, now, max) = (MemoryBudget::new(10), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for n in 1..=10 {
                let (budget, now, max) = (&budget, &now, &max);
                scope.spawn(move || {
                    let _reservation = budget.reserve(n);
                    max.fetch_max(now.fetch_add(n, SeqCst) + n, SeqCst);
                    now.fetch_sub(n, SeqCst);
                });
            }
        });
        assert!(max.into_inner() <= 10);
        assert_eq!(*budget.reserved(), 0);
    }

    #[test]
    fn a_request_beyond_the_total_reserves_everything() {
        let budget = MemoryBudget::new(10);
        let reservation = budget.reserve(1_000);
        assert_eq!(*budget.reserved(), 10);
        drop(reservation);
        drop(budget.reserve(10));
    }
}
