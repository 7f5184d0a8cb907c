//! 8.4.2 pipeline1: counter, squarer and printer, one thread each, for ever.
//! Go: gopl.io/ch8/pipeline1, page 228.

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
            s.spawn(move || (0_u64..).try_for_each(|x| naturals.send(x)));
            s.spawn(move || naturals_rx.iter().try_for_each(|x| squares.send(x.wrapping_mul(x))));
            for x in squares_rx {
                writeln!(cli::stdout(), "{x}")?;
            }
            Ok(())
        }) // an error drops `squares_rx`, which ends the squarer and then the counter
    })
}
