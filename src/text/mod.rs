//! Text: Go's upper and lower case, Go's durations, and removing control characters from text.

pub mod go_case;
pub mod printable;
pub mod units;
