//! 8.4.2 pipeline2: a finite pipeline; each stage closes its channel by dropping the sender.
//! Go: gopl.io/ch8/pipeline2, page 229.

use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let (naturals, to_square) = bounded(0);
        let (squares, to_print) = bounded(0);
        thread::scope(|s| {
            s.spawn(move || (0..100).try_for_each(|x| naturals.send(x))); // closes `naturals`
            s.spawn(move || to_square.iter().try_for_each(|x| squares.send(x * x))); // and `squares`
            for x in to_print {
                writeln!(cli::stdout(), "{x}")?;
            }
            Ok(())
        })
    })
}
