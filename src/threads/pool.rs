//! A thread pool without a queue: every job gets a thread at once, a parked one or a new one.
//!
//! Starting a thread costs 20 to 35 times as much as starting a goroutine; waking a parked thread
//! costs far less.

use std::sync::{Arc, Mutex};
use std::thread::Scope;
use std::time::Duration;

use super::condvar::{Condvar, wait_timeout_while};
use super::lock::lock;
use super::spawn::try_spawn;

/// How long a parked thread waits for another job before it ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

type Job<'scope> = Box<dyn FnOnce() + Send + 'scope>;
/// The parked workers, most recently parked last; `None` once the pool was dropped.
type Parked<'scope> = Mutex<Option<Vec<Arc<Worker<'scope>>>>>;

/// A pool of threads in which no job waits for another: each runs on a parked or a new thread.
///
/// A thread that gets no job for ten seconds ends. Dropping the pool ends the parked threads at
/// once and the busy ones after their job; the scope joins them.
///
/// ```
/// use crossbeam::channel::bounded;
/// use threadbare::threads::ThreadPool;
///
/// let (squares_tx, squares) = bounded(3);
/// std::thread::scope(|scope| {
///     let pool = ThreadPool::new(scope);
///     for n in 1..=3 {
///         let squares_tx = squares_tx.clone();
///         pool.run(move || squares_tx.send(n * n).unwrap()).expect("room for three threads");
///     }
/// });
/// drop(squares_tx);
/// assert_eq!(squares.iter().sum::<i32>(), 14);
/// ```
pub struct ThreadPool<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    parked: Arc<Parked<'scope>>,
}

/// The error of a pool that has no parked thread when the machine has no room for another thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolFull;

/// The mailbox of one thread of the pool.
struct Worker<'scope> {
    command: Mutex<Command<'scope>>,
    commanded: Condvar,
}

enum Command<'scope> {
    Wait,
    Run(Job<'scope>),
    End,
}

impl<'scope, 'env> ThreadPool<'scope, 'env> {
    /// Creates a pool without threads; `scope` joins those that it will start.
    pub fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        ThreadPool { scope, parked: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    /// Runs `job` at once on a thread of its own and returns without waiting for it.
    ///
    /// # Errors
    /// [`PoolFull`]; `job` is dropped.
    pub fn run(&self, job: impl FnOnce() + Send + 'scope) -> Result<(), PoolFull> {
        let job: Job<'scope> = Box::new(job);
        let parked = lock(&self.parked).as_mut().and_then(Vec::pop);
        if let Some(worker) = parked {
            worker.command(Command::Run(job));
            return Ok(());
        }
        let worker =
            Arc::new(Worker { command: Mutex::new(Command::Run(job)), commanded: Condvar::new() });
        let all = Arc::clone(&self.parked);
        try_spawn(self.scope, move || work(&worker, &all)).map_err(|_| PoolFull)
    }
}

impl Drop for ThreadPool<'_, '_> {
    fn drop(&mut self) {
        for worker in lock(&self.parked).take().into_iter().flatten() {
            worker.command(Command::End);
        }
    }
}

/// The life of a thread of the pool.
fn work<'scope>(worker: &Arc<Worker<'scope>>, all: &Parked<'scope>) {
    while let Some(job) = worker.next_job(all) {
        job();
        match lock(all).as_mut() {
            Some(parked) => parked.push(Arc::clone(worker)),
            None => return,
        }
    }
}

impl<'scope> Worker<'scope> {
    fn command(&self, command: Command<'scope>) {
        *lock(&self.command) = command;
        self.commanded.notify_one();
    }

    /// Waits for a job; `None` after [`IDLE_TIMEOUT`] without one, or when the pool was dropped.
    fn next_job(self: &Arc<Self>, all: &Parked<'scope>) -> Option<Job<'scope>> {
        let mut command = lock(&self.command);
        loop {
            match std::mem::replace(&mut *command, Command::Wait) {
                Command::Run(job) => return Some(job),
                Command::End => return None,
                Command::Wait => {}
            }
            let is_waiting = |command: &mut Command<'_>| matches!(command, Command::Wait);
            command = wait_timeout_while(&self.commanded, command, IDLE_TIMEOUT, is_waiting);
            // A worker is taken off the list of parked ones before it gets a command.
            if is_waiting(&mut command) && self.unpark(all) {
                return None;
            }
        }
    }

    /// Removes itself from the list of parked workers; false if another thread has already done so
    /// to give it a command.
    fn unpark(self: &Arc<Self>, all: &Parked<'scope>) -> bool {
        let mut all = lock(all);
        let Some(parked) = all.as_mut() else { return false };
        let index = parked.iter().position(|worker| Arc::ptr_eq(worker, self));
        index.map(|index| parked.remove(index)).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread;

    use crossbeam::channel::{bounded, unbounded};

    #[test]
    fn a_parked_thread_is_reused() {
        thread::scope(|scope| {
            let pool = ThreadPool::new(scope);
            let (ids_tx, ids) = unbounded();
            let mut seen = HashSet::new();
            for _ in 0..20 {
                let ids_tx = ids_tx.clone();
                pool.run(move || ids_tx.send(thread::current().id()).unwrap()).unwrap();
                seen.insert(ids.recv().unwrap());
                while lock(&pool.parked).as_ref().is_some_and(Vec::is_empty) {
                    thread::yield_now();
                }
            }
            assert_eq!(seen.len(), 1);
        });
    }

    #[test]
    fn no_job_waits_for_another() {
        thread::scope(|scope| {
            let pool = ThreadPool::new(scope);
            let (started_tx, started) = bounded::<()>(0);
            let (finished_tx, finished) = unbounded();
            for _ in 0..10 {
                let (started, finished_tx) = (started.clone(), finished_tx.clone());
                let job = move || {
                    _ = started.recv();
                    finished_tx.send(()).unwrap();
                };
                pool.run(job).unwrap();
            }
            pool.run(move || drop(started_tx)).unwrap(); // all ten are waiting for this one
            drop(finished_tx);
            assert_eq!(finished.iter().count(), 10);
        });
    }
}
