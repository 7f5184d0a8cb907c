//! 8.3 reverb2: an echo that fades; shouts overlap, a thread each.
//! Go: gopl.io/ch8/reverb2, page 224, with exercise 8.4. Upper and lower case are Go's.

use std::process::ExitCode;
use std::time::Duration;
use std::{io, thread};

use clap::Parser;
use threadbare::cli;
use threadbare::net::{self, Conn};
use threadbare::text::go_case;
use threadbare::threads::{self, Semaphore};

/// Echoes every line three times, ever softer, shouts overlapping
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: cli::Listen,
    /// Time between two echoes of a shout
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
}

/// Shouts in the air at once, of all clients; above that, reading waits.
const SHOUTS: usize = 1_000;

fn main() -> ExitCode {
    cli::run(|Args { listen, delay }| {
        let listener = net::listen(&listen.addr(), 2)?;
        let room = Semaphore::new(SHOUTS);
        thread::scope(|s| {
            for conn in listener.incoming() {
                threads::spawn(s, || handle_conn(&{ conn }, delay, &room));
            }
        });
        Ok(())
    })
}

fn handle_conn(conn: &Conn, delay: Duration, room: &Semaphore) {
    thread::scope(|s| {
        for shout in conn.lines() {
            let permit = room.acquire();
            threads::spawn(s, move || {
                _ = echo(conn, &shout, delay); // NOTE: ignoring network errors
                drop(permit);
            });
        }
    }); // joins the echoes: only after the last is the write half closed
}

fn echo(conn: &Conn, shout: &[u8], delay: Duration) -> io::Result<()> {
    conn.write_line([b"\t ", &*go_case::upper(shout)].concat())?;
    thread::sleep(delay);
    conn.write_line([b"\t ", shout].concat())?;
    thread::sleep(delay);
    conn.write_line([b"\t ", &*go_case::lower(shout)].concat())
}
