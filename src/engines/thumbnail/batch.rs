//! Many thumbnails on many threads, by the strategies of the book and by work stealing.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::SystemTime;
use std::{fs, io, thread};

use crossbeam::channel::{self, Sender};
use rayon::iter::{ParallelBridge, ParallelIterator};

use super::error::{Cause, Error};
use super::job::{CacheEntry, Job, Target, Thumbnail};
use super::make::make_if_allowed;
use super::originals::{Originals, OverwriteRule};
use super::signature;
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
    /// The images, none of which is replaced.
    pub originals: &'a Originals,
    /// Replace also files that are not thumbnails made by this crate.
    pub force: bool,
    /// Skip thumbnails that exist, are not older than their image and look as they would now.
    pub skip_existing: bool,
    /// Number of threads of the strategies `Channel` and `Rayon`.
    pub n_threads: usize,
    /// How the jobs are distributed over threads.
    pub strategy: Strategy,
}

/// A job that has ended.
#[derive(Debug)]
pub struct Done {
    /// Its place among the jobs, from 0.
    pub index: usize,
    /// Path of the image; of an error that came instead of a job, the path at fault.
    pub source: PathBuf,
    /// What became of its thumbnails. If the image could not be read, a failure stands for all.
    pub outcomes: Vec<Outcome>,
}

/// What became of a thumbnail.
#[derive(Debug)]
pub enum Outcome {
    /// The thumbnail was made, from a complete or a damaged image.
    Made(Thumbnail),
    /// The thumbnail at this path existed already, and would not be different.
    Skipped(PathBuf),
    /// The thumbnail could not be made.
    Failed(Error),
}

/// A job, or the error that came instead of one, and its place among the others.
type Numbered = (usize, Result<Job, Error>);

/// Runs the jobs as they come, on fewer threads if the system refuses some, and sends what became of
/// each when it ends; errors in `jobs` are passed on. Dropping the receiver of `done` stops the batch
/// after the jobs that are running, and after the next one that comes.
pub fn run(
    jobs: impl Iterator<Item = Result<Job, Error>> + Send,
    batch: &Batch<'_>,
    done: &Sender<Done>,
) {
    // Fails when the receiver is gone, which ends the iteration over the jobs.
    let work = |(index, job): Numbered| {
        let (source, outcomes) = match job {
            Ok(job) => (job.source.clone(), outcomes(&job, batch)),
            Err(err) => (err.path.clone(), vec![Outcome::Failed(err)]),
        };
        done.send(Done { index, source, outcomes }).map_err(drop)
    };
    let mut jobs = jobs.enumerate();
    match batch.strategy {
        Strategy::Sequential => _ = jobs.try_for_each(work),
        Strategy::Threads => one_thread_per_job(jobs, &work),
        Strategy::Channel => by_channel(jobs, batch.n_threads, &work),
        Strategy::Rayon => by_rayon(jobs, batch.n_threads, &work),
    }
}

fn one_thread_per_job(
    jobs: impl Iterator<Item = Numbered>,
    work: &(impl Fn(Numbered) -> Result<(), ()> + Sync),
) {
    thread::scope(|scope| {
        for job in jobs {
            threads::spawn_or_run(scope, move || _ = work(job));
        }
    });
}

fn by_channel(
    mut jobs: impl Iterator<Item = Numbered>,
    n_threads: usize,
    work: &(impl Fn(Numbered) -> Result<(), ()> + Sync),
) {
    thread::scope(|scope| {
        let (jobs_tx, jobs_rx) = channel::bounded(n_threads);
        let has_worker = |_: &usize| {
            let jobs = jobs_rx.clone();
            threads::spawn_now(scope, move || jobs.into_iter().try_for_each(work)).is_ok()
        };
        let n_workers = (0..n_threads.min(threads::room())).take_while(has_worker).count();
        drop(jobs_rx); // when the last worker has stopped, the sends below fail
        _ = match n_workers {
            0 => jobs.try_for_each(work),
            _ => jobs.try_for_each(|job| jobs_tx.send(job).map_err(drop)),
        };
    });
}

fn by_rayon(
    mut jobs: impl Iterator<Item = Numbered> + Send,
    n_threads: usize,
    work: &(impl Fn(Numbered) -> Result<(), ()> + Sync),
) {
    let Some(pool) = threads::rayon_pool(n_threads, None) else {
        _ = jobs.try_for_each(work);
        return;
    };
    // Each thread takes the next image when it has done one: they differ too much in size to be split
    // beforehand, and how many will come may not be known.
    _ = pool.install(|| jobs.par_bridge().try_for_each(work));
}

fn outcomes(job: &Job, batch: &Batch<'_>) -> Vec<Outcome> {
    let source = &job.source;
    let is_skipped = |target: &Target| match &target.cache_entry {
        Some(entry) => !batch.force && entry.is_current(&target.path),
        None => batch.skip_existing && is_fresh(source, target).unwrap_or(false),
    };
    let (skipped, targets): (Vec<Target>, Vec<Target>) =
        job.targets.iter().cloned().partition(is_skipped);
    let mut outcomes: Vec<Outcome> =
        skipped.into_iter().map(|target| Outcome::Skipped(target.path)).collect();
    let entry = targets.first().and_then(|target| target.cache_entry.as_ref());
    if entry.is_some_and(|entry| !batch.force && entry.is_current(&entry.failure)) {
        outcomes.push(Outcome::Failed(Error::new(source, Cause::FailedBefore)));
        return outcomes;
    }
    // In the cache, thumbnails of others may be replaced.
    let force = batch.force || entry.is_some();
    let rule = OverwriteRule { originals: batch.originals, force };
    let made = make_if_allowed(source, &targets, rule);
    if let Some(entry) = entry {
        record(source, entry, &made);
    }
    outcomes.extend(made.into_iter().map(|made| match made {
        Ok(thumbnail) => Outcome::Made(thumbnail),
        Err(err) => Outcome::Failed(err),
    }));
    outcomes
}

/// Writes into the cache if the image could not be decoded, so that it is not tried again and again.
fn record(source: &Path, entry: &CacheEntry, made: &[Result<Thumbnail, Error>]) {
    let mut failures = made.iter().filter_map(|made| made.as_ref().err());
    match failures.find(|err| err.path == source) {
        Some(err) => {
            let recorded = entry.record_failure(&err.cause);
            // It is only tried again.
            recorded.unwrap_or_else(|err| log::debug!("{}: {err}", entry.failure.display()));
        }
        None => entry.remove_failure(),
    }
}

fn is_fresh(source: &Path, target: &Target) -> io::Result<bool> {
    let time = |path: &Path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
    let is_older = time(&target.path)? < time(source)?;
    Ok(!is_older && !signature::looks_different(&target.path, target)?)
}
