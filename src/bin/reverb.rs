//! 8.3, exercises 8.4 and 8.8 reverb: an echo server whose echoes fade.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use threadbare::cli;
use threadbare::engines::reverb::{self, Options};

/// Run an echo server that returns each line in upper case, unchanged and in lower case
///
/// Upper and lower case are Go's (strings.ToUpper and ToLower): each letter is mapped to one
/// letter, so ß stays ß, whatever the language; bytes that are not UTF-8 become U+FFFD in both. On
/// SIGINT and SIGTERM the server sends the outstanding echoes and exits after at most five seconds.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    listen: cli::Listen,
    /// Time between two echoes of a line
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
    /// Echo the lines of a client one after the other, as reverb1 does, instead of overlapping
    #[arg(long)]
    sequential: bool,
    /// Disconnect clients that send no line for this long (0 = never)
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = cli::duration)]
    idle: Duration,
    /// Send back all bytes at once and unchanged (RFC 862)
    #[arg(long, conflicts_with_all = ["delay", "sequential"])]
    raw: bool,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let Cli { listen, delay, sequential, idle, raw } = args;
        let options = Options { delay, sequential, idle, raw };
        cli::serve(&listen, 1, |listener| Ok(reverb::serve(listener, &options)?))
    })
}
