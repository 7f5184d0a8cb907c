//! 8.7 countdown3: `select!` in a loop, over a ticker and a key.
//! Go: gopl.io/ch8/countdown3, page 246.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use crossbeam::channel::{bounded, tick};
use crossbeam::select;
use threadbare::cli;

/// Counts down to a launch
#[derive(Parser)]
struct Args {
    /// Time between two numbers
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
    /// Where to start counting
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
        let ticker = tick(delay); // no thread of its own: nothing to stop, nothing to leak
        for countdown in (1..=n).rev() {
            writeln!(cli::stdout(), "{countdown}")?;
            select! {
                recv(ticker) -> _ => {}
                recv(aborted) -> _ => {
                    writeln!(cli::stdout(), "Launch aborted!")?;
                    return Ok(());
                }
            }
        }
        writeln!(cli::stdout(), "Lift off!")?;
        Ok(())
    })
}
