//! How long to wait before a look at the control connection tells whether an upload is complete.
//!
//! Only the end of the data connection marks the end of a file, and a client that is killed ends it too.
//! The kernel then closes the client's connections one after the other, the newest first: the data
//! connection before the control connection. Waiting also leaves the CPU to a dying client on the same
//! machine.
//!
//! The longer an upload takes, the likelier it is that its client was killed meanwhile, and the less
//! does a wait matter. So it is a part of the upload's own time. `scripts/ftp-killed`, 2 CPUs: of 2,100
//! clients killed at any moment none left an incomplete file, of 2,100 right after 100 kB two; without a
//! wait 6 and 85 of 100; with two other processes that used the CPUs 2 to 5 and 1 to 2 of 100, as many as
//! with a wait of 300 µs.

use std::time::Duration;

/// The part of an upload's time that is waited after it.
const PART: u32 = 8;
const WAIT_MIN: Duration = Duration::from_micros(150);
const WAIT_MAX: Duration = Duration::from_millis(2);

/// How long to wait from the end of the data of an upload of `n_bytes` that took `elapsed`.
pub(super) fn wait(elapsed: Duration, n_bytes: u64) -> Duration {
    if n_bytes == 0 {
        return WAIT_MAX; // an empty upload is as rare as it is suspicious
    }
    (elapsed / PART).clamp(WAIT_MIN, WAIT_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_a_bounded_part_of_the_upload() {
        let check = |micros, n_bytes, expected| {
            let expected = Duration::from_micros(expected);
            assert_eq!(wait(Duration::from_micros(micros), n_bytes), expected, "{micros} µs");
        };
        check(200, 4096, 150);
        check(8000, 8 << 20, 1000);
        check(3_600_000_000, 1 << 40, 2000);
        check(200, 0, 2000);
    }
}
