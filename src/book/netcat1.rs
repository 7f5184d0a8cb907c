//! 8.2 netcat1: a read-only client; what the server sends goes to stdout.
//! Go: gopl.io/ch8/netcat1, page 221.
//!
//! Repaired: the original connects to localhost:8000 only.

use std::process::ExitCode;

use threadbare::cli;
use threadbare::net;

fn main() -> ExitCode {
    cli::run(|args: cli::Dial| {
        let conn = net::dial(&args.addr)?;
        net::copy(&conn, cli::stdout())?;
        Ok(())
    })
}
