//! 8.4.1 netcat3: main waits for the reading thread over a channel.
//! Go: gopl.io/ch8/netcat3, page 227, with exercise 8.3.
//!
//! Repaired: at the end of stdin the original closes the whole connection and loses the last
//! echoes; here only the write half is closed. It also hangs when the server closes while stdin is
//! open.

use std::io::{self, Write};
use std::net::Shutdown;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;
use threadbare::net;

fn main() -> ExitCode {
    cli::run(|args: cli::Dial| {
        let reading = Arc::new(net::dial(&args.addr)?);
        let (writing, (done_tx, done_rx)) = (reading.clone(), bounded(0));
        thread::spawn(move || {
            let received = net::copy(&*reading, cli::stdout());
            _ = writeln!(io::stderr(), "done");
            done_tx.send(received).expect("main is waiting");
        });
        // Not joined: it may be blocked on stdin when the server has closed.
        thread::spawn(move || {
            _ = net::copy(cli::stdin(), &*writing); // NOTE: ignoring errors
            writing.shutdown(Shutdown::Write)
        });
        done_rx.recv()??;
        Ok(())
    })
}
