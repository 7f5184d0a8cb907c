//! Text: Go's upper and lower case, Go's durations, and removing control characters from text.

pub mod go_case;
#[cfg(feature = "du")]
pub mod keys;
pub mod printable;
pub mod units;
