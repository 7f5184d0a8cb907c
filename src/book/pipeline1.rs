//! 8.4.2 pipeline1: counter, squarer and printer, a thread each, for ever.
//! Go: gopl.io/ch8/pipeline1, page 228.

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
            s.spawn(move || (0_u64..).try_for_each(|x| naturals.send(x)));
            s.spawn(move || to_square.iter().try_for_each(|x| squares.send(x.wrapping_mul(x))));
            for x in to_print {
                writeln!(cli::stdout(), "{x}")?;
            }
            Ok(())
        }) // an error drops `to_print`, which ends the squarer, whose end ends the counter
    })
}
