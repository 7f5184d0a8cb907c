//! 8.7 evenodd: on a channel of capacity 1, `select!` can only send and receive in turn.
//! Go: a lecture's `select` over one channel of capacity 1.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::bounded;
use crossbeam::select;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (tx, rx) = bounded(1);
        for i in 0..10 {
            select! {
                recv(rx) -> x => writeln!(cli::stdout(), "{}", x?)?,
                send(tx, i) -> sent => sent?,
            }
        }
        Ok(())
    })
}
