//! 8.2 clock1: a clock server that serves one client at a time.
//! Go: gopl.io/ch8/clock1, page 219.
//!
//! Fault shown: a second client waits until the first has left; clock2 serves both.
//! Repaired: the original sleeps for a second after each line, so it drifts and skips seconds; here
//! each line has an absolute deadline.

use std::io;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::{Zoned, tz::TimeZone};
use threadbare::net::{self, Conn};
use threadbare::{cli, threads};

fn main() -> ExitCode {
    cli::run(|args: cli::Listen| {
        let zone = cli::time_zone()?;
        let listener = net::listen(&args.addr(), 1)?;
        for conn in listener.incoming() {
            _ = handle_conn(&conn, &zone); // an error means that the client has left
        }
        Ok(())
    })
}

fn handle_conn(conn: &Conn, zone: &TimeZone) -> io::Result<()> {
    let (first, start) = (Zoned::now().with_time_zone(zone.clone()), Instant::now());
    for second in (0..).map(Duration::from_secs) {
        threads::sleep_until(start + second); // absolute: delays do not add up
        let time = first.saturating_add(second);
        conn.write_line(time.strftime("%H:%M:%S").to_string())?;
    }
    Ok(())
}
