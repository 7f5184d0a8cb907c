//! Text: Go's upper and lower case, durations and sizes, foreign text made safe to show.

pub mod go_case;
pub mod printable;
pub mod units;
