//! What std's threads and crossbeam's channels leave to the caller: permits, a thread count that
//! stays below the machine's limit, sleeping until a deadline.

use std::io;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, Scope, ScopedJoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvError, never};
use crossbeam::select;

use crate::machine::limits::Limits;

/// How long to wait before asking again for a thread that the kernel refused.
const SPAWN_RETRY: Duration = Duration::from_millis(50);

/// Room for a thread that reads, cuts lines and passes them on.
const SMALL_STACK: usize = 256 << 10;

/// A counting semaphore whose permits are given back by dropping them.
///
/// The book builds one from a buffered channel; this one can also be asked how many are out.
#[derive(Clone, Debug)]
pub struct Semaphore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    capacity: usize,
    taken: Mutex<usize>,
    returned: Condvar,
}

/// One unit of a [`Semaphore`], given back when dropped.
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

    /// Takes a permit, waiting for one as long as it needs.
    #[must_use]
    pub fn acquire(&self) -> Permit {
        let full = |taken: &mut usize| *taken >= self.0.capacity;
        let taken = self.0.returned.wait_while(self.0.taken(), full);
        *taken.unwrap_or_else(PoisonError::into_inner) += 1;
        Permit(Arc::clone(&self.0))
    }

    /// Waits until a permit may have come back, at most for `timeout`.
    pub fn wait_returned(&self, timeout: Duration) {
        let taken = self.0.taken();
        drop(self.0.returned.wait_timeout(taken, timeout));
    }

    /// Permits in all.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// Permits taken and not yet given back.
    #[must_use]
    pub fn n_taken(&self) -> usize {
        *self.0.taken()
    }
}

impl Inner {
    fn taken(&self) -> MutexGuard<'_, usize> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *self.0.taken() -= 1;
        self.0.returned.notify_one();
    }
}

/// Receives as `receiver.recv()` does, but sleeps at once when nothing is there.
///
/// `recv` yields the processor a few times first. That pays where the next message is a microsecond
/// away; to a server between two events it was a third of its CPU time.
///
/// # Errors
/// When the channel is empty and has no sender any more.
pub fn recv<T>(receiver: &Receiver<T>) -> Result<T, RecvError> {
    let never = never::<()>(); // with a second arm, select! takes the way that does not yield
    select! {
        recv(receiver) -> message => message,
        recv(never) -> _ => Err(RecvError),
    }
}

/// Threads started by [`spawn`] in the whole process.
static THREADS: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(Limits::current().threads()));

/// Starts a thread in `scope` as `scope.spawn` does, but where the machine has no room for one it
/// waits for another to end instead of panicking or, past the map limit, aborting.
pub fn spawn<'scope, 'env, T: Send + 'scope>(
    scope: &'scope Scope<'scope, 'env>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> ScopedJoinHandle<'scope, T> {
    let work = Arc::new(Mutex::new(Some((work, THREADS.acquire()))));
    loop {
        match start(scope, Arc::clone(&work)) {
            Ok(thread) => return thread,
            Err(_) => THREADS.wait_returned(SPAWN_RETRY),
        }
    }
}

/// Starts a thread in `scope` for its effects alone, if there is room for one now.
///
/// Its stack is small: ten thousand of the usual size are 20 GB of address space.
///
/// # Errors
/// When the machine has no room for another; `work` is dropped.
pub fn try_spawn<'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: impl FnOnce() + Send + 'scope,
) -> io::Result<()> {
    let permit = THREADS.try_acquire().ok_or(io::ErrorKind::WouldBlock)?;
    let work = move || {
        let _permit = permit;
        work();
    };
    Builder::new().stack_size(SMALL_STACK).spawn_scoped(scope, work).map(drop)
}

/// Threads alive now that [`spawn`] and [`try_spawn`] started.
pub fn n_threads() -> usize {
    THREADS.n_taken()
}

/// Checks that `n_threads` can be alive at once, for who needs them all at once.
///
/// # Errors
/// When the machine has room for fewer.
pub fn check_room(n_threads: usize) -> io::Result<()> {
    let room = THREADS.capacity();
    if n_threads <= room {
        return Ok(());
    }
    Err(io::Error::other(format!("{n_threads} threads at once: there is room for {room}")))
}

/// Tries once; a refused thread leaves its work where the next try finds it.
fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    work: Arc<Mutex<Option<(impl FnOnce() -> T + Send + 'scope, Permit)>>>,
) -> io::Result<ScopedJoinHandle<'scope, T>> {
    Builder::new().spawn_scoped(scope, move || {
        let taken = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (work, _permit) = taken.expect("only the thread that started takes the work");
        work()
    })
}

/// Sleeps until `deadline`; returns at once when it has passed.
///
/// Absolute deadlines keep a clock from drifting: what one sleep oversleeps the next makes up.
pub fn sleep_until(deadline: Instant) {
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

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

    #[test]
    fn a_spawned_thread_returns_its_value() {
        thread::scope(|scope| {
            let threads: Vec<_> = (0..100).map(|n| spawn(scope, move || n)).collect();
            let sum: usize = threads.into_iter().map(|thread| thread.join().unwrap()).sum();
            assert_eq!(sum, 4950);
        });
    }
}
