//! hello1: main does not wait for the thread it started, so the greeting may never be heard.
//! Go: a lecture's first `go` statement.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        // Nobody joins this thread: that is the lesson. The process ends with main.
        thread::spawn(|| writeln!(cli::stdout(), "hello thread"));
        writeln!(cli::stdout(), "main thread done!")?;
        Ok(())
    })
}
