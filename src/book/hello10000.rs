//! hello10000: ten thousand threads, as many at once as the machine has room for.
//! Go: a lecture's `go` statement in a loop; goroutines are so cheap that nobody counts them.

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
                // All it captures is Copy, and so is the closure: a refused thread leaves it for
                // the next try, when another thread has ended.
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
    writeln!(cli::stdout(), "hello thread {n}")
}
