//! What the timer is to do for a client, and when.

use std::sync::Arc;
use std::time::Instant;

/// Something to do for a client at a later time.
#[derive(Debug)]
pub(super) enum TimerTask {
    /// Send echo number `nth` (from 0) of these lines, each with its newline.
    Echo { lines: Arc<[u8]>, nth: u8 },
    /// Try again to send what the kernel did not accept.
    FlushOutbox,
}

/// Tasks for one client, each with the time when it is due.
pub(super) type Schedule = Vec<(Instant, TimerTask)>;
