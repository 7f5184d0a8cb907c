//! 8.4.2 pipeline2: a finite pipeline; each stage closes its channel by dropping the sender.
//! Go: gopl.io/ch8/pipeline2, page 229.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (naturals, naturals_rx) = bounded(0);
        let (squares, squares_rx) = bounded(0);
        thread::scope(|s| {
            // Each closure owns its sender, so that its end closes the channel.
            s.spawn(move || (0..100).try_for_each(|x| naturals.send(x)));
            s.spawn(move || naturals_rx.iter().try_for_each(|x| squares.send(x * x)));
            for x in squares_rx {
                writeln!(cli::stdout(), "{x}")?;
            }
            Ok(())
        })
    })
}
