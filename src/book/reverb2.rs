//! 8.3 reverb2: an echo server with one thread per shout, so that echoes overlap.
//! Go: gopl.io/ch8/reverb2, page 224, with exercise 8.4. Upper and lower case are Go's.
//!
//! Repaired: at a half-close the original loses the echoes that are not yet written; here they all
//! arrive before the write half is closed. There one client can start goroutines without limit;
//! here a thousand threads are the most.

use std::process::ExitCode;
use std::time::Duration;
use std::{io, thread};

use clap::Parser;
use threadbare::net::{self, Conn};
use threadbare::threads::{self, Semaphore};
use threadbare::{cli, text::go_case};

/// Echo every line three times, each time more softly; echoes overlap
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: cli::Listen,
    /// Time between two echoes of a shout
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
}

/// Shouts that may be echoing at once, of all clients together; above that, reading waits.
const SHOUTS: usize = 1_000;

fn main() -> ExitCode {
    cli::run(|Args { listen, delay }| {
        let listener = net::listen(&listen.addr(), 2)?;
        let tokens = Semaphore::new(SHOUTS);
        thread::scope(|s| {
            for conn in listener.incoming() {
                threads::spawn(s, || handle_conn(&{ conn }, delay, &tokens));
            }
        });
        Ok(())
    })
}

fn handle_conn(conn: &Conn, delay: Duration, tokens: &Semaphore) {
    thread::scope(|s| {
        for shout in conn.lines() {
            let token = tokens.acquire();
            threads::spawn(s, move || {
                _ = echo(conn, &shout, delay); // NOTE: ignoring network errors
                drop(token);
            });
        }
    }); // joins the echoes before the write half is closed
}

fn echo(conn: &Conn, shout: &[u8], delay: Duration) -> io::Result<()> {
    conn.write_line([b"\t ", &*go_case::upper(shout)].concat())?;
    thread::sleep(delay);
    conn.write_line([b"\t ", shout].concat())?;
    thread::sleep(delay);
    conn.write_line([b"\t ", &*go_case::lower(shout)].concat())
}
