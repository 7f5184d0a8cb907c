//! The machine that the program runs on: its limits, CPU clocks, load and number of CPUs.

pub mod cpu;
pub mod limits;
