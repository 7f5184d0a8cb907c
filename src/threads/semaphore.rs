//! A counting semaphore.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use super::lock::{lock, wait_while};

/// A counting semaphore whose permits are returned by dropping them.
///
/// The book builds one from a buffered channel (8.6); this one also knows how many are taken.
#[derive(Clone, Debug)]
pub struct Semaphore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    capacity: usize,
    taken: Mutex<usize>,
    returned: Condvar,
}

/// One permit of a [`Semaphore`], returned when dropped.
#[derive(Debug)]
pub struct Permit(Arc<Inner>);

impl Semaphore {
    /// A semaphore with `capacity` permits.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Semaphore(Arc::new(Inner { capacity, taken: Mutex::new(0), returned: Condvar::new() }))
    }

    /// Takes a permit if one is left.
    #[must_use]
    pub fn try_acquire(&self) -> Option<Permit> {
        let mut taken = self.0.taken();
        (*taken < self.0.capacity).then(|| {
            *taken += 1;
            Permit(Arc::clone(&self.0))
        })
    }

    /// Takes a permit, blocking until one is free.
    #[must_use]
    pub fn acquire(&self) -> Permit {
        let full = |taken: &mut usize| *taken >= self.0.capacity;
        *wait_while(&self.0.returned, self.0.taken(), full) += 1;
        Permit(Arc::clone(&self.0))
    }

    /// Blocks until a permit may have been returned, at most for `timeout`.
    pub fn wait_returned(&self, timeout: Duration) {
        let taken = self.0.taken();
        drop(self.0.returned.wait_timeout(taken, timeout));
    }

    /// Number of permits, taken or free.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Number of permits taken.
    #[must_use]
    pub fn n_taken(&self) -> usize {
        *self.0.taken()
    }
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, usize> {
        lock(&self.taken)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.taken() -= 1;
        self.0.returned.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn permits_run_out_and_come_back() {
        let semaphore = Semaphore::new(2);
        let first = semaphore.try_acquire().expect("two are free");
        let _second = semaphore.try_acquire().expect("one is free");
        assert!(semaphore.try_acquire().is_none());
        drop(first);
        assert_eq!(semaphore.n_taken(), 1);
        assert!(semaphore.try_acquire().is_some());
    }

    #[test]
    fn acquire_waits_for_a_permit() {
        let semaphore = Semaphore::new(1);
        let held = semaphore.acquire();
        thread::scope(|scope| {
            let waiting = scope.spawn(|| drop(semaphore.acquire()));
            drop(held);
            waiting.join().unwrap();
        });
        assert_eq!(semaphore.n_taken(), 0);
    }

    #[test]
    fn never_more_at_once_than_permits() {
        let (semaphore, alive, most) =
            (Semaphore::new(3), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..50 {
                let permit = semaphore.acquire();
                scope.spawn(|| {
                    most.fetch_max(alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    alive.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                });
            }
        });
        assert!(most.into_inner() <= 3);
    }
}
