//! 8.3 reverb1: an echo server; the shouts of one client are echoed one after the other.
//! Go: gopl.io/ch8/reverb1, page 223. Upper and lower case are Go's.
//!
//! Fault shown: a second shout waits until the echoes of the first have ended; in reverb2 they
//! overlap.
//! Repaired: a line over 64 KiB ends the original's connection without a word; here it is answered
//! with `line too long`, and the session goes on.

use std::process::ExitCode;
use std::time::Duration;
use std::{io, thread};

use clap::Parser;
use threadbare::net::{self, Conn};
use threadbare::{cli, text::go_case, threads};

/// Echo every line three times, each time more softly
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: cli::Listen,
    /// Time between two echoes of a shout
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = cli::duration)]
    delay: Duration,
}

fn main() -> ExitCode {
    cli::run(|Args { listen, delay }| {
        let listener = net::listen(&listen.addr(), 1)?;
        thread::scope(|s| {
            for conn in listener.incoming() {
                threads::spawn(s, move || handle_conn(&conn, delay));
            }
        });
        Ok(())
    })
}

fn handle_conn(conn: &Conn, delay: Duration) -> io::Result<()> {
    conn.lines().try_for_each(|shout| echo(conn, &shout, delay))
}

fn echo(conn: &Conn, shout: &[u8], delay: Duration) -> io::Result<()> {
    conn.write_line([b"\t ", &*go_case::upper(shout)].concat())?;
    thread::sleep(delay);
    conn.write_line([b"\t ", shout].concat())?;
    thread::sleep(delay);
    conn.write_line([b"\t ", &*go_case::lower(shout)].concat())
}
