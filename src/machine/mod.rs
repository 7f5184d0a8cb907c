//! The machine that the program runs on: its limits, CPU clocks, load and number of CPUs, the user's locale.

pub mod cpu;
pub mod limits;
pub mod locale;
