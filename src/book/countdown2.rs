//! 8.7 countdown2: `select!` waits for the time to pass or for a key, whichever comes first.
//! Go: gopl.io/ch8/countdown2, page 244.
//!
//! Repaired: in the original the end of stdin aborts the launch; here only a byte does.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use crossbeam::channel::{after, bounded};
use crossbeam::select;
use threadbare::cli;

/// Count down to a launch
#[derive(Parser)]
struct Args {
    /// Time that a count takes
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
    /// Number of counts before the launch
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
        let ending = select! {
            recv(after(delay.saturating_mul(n))) -> _ => "Lift off!",
            recv(abort_rx) -> _ => "Launch aborted!",
        };
        writeln!(cli::stdout(), "{ending}")?;
        Ok(())
    })
}
