//! 8.7 countdown2: `select!` waits for the time or for a key, whichever comes first.
//! Go: gopl.io/ch8/countdown2, page 244.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use crossbeam::channel::{after, bounded};
use crossbeam::select;
use threadbare::cli;

/// Counts down to a launch
#[derive(Parser)]
struct Args {
    /// Length of a count
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
    /// Counts to wait
    #[arg(short, default_value_t = 10)]
    n: u32,
}

fn main() -> ExitCode {
    cli::run(|Args { delay, n }| {
        let (abort, aborted) = bounded::<()>(0);
        thread::spawn(move || {
            cli::wait_for_byte();
            drop(abort);
        });
        writeln!(cli::stdout(), "Commencing countdown.  Press return to abort.")?;
        let ending = select! {
            recv(after(delay.saturating_mul(n))) -> _ => "Lift off!",
            recv(aborted) -> _ => "Launch aborted!",
        };
        writeln!(cli::stdout(), "{ending}")?;
        Ok(())
    })
}
