//! Locks that ignore poisoning.
//!
//! A panic surfaces where its thread is joined. Until then the data behind our locks is consistent
//! (no code panics between two updates that belong together), so other threads may go on.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks `mutex`, even if a thread panicked while it held the lock.
pub fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
