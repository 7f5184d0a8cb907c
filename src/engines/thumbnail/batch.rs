//! Many thumbnails on many threads, by the strategies of the book and by work stealing.

use std::str::FromStr;
use std::time::SystemTime;
use std::{fs, io, thread};

use crossbeam::channel::{self, Sender};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::error::Error;
use super::job::{Job, Thumbnail};
use super::make::make_if_allowed;
use super::options::Options;
use super::originals::{Originals, OverwriteRule};
use crate::threads;

/// How the jobs are distributed over threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One after the other, in the calling thread.
    Sequential,
    /// One thread per image.
    Threads,
    /// A fixed number of threads that receive jobs from a channel.
    Channel,
    /// A rayon pool: a fixed number of threads that steal work from each other.
    Rayon,
}

impl FromStr for Strategy {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "sequential" => Ok(Strategy::Sequential),
            "threads" => Ok(Strategy::Threads),
            "channel" => Ok(Strategy::Channel),
            "rayon" => Ok(Strategy::Rayon),
            _ => Err("use sequential, threads, channel or rayon"),
        }
    }
}

/// The options of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// How each thumbnail looks.
    pub options: Options,
    /// The images, none of which is replaced.
    pub originals: &'a Originals,
    /// Replace also files that are not thumbnails made by this crate.
    pub force: bool,
    /// Skip images whose thumbnail exists and is not older.
    pub skip_existing: bool,
    /// Number of threads of the strategies `Channel` and `Rayon`.
    pub n_threads: usize,
    /// How the jobs are distributed over threads.
    pub strategy: Strategy,
}

/// The result of a job.
#[derive(Debug)]
pub enum Outcome {
    /// The thumbnail was made, from a complete or a damaged image.
    Made(Thumbnail),
    /// The thumbnail existed already and is not older than its image.
    Skipped,
    /// The thumbnail could not be made.
    Failed(Error),
}

/// Runs the jobs, on fewer threads if the system refuses some, and sends the index and outcome of each when it ends. Dropping the receiver of
/// `outcomes` stops the batch after the jobs that are running.
pub fn run(jobs: &[Job], batch: &Batch<'_>, outcomes: &Sender<(usize, Outcome)>) {
    // Fails when the receiver is gone, which ends the iteration over the jobs.
    let work = |i: usize| outcomes.send((i, outcome(&jobs[i], batch))).map_err(drop);
    match batch.strategy {
        Strategy::Sequential => _ = (0..jobs.len()).try_for_each(work),
        Strategy::Threads => one_thread_per_job(jobs.len(), &work),
        Strategy::Channel => by_channel(jobs.len(), batch.n_threads, &work),
        Strategy::Rayon => by_rayon(jobs, batch.n_threads, &work),
    }
}

fn one_thread_per_job(n_jobs: usize, work: &(impl Fn(usize) -> Result<(), ()> + Sync)) {
    thread::scope(|scope| {
        for i in 0..n_jobs {
            threads::spawn_or_run(scope, move || _ = work(i));
        }
    });
}

fn by_channel(n_jobs: usize, n_threads: usize, work: &(impl Fn(usize) -> Result<(), ()> + Sync)) {
    thread::scope(|scope| {
        let (indexes_tx, indexes_rx) = channel::bounded(n_threads);
        let has_worker = |_: &usize| {
            let indexes = indexes_rx.clone();
            threads::spawn_now(scope, move || indexes.into_iter().try_for_each(work)).is_ok()
        };
        let n_workers = (0..n_threads.min(threads::room())).take_while(has_worker).count();
        drop(indexes_rx); // when the last worker has stopped, the sends below fail
        _ = match n_workers {
            0 => (0..n_jobs).try_for_each(work),
            _ => (0..n_jobs).try_for_each(|i| indexes_tx.send(i).map_err(drop)),
        };
    });
}

fn by_rayon(jobs: &[Job], n_threads: usize, work: &(impl Fn(usize) -> Result<(), ()> + Sync)) {
    let Some(pool) = threads::rayon_pool(n_threads, None) else {
        _ = (0..jobs.len()).try_for_each(work);
        return;
    };
    // One image per task: they differ too much in size to be split into equal halves.
    _ = pool.install(|| jobs.par_iter().with_max_len(1).enumerate().try_for_each(|(i, _)| work(i)));
}

fn outcome(job: &Job, batch: &Batch<'_>) -> Outcome {
    if batch.skip_existing && is_fresh(job).unwrap_or(false) {
        return Outcome::Skipped;
    }
    let rule = OverwriteRule { originals: batch.originals, force: batch.force };
    match make_if_allowed(job, &batch.options, rule) {
        Ok(thumbnail) => Outcome::Made(thumbnail),
        Err(err) => Outcome::Failed(err),
    }
}

fn is_fresh(job: &Job) -> io::Result<bool> {
    let time = |path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
    Ok(time(&job.thumb)? >= time(&job.source)?)
}
