//! hello2: main sleeps and hopes that the thread is done by then.
//! Go: a lecture's `time.Sleep` after the `go` statement.

use std::io::Write;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use threadbare::cli;

/// Greets from a thread and sleeps long enough to hear it
#[derive(Parser)]
struct Args {
    /// How long main sleeps
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
}

fn main() -> ExitCode {
    cli::run(|args: Args| {
        let greeter = thread::spawn(|| writeln!(cli::stdout(), "hello thread"));
        thread::sleep(args.delay); // a guess; hello3 knows
        writeln!(cli::stdout(), "main thread done!")?;
        greeter.join().expect("the greeter does not panic")?;
        Ok(())
    })
}
