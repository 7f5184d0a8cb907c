//! 8.2 clock: the time, once a second, for whoever connects.

use std::process::ExitCode;

use clap::Parser;
use jiff::tz::TimeZone;
use threadbare::cli;
use threadbare::engines::clock::{self, Face, Format};

/// A clock server: each client gets the time at once, and then every second.
///
/// SIGINT and SIGTERM end it; its clients read the end of the stream.
#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    listen: cli::Listen,
    /// Time zone, as in Asia/Tokyo [default: TZ, or the system's]
    #[arg(long, value_name = "NAME", value_parser = zone)]
    tz: Option<TimeZone>,
    /// What a line looks like, as for strftime
    #[arg(long, default_value = "%H:%M:%S", value_parser = Format::new)]
    format: Format,
}

fn main() -> ExitCode {
    cli::run_tool(|args: Cli| {
        let zone = args.tz.map_or_else(cli::time_zone, Ok)?;
        let face = Face::new(zone, args.format);
        cli::serve(&args.listen, 0, |listener| clock::serve(listener, &face))
    })
}

fn zone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZone::get(name)
}
