//! 8.7 countdown3: `select!` in a loop, over a ticker and a key.
//! Go: gopl.io/ch8/countdown3, page 246.
//!
//! Repaired: in the original the end of stdin aborts the launch, and the ticker leaks a goroutine
//! when it does; `tick` has no thread that could leak.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use crossbeam::channel::{bounded, tick};
use crossbeam::select;
use threadbare::cli;

/// Count down to a launch
#[derive(Parser)]
struct Args {
    /// Time between two numbers
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
    /// Number to start counting from
    #[arg(short, default_value_t = 10)]
    n: u32,
}

fn main() -> ExitCode {
    cli::run(|Args { delay, n }| {
        let (abort_tx, abort_rx) = bounded::<()>(0);
        thread::spawn(move || {
            cli::wait_for_byte();
            drop(abort_tx);
        });
        writeln!(cli::stdout(), "Commencing countdown.  Press return to abort.")?;
        let ticker = tick(delay); // without a thread of its own
        for countdown in (1..=n).rev() {
            writeln!(cli::stdout(), "{countdown}")?;
            select! {
                recv(ticker) -> _ => {}
                recv(abort_rx) -> _ => {
                    writeln!(cli::stdout(), "Launch aborted!")?;
                    return Ok(());
                }
            }
        }
        writeln!(cli::stdout(), "Lift off!")?;
        Ok(())
    })
}
