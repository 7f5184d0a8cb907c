//! The machine the program runs on: its limits, its CPU clocks and its load.

pub mod cpu;
pub mod limits;
