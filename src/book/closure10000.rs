//! closure10000: ten thousand closures, each with a number of its own.
//! Go: a lecture's loop-variable trap: before Go 1.22 its closures all shared one `i`.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread::{self, Builder};

use anyhow::ensure;
use crossbeam::channel::bounded;
use threadbare::cli;
use threadbare::machine::limits::Limits;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let room = Limits::current().threads();
        let (ended, endings) = bounded(room); // an ending thread never waits for main
        let (mut alive, mut peak) = (0, 0);
        thread::scope(|s| {
            for n in 0..10_000 {
                // `move` copies `n` into the closure. Without it the closure would borrow a variable
                // that ends with this round: "borrowed value does not live long enough".
                let ended = &ended;
                let greet = move || {
                    _ = hello(n); // a broken stdout is reported by main's own line
                    ended.send(()).expect("main is counting");
                };
                alive -= endings.try_iter().count();
                while alive == room || Builder::new().spawn_scoped(s, greet).is_err() {
                    ensure!(alive > 0, "cannot start a single thread");
                    endings.recv()?;
                    alive -= 1;
                }
                alive += 1;
                peak = peak.max(alive);
            }
            Ok(())
        })?;
        _ = writeln!(io::stderr(), "{peak} threads alive at the peak");
        writeln!(cli::stdout(), "main thread done!")?;
        Ok(())
    })
}

fn hello(n: u32) -> io::Result<()> {
    writeln!(cli::stdout(), "hello {n}")
}
