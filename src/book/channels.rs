//! 8.4.4 channels: capacity, length, identity, and the channel that is never ready.
//! Go: a lecture's `cap(ch)`, `len(ch)` and the nil channel.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::{bounded, never};
use crossbeam::select;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let mut out = cli::stdout();
        let (letters, received) = bounded(3);
        for letter in ["A", "B", "C"] {
            letters.send(letter)?; // there is room for three
        }
        writeln!(out, "{}", received.recv()?)?;
        writeln!(out, "capacity {}", received.capacity().unwrap_or(usize::MAX))?;
        writeln!(out, "len {}", received.len())?;

        let nil = never::<&str>(); // Go's nil channel: a case that cannot happen
        for _ in 0..2 {
            select! {
                recv(received) -> letter => writeln!(out, "{}", letter?)?,
                recv(nil) -> _ => unreachable!("nothing comes from `never`"),
            }
        }
        let same = letters.same_channel(&letters.clone());
        writeln!(out, "same {same}")?;
        Ok(())
    })
}
