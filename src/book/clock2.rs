//! 8.2 clock2: a clock server with one thread per client.
//! Go: gopl.io/ch8/clock2, page 222.
//!
//! Repaired: when file descriptors run out, the original spins and floods the log; `net` waits and
//! logs once. Deadlines are absolute, as in clock1.

use std::io;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use jiff::{Zoned, tz::TimeZone};
use threadbare::net::{self, Conn};
use threadbare::{cli, threads};

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
        threads::sleep_until(start + second); // absolute: delays do not add up
        let time = first.saturating_add(second);
        conn.write_line(time.strftime("%H:%M:%S").to_string())?;
    }
    Ok(())
}
