//! A condition variable that is free to notify while no thread waits, and waiting on one without
//! poisoning.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// A condition variable whose state changes under its mutex before each notification.
///
/// std's makes a system call for every notification. In a process with thousands of parked threads
/// that call is dear: Linux 6.16 and later give a process few hash buckets for its futexes, and the
/// kernel searches the whole bucket for waiters.
#[derive(Debug, Default)]
pub struct Condvar {
    inner: std::sync::Condvar,
    /// Threads that wait; the mutex is held when one is added.
    n_waiting: AtomicUsize,
}

impl Condvar {
    /// A condition variable on which no thread waits.
    #[must_use]
    pub const fn new() -> Self {
        Condvar { inner: std::sync::Condvar::new(), n_waiting: AtomicUsize::new(0) }
    }

    /// Wakes one waiting thread.
    pub fn notify_one(&self) {
        if self.is_awaited() {
            self.inner.notify_one();
        }
    }

    /// Wakes all waiting threads.
    pub fn notify_all(&self) {
        if self.is_awaited() {
            self.inner.notify_all();
        }
    }

    /// A thread that saw the state before its change has been counted before it released the mutex,
    /// which the notifying thread has held since.
    fn is_awaited(&self) -> bool {
        self.n_waiting.load(Ordering::Relaxed) > 0
    }

    fn waiting<T>(&self, wait: impl FnOnce(&std::sync::Condvar) -> T) -> T {
        self.n_waiting.fetch_add(1, Ordering::Relaxed);
        let result = wait(&self.inner);
        self.n_waiting.fetch_sub(1, Ordering::Relaxed);
        result
    }
}

/// Blocks until `condvar` is notified, the thread wakes up spuriously, or `timeout` (if any) has
/// passed.
pub fn wait<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Option<Duration>,
) -> MutexGuard<'a, T> {
    condvar.waiting(|condvar| match timeout {
        None => condvar.wait(guard).unwrap_or_else(PoisonError::into_inner),
        Some(timeout) => {
            condvar.wait_timeout(guard, timeout).unwrap_or_else(PoisonError::into_inner).0
        }
    })
}

/// Blocks on `condvar` while `condition` holds.
pub fn wait_while<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    condition: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    condvar.waiting(|condvar| {
        condvar.wait_while(guard, condition).unwrap_or_else(PoisonError::into_inner)
    })
}

/// Blocks on `condvar` while `condition` holds, at most for `timeout`.
pub fn wait_timeout_while<'a, T>(
    condvar: &Condvar,
    guard: MutexGuard<'a, T>,
    timeout: Duration,
    condition: impl FnMut(&mut T) -> bool,
) -> MutexGuard<'a, T> {
    condvar.waiting(|condvar| {
        let waited = condvar.wait_timeout_while(guard, timeout, condition);
        waited.unwrap_or_else(PoisonError::into_inner).0
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::super::lock::lock;
    use super::*;

    #[test]
    fn no_notification_is_lost() {
        let (turn, changed) = (Mutex::new(0), Condvar::new());
        thread::scope(|scope| {
            for parity in 0..2 {
                let (turn, changed) = (&turn, &changed);
                scope.spawn(move || {
                    for _ in 0..1_000 {
                        let not_mine = |turn: &mut i32| *turn % 2 != parity;
                        *wait_while(changed, lock(turn), not_mine) += 1;
                        changed.notify_one();
                    }
                });
            }
        });
        assert_eq!((*lock(&turn), changed.is_awaited()), (2_000, false));
    }

    #[test]
    fn a_wait_ends_after_its_timeout() {
        let (mutex, condvar) = (Mutex::new(()), Condvar::new());
        let moment = Duration::from_millis(1);
        drop(wait_timeout_while(&condvar, lock(&mutex), moment, |()| true));
        drop(wait(&condvar, lock(&mutex), Some(moment)));
        assert!(!condvar.is_awaited());
    }
}
