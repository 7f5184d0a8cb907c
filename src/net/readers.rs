//! A thread for each connection, reused: starting one costs as much as thirty goroutines, waking a
//! parked one less than a goroutine.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::Duration;

use crate::threads;

/// How long a parked thread waits for another connection before it ends.
const REST: Duration = Duration::from_secs(10);

type Job<'scope> = Box<dyn FnOnce() + Send + 'scope>;
/// The threads without work, the last to finish on top; `None` once there will be no more work.
type Parked<'scope> = Mutex<Option<Vec<Arc<Slot<'scope>>>>>;

/// A pool of threads that never makes work wait: a parked thread takes it, or a new one.
///
/// Dropping it ends the threads that are parked, and the others when they have finished; the scope
/// joins them.
pub struct Readers<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    parked: Arc<Parked<'scope>>,
}

/// The machine has no room for another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

/// Where a thread finds what to do next.
struct Slot<'scope> {
    order: Mutex<Order<'scope>>,
    given: Condvar,
}

enum Order<'scope> {
    Wait,
    Do(Job<'scope>),
    End,
}

impl<'scope, 'env> Readers<'scope, 'env> {
    /// A pool without threads, whose threads `scope` will join.
    pub fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        Readers { scope, parked: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    /// Runs `job` on a thread of its own, at once.
    ///
    /// # Errors
    /// When no thread is parked and the machine has no room for another; the job is dropped.
    pub fn run(&self, job: impl FnOnce() + Send + 'scope) -> Result<(), NoRoom> {
        let job: Job<'scope> = Box::new(job);
        let parked = lock(&self.parked).as_mut().and_then(Vec::pop);
        if let Some(slot) = parked {
            slot.give(Order::Do(job));
            return Ok(());
        }
        let slot = Arc::new(Slot { order: Mutex::new(Order::Do(job)), given: Condvar::new() });
        let all = Arc::clone(&self.parked);
        threads::try_spawn(self.scope, move || work(&slot, &all)).map_err(|_| NoRoom)
    }
}

impl Drop for Readers<'_, '_> {
    fn drop(&mut self) {
        for slot in lock(&self.parked).take().into_iter().flatten() {
            slot.give(Order::End);
        }
    }
}

fn work<'scope>(slot: &Arc<Slot<'scope>>, all: &Parked<'scope>) {
    while let Some(job) = slot.next(all) {
        job();
        match lock(all).as_mut() {
            Some(parked) => parked.push(Arc::clone(slot)),
            None => return,
        }
    }
}

impl<'scope> Slot<'scope> {
    fn give(&self, order: Order<'scope>) {
        *lock(&self.order) = order;
        self.given.notify_one();
    }

    /// Waits for work; `None` when there was none for long, or will be none.
    fn next(self: &Arc<Self>, all: &Parked<'scope>) -> Option<Job<'scope>> {
        let mut order = lock(&self.order);
        loop {
            match std::mem::replace(&mut *order, Order::Wait) {
                Order::Do(job) => return Some(job),
                Order::End => return None,
                Order::Wait => {}
            }
            let waited = self.given.wait_timeout(order, REST);
            let (woken, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            order = woken;
            // Whoever gives an order has taken the slot off the pile first.
            if timeout.timed_out() && matches!(*order, Order::Wait) && self.leave(all) {
                return None;
            }
        }
    }

    /// Takes itself off the pile; false if an order is on its way.
    fn leave(self: &Arc<Self>, all: &Parked<'scope>) -> bool {
        let mut all = lock(all);
        let Some(parked) = all.as_mut() else { return false };
        let place = parked.iter().position(|slot| Arc::ptr_eq(slot, self));
        place.map(|place| parked.remove(place)).is_some()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread;

    use crossbeam::channel::{bounded, unbounded};

    #[test]
    fn a_parked_thread_is_used_again() {
        thread::scope(|scope| {
            let readers = Readers::new(scope);
            let (told, ids) = unbounded();
            let mut seen = HashSet::new();
            for _ in 0..20 {
                let told = told.clone();
                readers.run(move || told.send(thread::current().id()).unwrap()).unwrap();
                seen.insert(ids.recv().unwrap());
                while lock(&readers.parked).as_ref().is_some_and(Vec::is_empty) {
                    thread::yield_now();
                }
            }
            assert_eq!(seen.len(), 1);
        });
    }

    #[test]
    fn work_never_waits_for_work() {
        thread::scope(|scope| {
            let readers = Readers::new(scope);
            let (open, gate) = bounded::<()>(0);
            let (told, done) = unbounded();
            for _ in 0..10 {
                let (gate, told) = (gate.clone(), told.clone());
                let job = move || {
                    _ = gate.recv();
                    told.send(()).unwrap();
                };
                readers.run(job).unwrap();
            }
            let told_last = told.clone();
            readers.run(move || drop(open)).unwrap(); // all ten are waiting for this one
            drop((told, told_last));
            assert_eq!(done.iter().count(), 10);
        });
    }
}
