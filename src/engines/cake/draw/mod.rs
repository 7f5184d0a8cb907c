//! Charts as SVG text, for light and dark screens, with text that can be selected.

mod axes;
mod bars;
mod canvas;
mod crossover;
mod curves;
mod timeline;

pub use bars::{heat_map, shares};
pub use crossover::crossover;
pub use curves::{Ecdf, Scaling, Throughput, ecdf, makespan_by_icers, throughput_by_buffer};
pub use timeline::timeline;
