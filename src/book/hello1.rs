//! hello1: main does not wait for the thread that it started.
//! Go: a lecture's first `go` statement.
//!
//! Fault shown: the process ends with main, so the greeting may or may not appear; hello3 waits.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        // Nobody joins this thread, on purpose: the process ends with main.
        thread::spawn(|| writeln!(cli::stdout(), "hello thread"));
        writeln!(cli::stdout(), "main thread done!")?;
        Ok(())
    })
}
