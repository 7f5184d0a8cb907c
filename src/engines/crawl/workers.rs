//! The worker threads of a crawl, and the channels to and from them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, Sender};

use super::options::Options;
use super::scope::{self, Scope};
use super::worker::{Job, JobResult, Worker};
use crate::threads;
use crate::web::fetch;

/// Capacity of the job queue: enough that no worker waits for the coordinator.
const JOBS_MAX: usize = 64;
/// Capacity of the result queue.
const RESULTS_MAX: usize = 64;
/// How long a cancelled crawl waits for its workers to end.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(150);

/// The worker threads of a crawl, and the channels to and from them.
pub(super) struct Workers {
    pub(super) jobs: Sender<Job>,
    pub(super) results: Receiver<JobResult>,
    client: fetch::Client,
    is_cancelled: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Workers {
    /// Starts as many threads as the options say, or fewer if the machine has no room for so many.
    ///
    /// # Errors
    /// When the system refuses all.
    pub(super) fn start(starts: &[String], options: &Options) -> io::Result<Self> {
        let (jobs_tx, jobs_rx) = channel::bounded(JOBS_MAX);
        let (results_tx, results_rx) = channel::bounded(RESULTS_MAX);
        let client = fetch::Client::new(&options.fetch).with_header_origins(scope::origins(starts));
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            client: client.clone(),
            scope: Arc::new(
                Scope::new(starts, &options.scope)
                    .with_outside(options.outside.is_some())
                    .in_folder(options.folder.clone()),
            ),
            options: Arc::new(options.clone()),
            is_cancelled: Arc::clone(&is_cancelled),
        };
        let mut started = Vec::new();
        for _ in 0..options.n_workers.min(threads::room()) {
            let (worker, jobs_rx, results_tx) =
                (worker.clone(), jobs_rx.clone(), results_tx.clone());
            // Not scoped: a cancelled crawl does not wait for a thread inside a DNS look-up.
            let thread = Builder::new().name("crawler".to_owned());
            match thread.spawn(move || worker.run(&jobs_rx, &results_tx)) {
                Ok(thread) => started.push(thread),
                Err(err) if started.is_empty() => return Err(threads::cannot_start(&err)),
                Err(_) => break,
            }
        }
        if started.len() < options.n_workers {
            log::warn!("room for {} of {} threads", started.len(), options.n_workers);
        }
        Ok(Workers { jobs: jobs_tx, results: results_rx, client, is_cancelled, threads: started })
    }

    /// Joins the threads; after a cancellation only those that end within [`CANCEL_TIMEOUT`].
    pub(super) fn end(self, is_cancelled: bool) {
        drop(self.jobs); // closes the channel, which ends the workers
        if is_cancelled {
            self.is_cancelled.store(true, Ordering::Relaxed);
            self.client.shutdown();
            let deadline = Instant::now() + CANCEL_TIMEOUT;
            while self.results.recv_deadline(deadline).is_ok() {}
        }
        for thread in self.threads {
            if !is_cancelled || thread.is_finished() {
                thread.join().expect("a worker catches its panics");
            }
        }
    }
}
