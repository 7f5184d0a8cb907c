//! sched: two tasks on a pool of one thread; the second runs when the first has ended.
//! Go: a lecture's `runtime.GOMAXPROCS(1)`.
//!
//! Look at: a task keeps its thread until it returns; Go's scheduler may switch in between.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (tasks_tx, tasks_rx) = bounded(2);
        let worker = thread::spawn(move || tasks_rx.into_iter().try_for_each(count));
        for task in ["a", "b"] {
            _ = tasks_tx.send(task); // fails only if the worker failed, see below
        }
        drop(tasks_tx); // ends the worker when it has run both
        worker.join().expect("counting does not panic")?;
        Ok(())
    })
}

fn count(task: &str) -> io::Result<()> {
    (0..10).try_for_each(|i| writeln!(cli::stdout(), "{task} {i}"))
}
