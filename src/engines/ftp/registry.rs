//! The sessions of a server, by number.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::control::Control;
use crate::threads::{Condvar, lock, wait};

/// The control connections of all running sessions.
#[derive(Debug, Default)]
pub(super) struct SessionRegistry {
    controls: Mutex<HashMap<u64, Arc<Control>>>,
    removed: Condvar,
}

impl SessionRegistry {
    pub(super) fn add(&self, control: &Arc<Control>) {
        self.controls().insert(control.id, Arc::clone(control));
    }

    pub(super) fn remove(&self, id: u64) {
        let control = self.controls().remove(&id);
        drop(control); // without the lock: closing a connection may block
        self.removed.notify_all();
    }

    /// Removes a session that could not be started, and sends `reason` to its client.
    pub(super) fn refuse(&self, id: u64, reason: &str) {
        let control = self.controls().remove(&id);
        if let Some(control) = control.and_then(Arc::into_inner) {
            control.refuse(reason);
        }
    }

    /// Calls `act` for every session.
    pub(super) fn for_each(&self, act: impl Fn(&Control)) {
        let controls: Vec<_> = self.controls().values().cloned().collect();
        for control in &controls {
            act(control);
        }
    }

    /// Blocks until no session is left, at most for `timeout`.
    pub(super) fn wait_empty(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut controls = self.controls();
        while !controls.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            controls = wait(&self.removed, controls, Some(left));
        }
    }

    fn controls(&self) -> MutexGuard<'_, HashMap<u64, Arc<Control>>> {
        lock(&self.controls)
    }
}
