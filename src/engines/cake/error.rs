//! Why a shop cannot be run, or a run ended early.

use std::fmt;
use std::time::Duration;

use super::distribution::Distribution;
use super::limits::{BUFFER_MAX, CAKES_MAX, COOKS_MAX};

/// Why a shop cannot be run, or a run ended early.
#[derive(Debug)]
pub enum Error {
    /// The number of cakes is zero or too large.
    Cakes(u64),
    /// The shop has no stages.
    NoStages,
    /// The named stage has no cooks, or too many.
    Cooks(&'static str, usize),
    /// The buffer after the named stage is too large.
    Buffer(&'static str, usize),
    /// The time or standard deviation of the named stage is too long.
    Time(&'static str, Duration),
    /// The named stage has a standard deviation, but its distribution takes none.
    StdDev(&'static str, Distribution),
    /// The work of all cakes together takes too long.
    Total(Duration),
    /// The named stage has several cooks, and the recurrence is for one cook per stage.
    OneCookOnly(&'static str, usize),
    /// Events were asked for, and the recurrence has none.
    NoEvents,
    /// Threads needed, and how many this process may start.
    Threads(usize, usize),
    /// The operating system refused to start a thread.
    Spawn(std::io::Error),
    /// Cakes of the run, and how many a timeline can show.
    Timeline(u64, u64),
    /// A chart could not be drawn; the text is the cause.
    Draw(String),
    /// The receiver of the events was dropped before the end of the run.
    Cancelled,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Cakes(n) => write!(f, "{n} cakes: must be 1 to {CAKES_MAX}"),
            Error::NoStages => write!(f, "a shop needs at least one stage"),
            Error::Cooks(stage, n) => write!(f, "{stage}: {n} cooks: must be 1 to {COOKS_MAX}"),
            Error::Buffer(stage, n) => write!(f, "{stage}: a buffer of {n}: at most {BUFFER_MAX}"),
            Error::Time(stage, t) => write!(f, "{stage}: {t:?} per cake: at most one hour"),
            Error::StdDev(stage, Distribution::Fixed) => {
                write!(f, "{stage}: fixed times have no standard deviation")
            }
            Error::StdDev(stage, _) => {
                write!(f, "{stage}: the standard deviation of exponential times is their mean")
            }
            Error::Total(t) => {
                write!(f, "{} days of work: at most three years", t.as_secs() / 86_400)
            }
            Error::OneCookOnly(stage, n) => {
                write!(f, "{stage}: {n} cooks: the recurrence supports one cook per stage")
            }
            Error::NoEvents => write!(f, "the recurrence produces no events to print"),
            Error::Threads(n, max) => {
                write!(f, "{n} cooks: this process may start {max} threads")
            }
            Error::Spawn(err) => write!(f, "start a cook: {err}"),
            Error::Timeline(n, max) => write!(f, "{n} cakes: a timeline shows at most {max}"),
            Error::Draw(cause) => write!(f, "draw a chart: {cause}"),
            Error::Cancelled => write!(f, "the run was cancelled"),
        }
    }
}

impl std::error::Error for Error {}

impl Error {
    /// Whether the request itself was wrong: the shop was refused before anything ran.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Error::Threads(..) | Error::Spawn(_) | Error::Draw(_) | Error::Cancelled)
    }
}
