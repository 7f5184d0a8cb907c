//! 8.4.4 channels: capacity, length, identity, and a channel that is never ready.
//! Go: a lecture's `cap(ch)`, `len(ch)` and the nil channel.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::{bounded, never};
use crossbeam::select;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let mut out = cli::stdout();
        let (letters_tx, letters_rx) = bounded(3);
        for letter in ["A", "B", "C"] {
            letters_tx.send(letter)?; // there is room for three
        }
        writeln!(out, "{}", letters_rx.recv()?)?;
        writeln!(out, "capacity {}", letters_rx.capacity().unwrap_or(usize::MAX))?;
        writeln!(out, "len {}", letters_rx.len())?;

        let nil = never::<&str>(); // Go's nil channel: this case is never ready
        for _ in 0..2 {
            select! {
                recv(letters_rx) -> letter => writeln!(out, "{}", letter?)?,
                recv(nil) -> _ => unreachable!("nothing comes from `never`"),
            }
        }
        let same = letters_tx.same_channel(&letters_tx.clone());
        writeln!(out, "same {same}")?;
        Ok(())
    })
}
