//! Sleeping for less than a millisecond.

use std::thread;
use std::time::{Duration, Instant};

/// How late a sleeping thread may run again: its CPU may have fallen asleep too. In a virtual machine
/// 300 µs became 361.
const LATENESS: Duration = Duration::from_micros(60);

/// Sleeps until `deadline`, and no longer: the last 60 µs, which a sleep may take too long, are spent in
/// leaving the CPU to other threads.
///
/// On Linux a sleep may also take 50 µs longer than it was asked for, so that the timers of several
/// threads expire together (`PR_SET_TIMERSLACK` of prctl(2)); that is switched off for this thread.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// let deadline = Instant::now() + Duration::from_micros(300);
/// threadbare::machine::sleep::until(deadline);
/// assert!(Instant::now() >= deadline);
/// ```
pub fn until(deadline: Instant) {
    let left = deadline.saturating_duration_since(Instant::now()).saturating_sub(LATENESS);
    if !left.is_zero() {
        sleep(left);
    }
    while Instant::now() < deadline {
        thread::yield_now();
    }
}

fn sleep(duration: Duration) {
    #[cfg(target_os = "linux")]
    {
        _ = rustix::thread::set_current_timer_slack(Some(std::num::NonZeroU64::MIN));
    }
    thread::sleep(duration);
}
