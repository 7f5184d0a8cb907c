//! Values of flags and arguments.

use std::ffi::OsString;
use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use jiff::civil::DateTime;
use jiff::{Span, Timestamp, Zoned};
use threadbare::cli;
use threadbare::engines::du::{self, FileKind, Time, TimeKind};

/// A wrong value that clap has not seen.
#[derive(Debug)]
pub(crate) struct UsageError(pub(crate) String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// Parses GNU du's words for times, or the beginning of one.
pub(crate) fn time_kind(text: &str) -> Result<TimeKind, &'static str> {
    let begins = |words: &[&str]| !text.is_empty() && words.iter().any(|w| w.starts_with(text));
    match () {
        () if text == "mtime" => Ok(TimeKind::Modified), // --time without a word
        () if begins(&["atime", "access", "use"]) => Ok(TimeKind::Accessed),
        () if begins(&["ctime", "status"]) => Ok(TimeKind::Changed),
        () => Err("use atime, access, use, ctime or status"),
    }
}

/// Parses letters of kinds of files, as find's `-type` has them.
pub(crate) fn kinds(letters: &str) -> Result<Vec<FileKind>, &'static str> {
    let kind = |letter| {
        Some(match letter {
            'f' => FileKind::Regular,
            'd' => FileKind::Dir,
            'l' => FileKind::Symlink,
            'p' => FileKind::Fifo,
            's' => FileKind::Socket,
            'b' => FileKind::BlockDevice,
            'c' => FileKind::CharDevice,
            _ => return None,
        })
    };
    let kinds = letters.chars().map(kind).collect::<Option<Vec<FileKind>>>();
    kinds.filter(|kinds| !kinds.is_empty()).ok_or("use the letters f, d, l, p, s, b and c")
}

pub(crate) fn size_min(text: &str) -> Result<u64, String> {
    let size = du::parse_threshold(text)?;
    u64::try_from(size).map_err(|_| format!("{text} is not a minimum size"))
}

/// Parses a date or time, local unless it has an offset, or an age.
pub(crate) fn date_or_age(text: &str) -> Result<Time, String> {
    let zone = cli::time_zone().map_err(|err| format!("{err:#}"))?;
    let date = text.parse::<DateTime>().ok().and_then(|date| date.to_zoned(zone).ok());
    let age = || {
        let age = text.parse::<Span>().ok().filter(|age| age.is_positive())?;
        Zoned::now().checked_sub(age).ok()
    };
    let timestamp = text.parse::<Timestamp>().ok();
    let timestamp = timestamp.or_else(|| date.or_else(age).map(|zoned| zoned.timestamp()));
    let Some(timestamp) = timestamp else {
        return Err("use a date such as 2026-01-31, a time or an age such as 7d".to_owned());
    };
    let nanos = timestamp.as_nanosecond();
    let secs = i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or(i64::MAX);
    Ok(Time { secs, nanos: u32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or(0) })
}

/// The path with one slash at its end for several, as GNU du prints it; POSIX may give `//` a meaning
/// of its own.
pub(crate) fn without_extra_slashes(path: PathBuf) -> PathBuf {
    let mut bytes = path.into_os_string().into_vec();
    if bytes.len() > 2 {
        while bytes.ends_with(b"//") {
            bytes.pop();
        }
    }
    OsString::from_vec(bytes).into()
}
