//! 8.2 clock2: a clock that serves many clients, a thread each.
//! Go: gopl.io/ch8/clock2, page 222.

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use jiff::{Zoned, tz::TimeZone};
use threadbare::cli;
use threadbare::net::{self, Conn};
use threadbare::threads;

fn main() -> ExitCode {
    cli::run(|args: cli::Listen| {
        let zone = cli::time_zone()?;
        let listener = net::listen(&args.addr(), 1)?;
        thread::scope(|s| {
            for conn in listener.incoming() {
                threads::spawn(s, || handle_conn(&{ conn }, &zone));
            }
        });
        Ok(())
    })
}

fn handle_conn(conn: &Conn, zone: &TimeZone) -> io::Result<()> {
    let (first, start) = (Zoned::now().with_time_zone(zone.clone()), Instant::now());
    for second in (0..).map(Duration::from_secs) {
        threads::sleep_until(start + second); // of the first line, so that lateness does not add up
        let time = first.saturating_add(second);
        conn.write_line(time.strftime("%H:%M:%S").to_string())?;
    }
    Ok(())
}
