//! 8.4.3 pipeline3: the stages are functions that get only the ends of channels they need.
//! Go: gopl.io/ch8/pipeline3, page 231.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::{Receiver, SendError, Sender, bounded};
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (naturals, naturals_rx) = bounded(0);
        let (squares, squares_rx) = bounded(0);
        thread::scope(|s| {
            s.spawn(move || counter(&naturals)); // `move`: its end closes the channel
            s.spawn(move || squarer(&squares, &naturals_rx));
            Ok(printer(squares_rx)?)
        })
    })
}

fn counter(out: &Sender<u64>) -> Result<(), SendError<u64>> {
    (0..100).try_for_each(|x| out.send(x))
}

fn squarer(out: &Sender<u64>, input: &Receiver<u64>) -> Result<(), SendError<u64>> {
    input.iter().try_for_each(|x| out.send(x * x))
}

fn printer(input: Receiver<u64>) -> io::Result<()> {
    input.into_iter().try_for_each(|x| writeln!(cli::stdout(), "{x}"))
}
