//! The machine that the program runs on: its limits, CPU clocks, load, number and choice of
//! CPUs, the user's locale, short sleeps.

pub mod affinity;
pub mod cpu;
pub mod limits;
pub mod locale;
pub mod sleep;
