//! 8.4.3 pipeline3: the stages as functions that hold one end of each channel.
//! Go: gopl.io/ch8/pipeline3, page 231.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::{Receiver, SendError, Sender, bounded};
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (naturals, to_square) = bounded(0);
        let (squares, to_print) = bounded(0);
        thread::scope(|s| {
            s.spawn(move || counter(&naturals)); // `move`, so that its end closes the channel
            s.spawn(move || squarer(&squares, &to_square));
            Ok(printer(to_print)?)
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
