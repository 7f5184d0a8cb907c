//! 8.2 netcat1: a read-only client; what the server sends goes to stdout.
//! Go: gopl.io/ch8/netcat1, page 221.

use std::process::ExitCode;

use threadbare::{cli, tcp};

fn main() -> ExitCode {
    cli::run(&[], |args: cli::Dial| {
        let conn = tcp::dial(&args.addr)?;
        tcp::copy(&conn, cli::stdout())?;
        Ok(())
    })
}
