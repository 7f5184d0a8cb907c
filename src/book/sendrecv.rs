//! 8.4.3 sendrecv: each stage holds the end of a channel that it needs and no other.
//! Go: a lecture's `chan<- int` and `<-chan int` parameters.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::{Receiver, Sender, bounded};
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (numbers_tx, numbers_rx) = bounded(100);
        let (squares_tx, squares_rx) = bounded(200);
        thread::scope(|s| {
            s.spawn(move || count(&numbers_tx));
            s.spawn(move || square(&numbers_rx, &squares_tx));
            for square in squares_rx {
                writeln!(cli::stdout(), "{square}")?;
            }
            Ok(())
        })
    })
}

fn count(out: &Sender<u32>) {
    for n in 0..100 {
        out.send(n).expect("the squarer receives them all");
    }
}

fn square(input: &Receiver<u32>, out: &Sender<u32>) {
    for n in input {
        _ = out.send(n * n); // fails when main has stopped printing
    }
}
