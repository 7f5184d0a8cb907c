//! How a clock's lines show the time.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// The longest line, in bytes: short enough for a socket buffer, so that a line which does not fit
/// means that the client does not read.
const LINE_MAX: usize = 1 << 10;

/// A pattern in the syntax of strftime(3) that makes lines of at most 1 KiB.
#[derive(Clone, Debug)]
pub struct Pattern(String);

/// Formats times by a pattern, in a time zone.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    zone: TimeZone,
    pattern: Pattern,
}

impl Pattern {
    /// Checks a pattern such as `%H:%M:%S` and returns it.
    ///
    /// # Errors
    /// When the pattern shows no time, has an unknown conversion, or makes lines that are too long.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if !pattern.contains('%') {
            return Err("the format shows no time; an example is %H:%M:%S".to_owned());
        }
        let epoch = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let line = strtime::format(pattern, &epoch).map_err(|err| err.to_string())?;
        if line.len() > LINE_MAX {
            return Err(format!(
                "a line would have {} bytes; the maximum is {LINE_MAX}",
                line.len()
            ));
        }
        Ok(Pattern(pattern.to_owned()))
    }
}

impl TimeFormat {
    /// A format that shows the time in `zone` by `pattern`.
    pub fn new(zone: TimeZone, pattern: Pattern) -> Self {
        TimeFormat { zone, pattern }
    }

    /// The line for a time in seconds since 1970.
    fn line(&self, second: i64) -> Vec<u8> {
        let time = Timestamp::from_second(second).unwrap_or_default().to_zoned(self.zone.clone());
        let text = strtime::format(&self.pattern.0, &time).unwrap_or_default();
        [text.as_bytes(), b"\n"].concat()
    }
}

/// Formats lines and keeps the last one, because many clients get the same line.
pub(super) struct LineCache<'a> {
    format: &'a TimeFormat,
    second: Option<i64>,
    line: Vec<u8>,
}

impl<'a> LineCache<'a> {
    pub(super) fn new(format: &'a TimeFormat) -> Self {
        LineCache { format, second: None, line: Vec::new() }
    }

    /// The line for a time in seconds since 1970.
    pub(super) fn line(&mut self, second: i64) -> &[u8] {
        if self.second != Some(second) {
            self.line = self.format.line(second);
            self.second = Some(second);
        }
        &self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_show_the_time_of_the_zone_in_the_pattern() {
        let line = |zone: &str, pattern: &str, second: i64| {
            let pattern = Pattern::new(pattern).unwrap();
            let format = TimeFormat::new(TimeZone::get(zone).unwrap(), pattern);
            String::from_utf8(format.line(second)).unwrap()
        };
        assert_eq!(line("UTC", "%H:%M:%S", 0), "00:00:00\n");
        assert_eq!(line("Asia/Tokyo", "%H:%M:%S", 86_399), "08:59:59\n");
        assert_eq!(
            line("America/New_York", "%FT%T%:z", 1_700_000_000),
            "2023-11-14T17:13:20-05:00\n"
        );
        // Summer time begins: 00:59:59 is followed by 02:00:00.
        assert_eq!(line("Europe/London", "%T %Z", 1_711_846_799), "00:59:59 GMT\n");
        assert_eq!(line("Europe/London", "%T %Z", 1_711_846_800), "02:00:00 BST\n");
    }

    #[test]
    fn patterns_that_show_no_time_or_are_too_long_are_refused() {
        let long = "%A".repeat(1_000);
        for pattern in ["", "15:04:05", "%", "%!", "%H:%", &long] {
            assert!(Pattern::new(pattern).is_err(), "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn an_accepted_pattern_makes_lines(pattern in "(%[-_0^#]?[0-9]{0,3}[a-zA-Z:.]|[^%]){0,8}") {
            if let Ok(pattern) = Pattern::new(&pattern) {
                let line = TimeFormat::new(TimeZone::UTC, pattern).line(1_700_000_000);
                prop_assert!(line.ends_with(b"\n") && line.len() <= 2 * LINE_MAX);
            }
        }
    }
}
