//! A thread that the system refuses is a failure like any other: one line and exit status 1.
//!
//! std's `spawn` panics where `Builder::spawn` returns an error. What a program can do without the
//! thread, it does; the lessons, which call `spawn` as the book says `go`, end.

use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::OnceLock;

use anyhow::anyhow;

use crate::threads;

/// What the system said when it refused a thread.
static REFUSAL: OnceLock<String> = OnceLock::new();

/// Returns what `main` returns, or an error if a thread that was refused made it panic.
pub(super) fn catch<T>(main: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let print_panic = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !is_refusal(panic) {
            print_panic(panic);
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(main)).unwrap_or_else(|panic| match REFUSAL.get() {
        Some(cause) => Err(anyhow!("{cause}")),
        None => panic::resume_unwind(panic),
    })
}

/// Whether a thread panics because it, or another one before, was refused a thread.
fn is_refusal(panic: &PanicHookInfo<'_>) -> bool {
    if let Some(refusal) = panic.payload_as_str().and_then(threads::refusal) {
        REFUSAL.get_or_init(|| refusal.to_string());
    }
    REFUSAL.get().is_some()
}
