//! A thread pool without a queue: every job gets a thread at once, parked or new.
//!
//! Starting a thread costs as much as twenty to thirty-five goroutines; waking a parked one costs
//! far less.

use std::sync::{Arc, Condvar, Mutex};
use std::thread::Scope;
use std::time::Duration;

use super::lock::{lock, wait_timeout_while};
use super::spawn::try_spawn;

/// How long a parked thread waits for another job before it ends.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

type Job<'scope> = Box<dyn FnOnce() + Send + 'scope>;
/// The parked workers, most recently parked last; `None` once the pool was dropped.
type Parked<'scope> = Mutex<Option<Vec<Arc<Worker<'scope>>>>>;

/// A pool of threads that never makes a job wait: a parked thread takes it, else a new one.
///
/// Dropping the pool ends the parked threads at once and the busy ones after their job; the scope
/// joins them.
pub struct ThreadPool<'scope, 'env> {
    scope: &'scope Scope<'scope, 'env>,
    parked: Arc<Parked<'scope>>,
}

/// No thread is parked and the machine has no room for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolFull;

/// One thread of the pool, as the others see it.
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
    /// Creates an empty pool, whose threads `scope` will join.
    pub fn new(scope: &'scope Scope<'scope, 'env>) -> Self {
        ThreadPool { scope, parked: Arc::new(Mutex::new(Some(Vec::new()))) }
    }

    /// Runs `job` at once, on a thread of its own.
    ///
    /// # Errors
    /// When no thread is parked and the machine has no room for another; the job is dropped.
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

    /// Takes itself off the list of parked workers; false if a command is on its way.
    fn unpark(self: &Arc<Self>, all: &Parked<'scope>) -> bool {
        let mut all = lock(all);
        let Some(parked) = all.as_mut() else { return false };
        let place = parked.iter().position(|worker| Arc::ptr_eq(worker, self));
        place.map(|place| parked.remove(place)).is_some()
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
            let (sender, ids) = unbounded();
            let mut seen = HashSet::new();
            for _ in 0..20 {
                let sender = sender.clone();
                pool.run(move || sender.send(thread::current().id()).unwrap()).unwrap();
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
            let (open, gate) = bounded::<()>(0);
            let (sender, done) = unbounded();
            for _ in 0..10 {
                let (gate, sender) = (gate.clone(), sender.clone());
                let job = move || {
                    _ = gate.recv();
                    sender.send(()).unwrap();
                };
                pool.run(job).unwrap();
            }
            let sender_last = sender.clone();
            pool.run(move || drop(open)).unwrap(); // all ten are waiting for this one
            drop((sender, sender_last));
            assert_eq!(done.iter().count(), 10);
        });
    }
}
