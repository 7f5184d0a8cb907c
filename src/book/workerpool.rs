//! 8.5 workerpool: three workers share one channel of jobs and one of results.
//! Go: a lecture's worker pool.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use crossbeam::channel::{Receiver, Sender, bounded};
use threadbare::cli;

/// Run five jobs on three workers
#[derive(Parser)]
struct Args {
    /// Time that a job takes
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
}

fn main() -> ExitCode {
    cli::run(|Args { delay }| {
        let (jobs_tx, jobs_rx) = bounded(100);
        let (results_tx, results_rx) = bounded(100);
        thread::scope(|s| {
            for id in 1..=3 {
                let (jobs_rx, results_tx) = (jobs_rx.clone(), results_tx.clone());
                s.spawn(move || worker(id, delay, &jobs_rx, &results_tx));
            }
            (1..=5).try_for_each(|job| jobs_tx.send(job)).expect("we hold a receiver");
            drop(jobs_tx); // ends the workers when the five are done
            drop(results_tx); // only the workers' are left: the channel closes with the last
            let n_results = results_rx.iter().collect::<io::Result<Vec<u32>>>()?.len();
            debug_assert_eq!(n_results, 5);
            Ok(())
        })
    })
}

fn worker(id: u32, delay: Duration, jobs: &Receiver<u32>, results: &Sender<io::Result<u32>>) {
    for job in jobs {
        let result = work(id, delay, job);
        results.send(result).expect("main receives them all");
    }
}

fn work(id: u32, delay: Duration, job: u32) -> io::Result<u32> {
    writeln!(cli::stdout(), "worker:{id} start job:{job}")?;
    thread::sleep(delay);
    writeln!(cli::stdout(), "worker:{id} end job: {job}")?;
    Ok(job * 2)
}
