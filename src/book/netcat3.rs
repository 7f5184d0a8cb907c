//! 8.4.1 netcat3: main waits until the reader is done; only the write half is closed before that.
//! Go: gopl.io/ch8/netcat3, page 227, with exercise 8.3.

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
        let (writing, (finished, done)) = (reading.clone(), bounded(0));
        thread::spawn(move || {
            let received = net::copy(&*reading, cli::stdout());
            _ = writeln!(io::stderr(), "done");
            finished.send(received).expect("main is waiting");
        });
        // Nobody joins this one: it may be blocked on stdin when the server has said it all.
        thread::spawn(move || {
            _ = net::copy(io::stdin(), &*writing); // NOTE: ignoring errors
            writing.shutdown(Shutdown::Write)
        });
        done.recv()??;
        Ok(())
    })
}
