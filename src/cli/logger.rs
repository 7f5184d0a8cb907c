//! The log on stderr: messages from a chosen level on, and notices always.

use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::stdio::{warn, write_stderr};
use crate::net::NOTICE;

static LEVEL: OnceLock<LevelFilter> = OnceLock::new();

struct StderrLog;

/// Writes messages of `level` and above to stderr from now on; the first call counts.
pub(super) fn start(level: LevelFilter) {
    if log::set_logger(&StderrLog).is_ok() {
        log::set_max_level(level.max(LevelFilter::Info)); // for the notices
        LEVEL.get_or_init(|| level);
    }
}

impl Log for StderrLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_wanted = LEVEL.get().is_some_and(|&level| metadata.level() <= level);
        let is_ours = metadata.target().starts_with(env!("CARGO_PKG_NAME"));
        metadata.target() == NOTICE || (is_wanted && is_ours)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        match record.level() {
            _ if record.target() == NOTICE => {
                write_stderr(&format!("{}\n", record.args()));
            }
            Level::Error | Level::Warn => warn(record.args()),
            level => warn(&format!("{}: {}", level.as_str().to_lowercase(), record.args())),
        }
    }

    fn flush(&self) {}
}
