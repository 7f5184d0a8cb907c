//! Text: Go's upper and lower case, durations and sizes.

pub mod go_case;
pub mod units;
