//! hello10000: ten thousand threads, as many at once as the machine has room for.
//! Go: a lecture's `go` statement in a loop, which starts ten thousand goroutines at once.
//!
//! Look at: a thread that cannot be started is tried again when another one has ended, because
//! threads, unlike goroutines, have a limit.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread::{self, Builder};

use anyhow::ensure;
use crossbeam::channel::bounded;
use threadbare::cli;
use threadbare::machine::limits::Limits;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let max_alive = Limits::current().threads();
        let (ended_tx, ended_rx) = bounded(max_alive); // an ending thread never waits for main
        let (mut alive, mut peak) = (0, 0);
        thread::scope(|s| {
            for n in 0..10_000 {
                // The closure is Copy, as all that it captures is: when a thread cannot be started,
                // the next try uses it again.
                let ended_tx = &ended_tx;
                let greet = move || {
                    _ = hello(n); // main's own line fails too, and reports it
                    ended_tx.send(()).expect("main is counting");
                };
                alive -= ended_rx.try_iter().count();
                while alive == max_alive || Builder::new().spawn_scoped(s, greet).is_err() {
                    ensure!(alive > 0, "cannot start a single thread");
                    ended_rx.recv()?;
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
