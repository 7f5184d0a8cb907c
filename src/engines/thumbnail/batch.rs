//! Many thumbnails on many threads, in the shapes of the book and in one better.

use std::str::FromStr;
use std::thread;
use std::time::SystemTime;
use std::{fs, io};

use crossbeam::channel::{self, Sender};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use super::{Error, Job, Made, Options, make};
use crate::threads;

/// How the work is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// One after the other, in one thread.
    Sequential,
    /// A thread for each image.
    Threads,
    /// Some threads, and a channel of names.
    Channel,
    /// Some threads that steal work from each other.
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

/// How to run a batch.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    /// How each thumbnail looks.
    pub options: Options,
    /// Leave out images whose thumbnail is there and not older.
    pub skip_existing: bool,
    /// Threads, where the strategy leaves a choice.
    pub n_threads: usize,
    /// How the work is shared out.
    pub strategy: Strategy,
}

/// What became of a job.
#[derive(Debug)]
pub enum Outcome {
    /// A thumbnail, of a whole image or a damaged one.
    Made(Made),
    /// It was there and is not older.
    Skipped,
    /// There is none.
    Failed(Error),
}

/// Runs the jobs and sends each one's number and outcome when it ends. Stops when nobody receives.
///
/// # Errors
/// When the threads cannot be started.
pub fn run(jobs: &[Job], batch: &Batch, outcomes: &Sender<(usize, Outcome)>) -> io::Result<()> {
    // Fails when the receiver is gone; then what is left of the work has no point.
    let work = |i: usize| outcomes.send((i, outcome(&jobs[i], batch))).map_err(drop);
    match batch.strategy {
        Strategy::Sequential => _ = (0..jobs.len()).try_for_each(work),
        Strategy::Threads => a_thread_each(jobs.len(), &work),
        Strategy::Channel => by_channel(jobs.len(), batch.n_threads, &work),
        Strategy::Rayon => return by_rayon(jobs, batch.n_threads, &work),
    }
    Ok(())
}

fn a_thread_each(n_jobs: usize, work: &(impl Fn(usize) -> Result<(), ()> + Sync)) {
    thread::scope(|scope| {
        for i in 0..n_jobs {
            threads::spawn(scope, move || work(i));
        }
    });
}

fn by_channel(n_jobs: usize, n_threads: usize, work: &(impl Fn(usize) -> Result<(), ()> + Sync)) {
    thread::scope(|scope| {
        let (numbers, todo) = channel::bounded(n_threads);
        for _ in 0..n_threads {
            let todo = todo.clone();
            threads::spawn(scope, move || todo.into_iter().try_for_each(work));
        }
        drop(todo); // when the last worker has given up, so does this loop
        _ = (0..n_jobs).try_for_each(|i| numbers.send(i));
    });
}

fn by_rayon(
    jobs: &[Job],
    n_threads: usize,
    work: &(impl Fn(usize) -> Result<(), ()> + Sync),
) -> io::Result<()> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build();
    let pool = pool.map_err(io::Error::other)?;
    // A piece of work is a single image: they differ too much in size to be halved blindly.
    _ = pool.install(|| jobs.par_iter().with_max_len(1).enumerate().try_for_each(|(i, _)| work(i)));
    Ok(())
}

fn outcome(job: &Job, batch: &Batch) -> Outcome {
    if batch.skip_existing && is_fresh(job).unwrap_or(false) {
        return Outcome::Skipped;
    }
    match make(job, &batch.options) {
        Ok(made) => Outcome::Made(made),
        Err(err) => Outcome::Failed(err),
    }
}

fn is_fresh(job: &Job) -> io::Result<bool> {
    let time = |path| -> io::Result<SystemTime> { fs::metadata(path)?.modified() };
    Ok(time(&job.thumb)? >= time(&job.source)?)
}
