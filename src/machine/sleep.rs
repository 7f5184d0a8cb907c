//! Sleeping for less than a millisecond.

use std::thread;
use std::time::Instant;

/// Sleeps until `deadline`, and no longer than the kernel's timers need.
///
/// On Linux a sleep may take 50 µs longer than it was asked for, so that the timers of several threads
/// expire together (`PR_SET_TIMERSLACK` of prctl(2)); that is switched off for this thread.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_micros(300);
/// threadbare::machine::sleep::until(deadline);
/// assert!(Instant::now() >= deadline);
/// ```
pub fn until(deadline: Instant) {
    #[cfg(target_os = "linux")]
    {
        _ = rustix::thread::set_current_timer_slack(Some(std::num::NonZeroU64::MIN));
    }
    thread::sleep(deadline.saturating_duration_since(Instant::now()));
}
