//! 8.7 countdown1: a ticker is a channel on which a message arrives every second.
//! Go: gopl.io/ch8/countdown1, page 244.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use crossbeam::channel::tick;
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
        writeln!(cli::stdout(), "Commencing countdown.")?;
        let ticker = tick(delay);
        for countdown in (1..=n).rev() {
            writeln!(cli::stdout(), "{countdown}")?;
            ticker.recv()?;
        }
        writeln!(cli::stdout(), "Lift off!")?;
        Ok(())
    })
}
