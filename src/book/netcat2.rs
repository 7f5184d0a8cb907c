//! 8.3 netcat2: stdin goes out while the answers come in; the end of stdin leaves some unread.
//! Go: gopl.io/ch8/netcat2, page 223.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;
use threadbare::net;

fn main() -> ExitCode {
    cli::run(|args: cli::Dial| {
        let reading = Arc::new(net::dial(&args.addr)?);
        let (writing, (ended, end)) = (reading.clone(), bounded(2)); // room for both their ends
        let received = ended.clone();
        thread::spawn(move || received.send(net::copy(&*reading, cli::stdout())));
        thread::spawn(move || match net::copy(io::stdin(), &*writing) {
            Err(err) if net::is_disconnect(&err) => Ok(()), // how the server left, the reader tells
            sent => ended.send(sent),
        });
        end.recv()??; // whichever ends first; what blocks the other, nobody can wake
        Ok(())
    })
}
