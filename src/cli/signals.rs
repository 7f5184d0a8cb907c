//! Handling signals without overriding a parent that ignores them.

use std::sync::Arc;
use std::thread::Builder;
use std::{fs, io};

use crossbeam::channel::bounded;
use signal_hook::consts::SIGXFSZ;
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// Registers handlers for `signals`, except for those that this process ignores.
///
/// A shell without job control, such as a script, starts `du … &` with SIGINT ignored, and `nohup`
/// ignores SIGHUP. A handler would override that, and ^C at the terminal would end the program.
/// Where there is no `/proc/self/status` to tell what is ignored, every signal gets its handler.
///
/// # Errors
/// When a handler cannot be registered, as for SIGKILL.
pub fn signals(signals: &[i32]) -> io::Result<Signals> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = ignored_mask(&status);
    Signals::new(signals.iter().filter(|&&signal| !is_in(ignored, signal)))
}

/// Calls `handle` on a thread of its own for each of `signals` that arrives, but for those that this
/// process ignores. Returns whether it will: if the system refuses the thread, signals keep their
/// default action and `handle` is dropped.
///
/// # Errors
/// Those of [`signals`].
pub fn on_signals(numbers: &[i32], handle: impl FnMut(i32) + Send + 'static) -> io::Result<bool> {
    let (signals_tx, signals_rx) = bounded::<Signals>(1);
    let wait = move || {
        if let Ok(mut signals) = signals_rx.recv() {
            signals.forever().for_each(handle);
        }
    };
    if Builder::new().spawn(wait).is_err() {
        return Ok(false);
    }
    signals_tx.send(signals(numbers)?).expect("the thread receives it");
    Ok(true)
}

/// Makes a write beyond the limit on the size of files (`ulimit -f`) fail with EFBIG instead of killing
/// the process: one client's large file must not end a server.
///
/// # Errors
/// When the handler, which does nothing, cannot be registered.
pub fn survive_file_size_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::default()).map(|_| ())
}

/// The mask of ignored signals in the text of `/proc/self/status`; 0 if it is not there.
fn ignored_mask(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// Signals are numbered from 1, bits from 0.
fn is_in(mask: u64, signal: i32) -> bool {
    mask >> (signal - 1) & 1 == 1
}

#[cfg(test)]
mod tests {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM};

    use super::*;

    #[test]
    fn the_kernels_mask_is_read() {
        let mask =
            ignored_mask("Name:\tdu\nSigBlk:\t0000000000000004\nSigIgn:\t0000000000001002\n");
        assert!(is_in(mask, SIGINT) && is_in(mask, SIGPIPE));
        assert!(!is_in(mask, SIGTERM) && !is_in(mask, SIGHUP));
        assert_eq!(ignored_mask(""), 0);
        assert_eq!(ignored_mask("SigIgn:\tnonsense\n"), 0);
    }
}
