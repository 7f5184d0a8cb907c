//! 8.1 spinner: an animation in a thread of its own while main computes.
//! Go: gopl.io/ch8/spinner, page 218.
//!
//! Repaired: the original can draw a frame after the result, and it animates into pipes; here the
//! animation has ended before the result is printed, and runs only on a terminal.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{Parser, value_parser};
use crossbeam::channel::{Receiver, RecvTimeoutError, bounded};
use threadbare::cli;

/// Compute a Fibonacci number the slow way, behind a spinner
#[derive(Parser)]
struct Args {
    /// Time between two frames
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = cli::duration)]
    delay: Duration,
    /// Index of the Fibonacci number
    #[arg(short, default_value_t = 45, value_parser = value_parser!(u64).range(..=93))]
    n: u64,
}

fn main() -> ExitCode {
    cli::run(|Args { delay, n }| {
        let is_terminal = io::stdout().is_terminal();
        let (computing, done) = bounded(0);
        let fib_n = thread::scope(|s| {
            if is_terminal {
                s.spawn(move || spinner(delay, &done));
            }
            let _computing = computing; // dropping it ends the spinner
            fib(n) // slow
        }); // joins the spinner: no frame can follow the result
        let back = if is_terminal { "\r" } else { "" };
        writeln!(cli::stdout(), "{back}Fibonacci({n}) = {fib_n}")?;
        Ok(())
    })
}

fn spinner(delay: Duration, done: &Receiver<()>) {
    for frame in ['-', '\\', '|', '/'].into_iter().cycle() {
        _ = write!(cli::stdout(), "\r{frame}").and_then(|()| cli::stdout().flush());
        if done.recv_timeout(delay) != Err(RecvTimeoutError::Timeout) {
            return;
        }
    }
}

fn fib(x: u64) -> u64 {
    if x < 2 { x } else { fib(x - 1) + fib(x - 2) }
}
