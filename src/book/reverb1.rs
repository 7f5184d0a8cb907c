//! 8.3 reverb1: an echo that fades; a client's second shout waits for the echo of the first.
//! Go: gopl.io/ch8/reverb1, page 223. Upper and lower case are Go's.

use std::process::ExitCode;
use std::time::Duration;
use std::{io, thread};

use clap::Parser;
use threadbare::cli;
use threadbare::net::{self, Conn};
use threadbare::text::go_case;
use threadbare::threads;

/// Echoes every line three times, ever softer
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    listen: cli::Listen,
    /// Time between two echoes of a shout
    #[arg(long, default_value = "1s", value_parser = cli::duration)]
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
