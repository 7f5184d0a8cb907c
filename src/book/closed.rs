//! 8.4.3 closed: a channel is closed by dropping its last sender, or its last receiver.
//! Go: a lecture's `close(ch)`.
//!
//! Look at: in Go, sending on a closed channel or closing it again panics; here neither compiles.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let mut out = cli::stdout();
        let (tx, rx) = bounded(3);
        for n in 1..=3 {
            tx.send(n)?;
        }
        drop(tx); // closes the channel; a send, or a second drop, no longer compiles

        for _ in 0..5 {
            // Values sent before still arrive; then every receive returns an error at once.
            match rx.recv() {
                Ok(n) => writeln!(out, "{n}")?,
                Err(_) => writeln!(out, "closed")?,
            }
        }

        let (tx, rx) = bounded(1);
        drop(rx); // closes the channel from the other side, which Go cannot
        if let Err(err) = tx.send(4) {
            writeln!(out, "returned {}", err.into_inner())?;
        }
        Ok(())
    })
}
