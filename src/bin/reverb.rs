//! 8.3, exercises 8.4 and 8.8 reverb: an echo that fades.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use threadbare::cli;
use threadbare::engines::reverb::{self, Options};

/// An echo server: each line comes back in upper case, as it is and in lower case, ever softer.
///
/// Upper and lower case are Go's (strings.ToUpper and ToLower): letter by letter, so ß stays ß, and
/// in no particular language; bytes that are no UTF-8 become U+FFFD in both. SIGINT and SIGTERM end
/// it when the echoes that are outstanding have been heard, after five seconds at the latest.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    listen: cli::Listen,
    /// Time between two echoes of a shout
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
    /// A client's shouts wait for each other, as in reverb1; otherwise they overlap
    #[arg(long)]
    sequential: bool,
    /// Part from a client that shouts nothing for so long; 0 for never
    #[arg(long, default_value = "0", value_parser = cli::duration)]
    idle: Duration,
    /// Repeat bytes as they come, as RFC 862 has it
    #[arg(long, conflicts_with_all = ["delay", "sequential"])]
    raw: bool,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let Cli { listen, delay, sequential, idle, raw } = args;
        let options = Options { delay, sequential, idle, raw };
        cli::serve(&listen, 1, |listener| reverb::serve(listener, &options))
    })
}
