//! 8.3 netcat2: copies stdin to the server while another thread copies its answers to stdout.
//! Go: gopl.io/ch8/netcat2, page 223.
//!
//! Fault shown: the program ends at the end of stdin and loses the echoes that come later; netcat3
//! waits for them.
//! Repaired: the original's exit status depends on a race, and it hangs when the server closes
//! first.

use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;
use threadbare::net;

fn main() -> ExitCode {
    cli::run(|args: cli::Dial| {
        let reading = Arc::new(net::dial(&args.addr)?);
        let (writing, (ended_tx, ended_rx)) = (reading.clone(), bounded(2)); // room for both
        let reader_tx = ended_tx.clone();
        thread::spawn(move || reader_tx.send(net::copy(&*reading, cli::stdout())));
        thread::spawn(move || match net::copy(cli::stdin(), &*writing) {
            Err(err) if net::is_disconnect(&err) => Ok(()), // the reader reports it
            sent => ended_tx.send(sent),
        });
        ended_rx.recv()??; // from the thread that ends first; nothing can wake the other
        Ok(())
    })
}
