//! 8.7 polling: `select!` with `default` does not wait; of several ready cases it takes any.
//! Go: a lecture's `select` with `default`.
//!
//! Look at: waiting for ever, Go's `select {}`, is `recv(&never())`.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::bounded;
use crossbeam::select;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let mut out = cli::stdout();
        let (abort_tx, abort_rx) = bounded(1);
        for n in 1.. {
            select! {
                recv(abort_rx) -> _ => {
                    writeln!(out, "Launch aborted!")?;
                    break;
                }
                default => writeln!(out, "working {n}")?,
            }
            if n == 2 {
                abort_tx.send(())?;
            }
        }

        let ((left_tx, left_rx), (right_tx, right_rx)) = (bounded(1), bounded(1));
        let (mut n_left, mut n_right) = (0, 0);
        for _ in 0..1_000 {
            _ = left_tx.try_send(()); // both are ready in every round
            _ = right_tx.try_send(());
            select! {
                recv(left_rx) -> _ => n_left += 1,
                recv(right_rx) -> _ => n_right += 1,
            }
        }
        writeln!(out, "left {n_left}, right {n_right}")?;
        Ok(())
    })
}
