//! What a line looks like.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

/// The longest line, in bytes: a kernel takes it whole or the client does not read.
const LINE_MAX: usize = 1 << 10;

/// A pattern that strftime knows.
#[derive(Clone, Debug)]
pub struct Format(String);

/// A format, in a time zone.
#[derive(Clone, Debug)]
pub struct Face {
    zone: TimeZone,
    format: Format,
}

impl Format {
    /// A pattern as in strftime(3): `%H:%M:%S`.
    ///
    /// # Errors
    /// Says why lines cannot be made of it.
    pub fn new(pattern: &str) -> Result<Self, String> {
        if !pattern.contains('%') {
            return Err("it shows no time: it is written as for strftime, %H:%M:%S".to_owned());
        }
        let epoch = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let line = strtime::format(pattern, &epoch).map_err(|err| err.to_string())?;
        if line.len() > LINE_MAX {
            return Err(format!("a line of {} bytes; {LINE_MAX} are the most", line.len()));
        }
        Ok(Format(pattern.to_owned()))
    }
}

impl Face {
    /// Shows the time of `zone`.
    pub fn new(zone: TimeZone, format: Format) -> Self {
        Face { zone, format }
    }

    fn line(&self, second: i64) -> Vec<u8> {
        let time = Timestamp::from_second(second).unwrap_or_default().to_zoned(self.zone.clone());
        let text = strtime::format(&self.format.0, &time).unwrap_or_default();
        [text.as_bytes(), b"\n"].concat()
    }
}

/// Remembers the last line, which most clients get too.
pub(super) struct Printer<'a> {
    face: &'a Face,
    second: Option<i64>,
    line: Vec<u8>,
}

impl<'a> Printer<'a> {
    pub(super) fn new(face: &'a Face) -> Self {
        Printer { face, second: None, line: Vec::new() }
    }

    /// The line that shows this second since 1970.
    pub(super) fn line(&mut self, second: i64) -> &[u8] {
        if self.second != Some(second) {
            self.line = self.face.line(second);
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
    fn lines_are_of_the_zone_and_the_format() {
        let line = |zone: &str, format: &str, second: i64| {
            let face = Face::new(TimeZone::get(zone).unwrap(), Format::new(format).unwrap());
            String::from_utf8(face.line(second)).unwrap()
        };
        assert_eq!(line("UTC", "%H:%M:%S", 0), "00:00:00\n");
        assert_eq!(line("Asia/Tokyo", "%H:%M:%S", 86_399), "08:59:59\n");
        assert_eq!(
            line("America/New_York", "%FT%T%:z", 1_700_000_000),
            "2023-11-14T17:13:20-05:00\n"
        );
        // The night the clocks go forward: 01:59:59 and then 03:00:00.
        assert_eq!(line("Europe/London", "%T %Z", 1_711_846_799), "00:59:59 GMT\n");
        assert_eq!(line("Europe/London", "%T %Z", 1_711_846_800), "02:00:00 BST\n");
    }

    #[test]
    fn formats_that_show_nothing_or_too_much_are_refused() {
        let long = "%A".repeat(1_000);
        for format in ["", "15:04:05", "%", "%!", "%H:%", &long] {
            assert!(Format::new(format).is_err(), "{format}");
        }
    }

    proptest! {
        #[test]
        fn any_format_is_answered(pattern in "(%[-_0^#]?[0-9]{0,3}[a-zA-Z:.]|[^%]){0,8}") {
            if let Ok(format) = Format::new(&pattern) {
                let line = Face::new(TimeZone::UTC, format).line(1_700_000_000);
                prop_assert!(line.ends_with(b"\n"));
            }
        }
    }
}
