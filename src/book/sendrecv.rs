//! 8.4.3 sendrecv: each stage holds one end of a channel and cannot misuse the other.
//! Go: a lecture's `chan<- int` and `<-chan int` parameters.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::{Receiver, Sender, bounded};
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (numbers, to_square) = bounded(100);
        let (squares, to_print) = bounded(200);
        thread::scope(|s| {
            s.spawn(move || count(&numbers));
            s.spawn(move || square(&to_square, &squares));
            for square in to_print {
                writeln!(cli::stdout(), "{square}")?;
            }
            Ok(())
        })
    })
}

fn count(out: &Sender<u32>) {
    for n in 0..100 {
        out.send(n).expect("there is room for a hundred and the squarer takes them all");
    }
}

fn square(input: &Receiver<u32>, out: &Sender<u32>) {
    for n in input {
        _ = out.send(n * n); // refused when main cannot print any more
    }
}
