//! 8.4.3 closed: a channel is closed by dropping its last sender, or its last receiver.
//! Go: a lecture's `close(ch)`; there sending on a closed channel, or closing it again, panics.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let mut out = cli::stdout();
        let (numbers, received) = bounded(3);
        for n in 1..=3 {
            numbers.send(n)?;
        }
        drop(numbers); // closes it; a send, or a second drop, no longer compiles

        for _ in 0..5 {
            // What was sent before still comes; then every receive says so at once.
            match received.recv() {
                Ok(n) => writeln!(out, "{n}")?,
                Err(_) => writeln!(out, "closed")?,
            }
        }

        let (numbers, received) = bounded(1);
        drop(received); // what Go lacks: nobody will ever take it
        if let Err(refused) = numbers.send(4) {
            writeln!(out, "returned {}", refused.into_inner())?;
        }
        Ok(())
    })
}
