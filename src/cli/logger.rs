//! The log on stderr: messages from a chosen level on, and notices always.

use std::sync::OnceLock;

use log::{Level, LevelFilter, Log, Metadata, Record};

#[cfg(feature = "time")]
use super::stdio::LineStart;
use super::stdio::{are_lines_started, warn, warn_from, write_stderr};
use crate::net::NOTICE;

/// The priority of information (syslog(3)).
const INFO: u8 = 6;

static LEVEL: OnceLock<LevelFilter> = OnceLock::new();

struct StderrLog;

/// Writes messages of `level` and above to stderr from now on; the first call counts.
pub(super) fn start(level: LevelFilter) {
    if log::set_logger(&StderrLog).is_ok() {
        log::set_max_level(level.max(LevelFilter::Info)); // for the notices
        LEVEL.get_or_init(|| level);
    }
}

/// Starts every line on stderr with the time from now on, and with a priority instead where stderr
/// is the journal of systemd, which has time and program of its own. A server calls it when it
/// listens: what it says before is for the user at the terminal.
#[cfg(feature = "time")]
pub fn stamp_lines() {
    super::stdio::start_lines(if is_journal() { LineStart::Priority } else { LineStart::Time });
}

/// Whether stderr is the stream that `JOURNAL_STREAM` names by device and inode (systemd.exec(5)).
#[cfg(feature = "time")]
fn is_journal() -> bool {
    let stderr = rustix::fs::fstat(rustix::stdio::stderr());
    let name = stderr.map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
    name.is_ok_and(|name| std::env::var("JOURNAL_STREAM").is_ok_and(|stream| stream == name))
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
            _ if record.target() == NOTICE && are_lines_started() => warn_from(record.args(), INFO),
            _ if record.target() == NOTICE => write_stderr(&format!("{}\n", record.args())),
            Level::Error => warn_from(record.args(), 3),
            Level::Warn => warn(record.args()),
            level => {
                let priority = if level == Level::Info { INFO } else { 7 };
                let name = level.as_str().to_lowercase();
                warn_from(&format!("{name}: {}", record.args()), priority);
            }
        }
    }

    fn flush(&self) {}
}
