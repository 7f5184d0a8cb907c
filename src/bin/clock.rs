//! 8.2 clock: a server that sends the time to its clients once per second.

use std::process::ExitCode;

use clap::Parser;
use jiff::tz::TimeZone;
use threadbare::cli;
use threadbare::engines::clock::{self, Pattern, TimeFormat};

/// Serve the time over TCP, one line per second
///
/// Each client gets its first line at once. SIGINT and SIGTERM close all connections gracefully and
/// end the server.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    listen: cli::Listen,
    /// Show the time in this zone, such as Asia/Tokyo [default: TZ, or the system's zone]
    #[arg(long, value_name = "NAME", value_parser = zone)]
    tz: Option<TimeZone>,
    /// Pattern of a line, in the syntax of strftime
    #[arg(long, value_name = "PATTERN", default_value = "%H:%M:%S", value_parser = Pattern::new)]
    format: Pattern,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let zone = args.tz.map_or_else(cli::time_zone, Ok)?;
        let format = TimeFormat::new(zone, args.format);
        cli::serve(&args.listen, 0, |listener| Ok(clock::serve(listener, &format)?))
    })
}

fn zone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(name)
}
