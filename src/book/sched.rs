//! sched: two tasks on a pool of one thread; nothing takes the thread away from the first.
//! Go: a lecture's `runtime.GOMAXPROCS(1)`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (tasks, pool) = bounded(2);
        let worker = thread::spawn(move || pool.into_iter().try_for_each(count));
        for task in ["a", "b"] {
            _ = tasks.send(task); // refused when stdout is closed, which the worker returns
        }
        drop(tasks); // ends the worker when it has run them both
        worker.join().expect("counting does not panic")?;
        Ok(())
    })
}

fn count(task: &str) -> io::Result<()> {
    (0..10).try_for_each(|i| writeln!(cli::stdout(), "{task} {i}"))
}
