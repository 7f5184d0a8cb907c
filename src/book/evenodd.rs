//! 8.7 evenodd: with room for one, a select can only alternate between sending and receiving.
//! Go: a lecture's select over one channel of capacity 1.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::bounded;
use crossbeam::select;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (sender, receiver) = bounded(1);
        for i in 0..10 {
            select! {
                recv(receiver) -> x => writeln!(cli::stdout(), "{}", x?)?,
                send(sender, i) -> sent => sent?,
            }
        }
        Ok(())
    })
}
