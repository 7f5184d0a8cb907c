//! 8.4.1 recv: without a buffer, a send returns when the receiver has taken the value.
//! Go: a lecture's unbuffered channel with a receiving goroutine.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (tx, rx) = bounded(0);
        let receiver = thread::spawn(move || -> anyhow::Result<()> {
            let n: u32 = rx.recv()?;
            writeln!(cli::stdout(), "接收成功 {n}")?;
            Ok(())
        });
        tx.send(10)?; // returns when the receiver has taken it
        writeln!(cli::stdout(), "发送成功")?;
        receiver.join().expect("the receiver does not panic")
    })
}
