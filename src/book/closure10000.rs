//! closure10000: ten thousand closures, each with a number of its own.
//! Go: a lecture's loop-variable trap: before Go 1.22 all closures shared one variable.
//!
//! Look at: `move` copies `n` into each closure. Without it a closure would borrow a variable that
//! ends with the round of the loop, and the compiler says "`n` does not live long enough": Go's
//! fault cannot be written here.

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;

use threadbare::{cli, threads};

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let mut peak = 0;
        thread::scope(|s| {
            for n in 0..10_000 {
                // Waits while the machine has no room for another thread; hello10000 shows how.
                threads::spawn(s, move || hello(n));
                peak = peak.max(threads::n_threads());
            }
        });
        _ = writeln!(io::stderr(), "{peak} threads alive at the peak");
        writeln!(cli::stdout(), "main thread done!")?; // fails where the threads' own lines failed
        Ok(())
    })
}

fn hello(n: u32) -> io::Result<()> {
    writeln!(cli::stdout(), "hello {n}")
}
