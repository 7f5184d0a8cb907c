//! 8.7 polling: a select with a default does not wait; one with several ready chooses at random.
//! Go: a lecture's `select` with `default`; waiting for ever, Go's `select {}`, is `recv(&never())`.

use std::io::Write;
use std::process::ExitCode;

use crossbeam::channel::bounded;
use crossbeam::select;
use threadbare::cli;

fn main() -> ExitCode {
    cli::run(|_: cli::NoArgs| {
        let mut out = cli::stdout();
        let (abort, aborted) = bounded(1);
        for n in 1.. {
            select! {
                recv(aborted) -> _ => {
                    writeln!(out, "Launch aborted!")?;
                    break;
                }
                default => writeln!(out, "working {n}")?,
            }
            if n == 2 {
                abort.send(())?;
            }
        }

        let ((left_in, left), (right_in, right)) = (bounded(1), bounded(1));
        let (mut n_left, mut n_right) = (0, 0);
        for _ in 0..1_000 {
            _ = left_in.try_send(()); // both are ready in every round
            _ = right_in.try_send(());
            select! {
                recv(left) -> _ => n_left += 1,
                recv(right) -> _ => n_right += 1,
            }
        }
        writeln!(out, "left {n_left}, right {n_right}")?;
        Ok(())
    })
}
