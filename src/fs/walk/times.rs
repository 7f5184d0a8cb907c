//! Times of files.

/// A point in time, before or after 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    /// Seconds since 1970, rounded down.
    pub secs: i64,
    /// Nanoseconds after that, fewer than 10^9.
    pub nanos: u32,
}

impl Time {
    /// The beginning of 1970.
    pub const EPOCH: Time = Time { secs: 0, nanos: 0 };
}

impl Default for Time {
    /// The earliest time, which every file's time is after.
    fn default() -> Self {
        Time { secs: i64::MIN, nanos: 0 }
    }
}

/// The times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the contents were last changed.
    pub modified: Time,
    /// When the contents were last read, as far as the file system notes it.
    pub accessed: Time,
    /// When contents or metadata were last changed.
    pub changed: Time,
}
