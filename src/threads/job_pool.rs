//! A pool for many short jobs: a fixed number of threads with a queue each, which idle threads steal
//! from.
//!
//! One queue that every thread takes from costs more with every CPU. Here a thread takes a batch
//! from the common queue and works on it alone; threads that sleep are woken one at a time, and only
//! while no other is looking for work, because waking one costs as much as hundreds of short jobs.

use std::iter;
use std::sync::atomic::{AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::thread::Scope;

use crossbeam::deque::{Injector, Steal, Stealer, Worker};

use super::condvar::{Condvar, wait_while};
use super::lock::lock;
use super::spawn::try_spawn;

type Job<'scope> = Box<dyn FnOnce() + Send + 'scope>;

/// Jobs in the common queue above which [`JobPool::run`] runs the job itself.
const QUEUE_MAX: usize = 1_000;

/// A pool of threads for jobs that do not wait for each other.
///
/// Dropping the pool lets its threads finish all jobs and end; the scope joins them.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use threadbare::threads::JobPool;
///
/// let sum = AtomicU64::new(0);
/// std::thread::scope(|scope| {
///     let pool = JobPool::new(scope, 2);
///     (1..=100).for_each(|n| pool.run(|| _ = sum.fetch_add(1, Ordering::Relaxed) + n));
/// });
/// assert_eq!(sum.into_inner(), 100);
/// ```
pub struct JobPool<'scope> {
    shared: Arc<Shared<'scope>>,
    n_threads: usize,
}

struct Shared<'scope> {
    queue: Injector<Job<'scope>>,
    stealers: Vec<Stealer<Job<'scope>>>,
    /// Threads that were woken and have not found a job yet.
    n_searching: AtomicUsize,
    n_asleep: AtomicUsize,
    sleep: Mutex<Sleep>,
    wake: Condvar,
}

/// What a sleeping thread waits for.
struct Sleep {
    n_wakes: usize,
    is_closed: bool,
}

impl<'scope> JobPool<'scope> {
    /// Starts up to `n_threads` threads in `scope`: fewer if the machine has no room for more. With
    /// none, [`run`](Self::run) runs every job itself.
    pub fn new(scope: &'scope Scope<'scope, '_>, n_threads: usize) -> Self {
        let workers: Vec<Worker<Job<'scope>>> =
            iter::repeat_with(Worker::new_fifo).take(n_threads).collect();
        let shared = Arc::new(Shared {
            queue: Injector::new(),
            stealers: workers.iter().map(Worker::stealer).collect(),
            n_searching: AtomicUsize::new(0),
            n_asleep: AtomicUsize::new(0),
            sleep: Mutex::new(Sleep { n_wakes: 0, is_closed: false }),
            wake: Condvar::new(),
        });
        let start = |own: Worker<Job<'scope>>| {
            let shared = Arc::clone(&shared);
            try_spawn(scope, move || shared.work(&own))
        };
        let n_threads = workers.into_iter().map_while(|own| start(own).ok()).count();
        JobPool { shared, n_threads }
    }

    /// Runs `job` on one of the threads; on this one if a thousand others are waiting.
    pub fn run(&self, job: impl FnOnce() + Send + 'scope) {
        if self.n_threads == 0 || self.shared.queue.len() >= QUEUE_MAX {
            return job();
        }
        self.shared.queue.push(Box::new(job));
        self.shared.wake_one_if_none_searches();
    }
}

impl Drop for JobPool<'_> {
    fn drop(&mut self) {
        lock(&self.shared.sleep).is_closed = true;
        self.shared.wake.notify_all();
    }
}

impl<'scope> Shared<'scope> {
    /// The life of a thread: jobs until the pool is closed and no job is left.
    fn work(&self, own: &Worker<Job<'scope>>) {
        let mut is_searching = false;
        loop {
            match self.next_job(own) {
                Some(job) => {
                    if is_searching {
                        is_searching = false;
                        self.n_searching.fetch_sub(1, Ordering::SeqCst);
                    }
                    if self.has_jobs() {
                        self.wake_one_if_none_searches(); // this one may be long
                    }
                    job();
                    // What this thread has taken is its own until another one is idle.
                    iter::from_fn(|| own.pop()).for_each(|job| job());
                }
                None if self.sleep(is_searching) => is_searching = true,
                None => return,
            }
        }
    }

    /// A job of its own, of the common queue (with a batch of others), or of another thread.
    fn next_job(&self, own: &Worker<Job<'scope>>) -> Option<Job<'scope>> {
        let steal = || {
            let others = || self.stealers.iter().map(|other| other.steal_batch_and_pop(own));
            self.queue.steal_batch_and_pop(own).or_else(|| others().collect())
        };
        own.pop().or_else(|| {
            iter::repeat_with(steal).find(|steal| !steal.is_retry()).and_then(Steal::success)
        })
    }

    /// Wakes one thread, unless one that was woken is still looking for a job: if it finds one, it
    /// wakes the next.
    fn wake_one_if_none_searches(&self) {
        // A thread that goes to sleep looks at the queues after it has said so: see sleep().
        fence(Ordering::SeqCst);
        if self.n_searching.load(Ordering::SeqCst) > 0 || self.n_asleep.load(Ordering::SeqCst) == 0
        {
            return;
        }
        let mut sleep = lock(&self.sleep);
        if self.n_searching.load(Ordering::SeqCst) == 0 && sleep.n_wakes < self.n_asleep() {
            self.n_searching.fetch_add(1, Ordering::SeqCst);
            sleep.n_wakes += 1;
            self.wake.notify_one();
        }
    }

    fn n_asleep(&self) -> usize {
        self.n_asleep.load(Ordering::SeqCst)
    }

    /// Waits until woken, or returns at once if there is a job after all; false when the pool is
    /// closed and empty. A thread that returns true counts as searching.
    fn sleep(&self, is_searching: bool) -> bool {
        let mut sleep = lock(&self.sleep);
        self.n_asleep.fetch_add(1, Ordering::SeqCst);
        if is_searching {
            self.n_searching.fetch_sub(1, Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
        if self.has_jobs() || sleep.is_closed {
            self.n_asleep.fetch_sub(1, Ordering::SeqCst);
            if sleep.is_closed && !self.has_jobs() {
                return false;
            }
            self.n_searching.fetch_add(1, Ordering::SeqCst);
            return true;
        }
        sleep = wait_while(&self.wake, sleep, |sleep| sleep.n_wakes == 0 && !sleep.is_closed);
        self.n_asleep.fetch_sub(1, Ordering::SeqCst);
        if sleep.n_wakes > 0 {
            sleep.n_wakes -= 1; // whoever woke this thread has counted it as searching
        } else {
            self.n_searching.fetch_add(1, Ordering::SeqCst);
        }
        true
    }

    fn has_jobs(&self) -> bool {
        !self.queue.is_empty() || self.stealers.iter().any(|other| !other.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::AtomicU64;
    use std::thread;
    use std::time::Duration;

    use crossbeam::channel::bounded;

    use super::*;

    /// Far longer than any of this takes.
    const DEADLINE: Duration = Duration::from_secs(30);

    #[test]
    fn every_job_runs_once_whoever_submits_it() {
        for n_threads in [0, 1, 3] {
            let sum = AtomicU64::new(0);
            thread::scope(|scope| {
                let pool = JobPool::new(scope, n_threads);
                thread::scope(|submitters| {
                    for from in 0..4_u64 {
                        let (pool, sum) = (&pool, &sum);
                        submitters.spawn(move || {
                            for i in 0..5_000 {
                                pool.run(move || {
                                    _ = sum.fetch_add(from * 5_000 + i, Ordering::Relaxed)
                                });
                            }
                        });
                    }
                });
            });
            assert_eq!(sum.into_inner(), 19_999 * 20_000 / 2, "{n_threads} threads");
        }
    }

    #[test]
    fn a_sleeping_thread_wakes_for_one_job() {
        thread::scope(|scope| {
            let pool = JobPool::new(scope, 2);
            let (done_tx, done) = bounded(1);
            for i in 0..1_000 {
                let done_tx = done_tx.clone();
                pool.run(move || done_tx.send(i).unwrap());
                assert_eq!(done.recv_timeout(DEADLINE), Ok(i));
            }
        });
    }

    #[test]
    fn a_batch_behind_a_long_job_is_stolen() {
        thread::scope(|scope| {
            let pool = JobPool::new(scope, 3);
            // All three meet, though one thread takes all of them in one batch.
            let meeting = Arc::new(Barrier::new(3));
            let (done_tx, done) = bounded(3);
            for _ in 0..3 {
                let (meeting, done_tx) = (Arc::clone(&meeting), done_tx.clone());
                pool.run(move || {
                    meeting.wait();
                    done_tx.send(()).unwrap();
                });
            }
            (0..3).for_each(|_| done.recv_timeout(DEADLINE).unwrap());
        });
    }
}
