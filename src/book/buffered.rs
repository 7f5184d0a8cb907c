//! 8.4.4 buffered: with room in the buffer, a send returns at once.
//! Go: a lecture's `make(chan int, 1)`.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (tx, _rx) = bounded(1); // kept: without a receiver the send would fail
        tx.send(10)?;
        writeln!(cli::stdout(), "发送成功")?;
        Ok(())
    })
}
