//! Panics of decoders on malformed files, which must not end a batch.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};

thread_local! {
    static IS_CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs `decode`; `None` if it panics. It must not leave anything behind in a broken state.
pub(super) fn catch<T>(decode: impl FnOnce() -> T) -> Option<T> {
    let before = IS_CAUGHT.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(decode));
    IS_CAUGHT.set(before);
    result.ok()
}

/// Whether a panic of this thread would become an error of its image now. A panic hook that asks can
/// leave out its message.
pub fn is_panic_caught() -> bool {
    IS_CAUGHT.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_none_and_is_known_as_caught() {
        assert_eq!(catch(is_panic_caught), Some(true));
        assert!(!is_panic_caught());
        assert_eq!(catch(|| usize::MAX.checked_add(1).expect("a panic for this test")), None);
        assert!(!is_panic_caught());
        assert_eq!(catch(|| (catch(|| 1), is_panic_caught())), Some((Some(1), true)));
    }
}
