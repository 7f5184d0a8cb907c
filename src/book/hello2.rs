//! hello2: main sleeps for a second, in which the thread will probably finish.
//! Go: a lecture's `time.Sleep` after the `go` statement.
//!
//! Fault shown: the length of the sleep is a guess, too long or too short; hello3 needs no guess.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use threadbare::cli;

/// Greet from a thread while main sleeps
#[derive(Parser)]
struct Args {
    /// Time that main sleeps
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
}

fn main() -> ExitCode {
    cli::run(|args: Args| {
        let greeter = thread::spawn(|| writeln!(cli::stdout(), "hello thread"));
        thread::sleep(args.delay); // a guess
        writeln!(cli::stdout(), "main thread done!")?;
        greeter.join().expect("the greeter does not panic")?;
        Ok(())
    })
}
