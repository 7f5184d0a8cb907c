//! Why a picture or a plot cannot be drawn.

use std::{fmt, io};

use super::limits::{ITERATIONS_MAX, PIXELS_MAX, SIDE_MAX};

/// Why a picture or a plot cannot be drawn.
#[derive(Debug)]
pub enum Error {
    /// Width or height is 0 or too large, or the picture has too many pixels.
    Size(usize, usize),
    /// The region is empty, reversed or not finite.
    Region,
    /// The number of iterations is 0 or too large.
    Iterations(u32),
    /// The number of threads is 0.
    NoThreads,
    /// The system does not grant the threads of a sweep.
    Threads(io::Error),
    /// The plot cannot be drawn.
    Plot(String),
}

impl Error {
    /// Whether the request is invalid, so that it would fail on every machine.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Error::Threads(_) | Error::Plot(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Size(width, height) => write!(
                f,
                "size {width}x{height}: use 1 to {SIDE_MAX} pixels a side, {PIXELS_MAX} in total"
            ),
            Error::Region => f.write_str("region: use finite XMIN,YMIN,XMAX,YMAX in rising order"),
            Error::Iterations(n) => write!(f, "iterations {n}: use 1 to {ITERATIONS_MAX}"),
            Error::NoThreads => f.write_str("threads 0: use at least 1"),
            Error::Threads(cause) => write!(f, "threads: {cause}"),
            Error::Plot(cause) => write!(f, "plot: {cause}"),
        }
    }
}

impl std::error::Error for Error {}
