//! 8.4.1 recv: without a buffer, sender and receiver meet.
//! Go: a lecture's unbuffered channel with a receiving goroutine.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (sender, receiver) = bounded(0);
        let receiving = thread::spawn(move || -> anyhow::Result<()> {
            let n: u32 = receiver.recv()?;
            writeln!(cli::stdout(), "接收成功 {n}")?;
            Ok(())
        });
        sender.send(10)?; // returns when the receiver has taken it
        writeln!(cli::stdout(), "发送成功")?;
        receiving.join().expect("the receiver does not panic")
    })
}
