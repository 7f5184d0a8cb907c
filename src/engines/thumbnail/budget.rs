//! A bound on the memory that decoded pictures take at once, whatever the number of threads.

use std::sync::{Condvar, Mutex, MutexGuard};

use crate::threads::{lock, wait_while};

/// Memory for decoded pictures in this process: a folder of huge images waits instead of swapping.
pub(super) static PIXELS: Budget = Budget::new(512 << 20);

/// A counting semaphore whose permits are taken many at a time.
pub(super) struct Budget {
    total: u64,
    taken: Mutex<u64>,
    returned: Condvar,
}

/// A part of a [`Budget`], given back when dropped.
pub(super) struct Share<'a> {
    budget: &'a Budget,
    n_bytes: u64,
}

impl Budget {
    const fn new(total: u64) -> Self {
        Budget { total, taken: Mutex::new(0), returned: Condvar::new() }
    }

    /// Waits until `n_bytes` are free. Who wants more than there is gets all, and so runs alone.
    pub(super) fn take(&self, n_bytes: u64) -> Share<'_> {
        let n_bytes = n_bytes.min(self.total);
        let full = |taken: &mut u64| *taken + n_bytes > self.total;
        *wait_while(&self.returned, self.taken(), full) += n_bytes;
        Share { budget: self, n_bytes }
    }

    fn taken(&self) -> MutexGuard<'_, u64> {
        lock(&self.taken)
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        *self.budget.taken() -= self.n_bytes;
        self.budget.returned.notify_all(); // the next may want less than the first in line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
    use std::thread;

    #[test]
    fn never_more_than_the_total() {
        let (budget, now, most) = (Budget::new(10), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for n in 1..=10 {
                let (budget, now, most) = (&budget, &now, &most);
                scope.spawn(move || {
                    let _share = budget.take(n);
                    most.fetch_max(now.fetch_add(n, SeqCst) + n, SeqCst);
                    now.fetch_sub(n, SeqCst);
                });
            }
        });
        assert!(most.into_inner() <= 10);
        assert_eq!(*budget.taken(), 0);
    }

    #[test]
    fn who_wants_too_much_runs_alone() {
        let budget = Budget::new(10);
        let share = budget.take(1_000);
        assert_eq!(*budget.taken(), 10);
        drop(share);
        drop(budget.take(10));
    }
}
