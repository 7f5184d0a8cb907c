//! A counting semaphore.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::condvar::{Condvar, wait, wait_while};
use super::lock::lock;

/// A counting semaphore whose permits are returned by dropping them.
///
/// The book builds one from a buffered channel (8.6); this one can also be asked how many permits
/// are taken. Clones share their permits.
///
/// ```
/// use threadbare::threads::Semaphore;
///
/// let semaphore = Semaphore::new(1);
/// let permit = semaphore.acquire(); // would block if none were free
/// assert!(semaphore.try_acquire().is_none());
/// drop(permit);
/// assert!(semaphore.try_acquire().is_some());
/// ```
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
    /// Creates a semaphore with `capacity` permits.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Semaphore(Arc::new(Inner { capacity, taken: Mutex::new(0), returned: Condvar::new() }))
    }

    /// Takes a permit if one is free, without blocking.
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
        let is_full = |taken: &mut usize| *taken >= self.0.capacity;
        *wait_while(&self.0.returned, self.0.taken(), is_full) += 1;
        Permit(Arc::clone(&self.0))
    }

    /// Blocks until a permit is returned, at most for `timeout`; may return early.
    pub fn wait_returned(&self, timeout: Duration) {
        let taken = self.0.taken();
        drop(wait(&self.0.returned, taken, Some(timeout)));
    }

    /// Returns the number of permits, taken or free.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Returns the number of permits taken.
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
    fn permits_run_out_and_are_returned() {
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
    fn no_more_threads_run_than_there_are_permits() {
        let semaphore = Semaphore::new(3);
        let (n_alive, n_alive_max) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..50 {
                let permit = semaphore.acquire();
                scope.spawn(|| {
                    n_alive_max
                        .fetch_max(n_alive.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    n_alive.fetch_sub(1, Ordering::SeqCst);
                    drop(permit);
                });
            }
        });
        assert!(n_alive_max.into_inner() <= 3);
    }
}
