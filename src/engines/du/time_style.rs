//! How times are written, as GNU du writes them in the locale C.

use std::borrow::Cow;

use jiff::fmt::strtime::{BrokenDownTime, Config, PosixCustom};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use crate::fs::walk::Time;

/// A format of times, and the time zone that they are written in.
#[derive(Clone, Debug)]
pub struct TimeStyle {
    format: String,
    zone: TimeZone,
}

/// Names of styles and what they stand for.
const STYLES: [(&str, &str); 3] =
    [("full-iso", "%Y-%m-%d %H:%M:%S.%N %z"), ("long-iso", "%Y-%m-%d %H:%M"), ("iso", "%Y-%m-%d")];

impl TimeStyle {
    /// Parses the argument of GNU du's `--time-style`: `full-iso`, `long-iso`, `iso` or an
    /// abbreviation of one of them, or `+` and a format as for date(1).
    ///
    /// # Errors
    /// A message with the styles there are.
    pub fn parse(text: &str, zone: TimeZone) -> Result<Self, String> {
        let format = match text.strip_prefix('+') {
            Some(format) => without_modifiers(format),
            None => style(text).ok_or_else(|| {
                format!("{text:?} is not a time style: use full-iso, long-iso, iso or +FORMAT")
            })?,
        };
        Ok(TimeStyle { format, zone })
    }

    /// Parses the value of the variable `TIME_STYLE`, which ls also reads.
    ///
    /// # Errors
    /// Those of [`TimeStyle::parse`].
    pub fn from_variable(value: Option<&str>, zone: TimeZone) -> Result<Self, String> {
        match value.unwrap_or("locale") {
            "locale" => TimeStyle::parse("long-iso", zone),
            format if format.starts_with('+') => {
                TimeStyle::parse(format.split('\n').next().unwrap_or(format), zone)
            }
            name => TimeStyle::parse(name.trim_start_matches("posix-"), zone),
        }
    }

    /// Formats a time. One that the calendar does not reach is a number of seconds since 1970.
    pub(super) fn format(&self, time: Time) -> String {
        let nanos = i32::try_from(time.nanos).unwrap_or(0);
        let Ok(timestamp) = Timestamp::new(time.secs, nanos) else { return time.secs.to_string() };
        let config = Config::new().custom(PosixCustom::new()).lenient(true);
        let zoned = Zoned::new(timestamp, self.zone.clone());
        let format = self.format_before_1970(time);
        let text = BrokenDownTime::from(&zoned).to_string_with_config(&config, &*format);
        text.unwrap_or_else(|_| time.secs.to_string())
    }
}

impl TimeStyle {
    /// The format for this time: jiff rounds the seconds of `%s` towards 1970, GNU du down.
    fn format_before_1970(&self, time: Time) -> Cow<'_, str> {
        if time.secs >= 0 || time.nanos == 0 {
            return Cow::Borrowed(&self.format);
        }
        let parts = self.format.split("%%");
        let parts: Vec<String> = parts.map(|p| p.replace("%s", &time.secs.to_string())).collect();
        Cow::Owned(parts.join("%%"))
    }
}

/// The format of the only style whose name begins with `text`.
fn style(text: &str) -> Option<String> {
    let mut styles = STYLES.iter().filter(|(name, _)| name.starts_with(text));
    let (_, format) = styles.next().filter(|_| !text.is_empty())?;
    styles.next().is_none().then(|| (*format).to_owned())
}

/// The format without the modifiers `E` and `O`, which mean nothing in the locale C.
fn without_modifiers(format: &str) -> String {
    let (mut plain, mut rest) = (String::new(), format);
    while let Some((before, directive)) = rest.split_once('%') {
        let n_flags = directive.find(|c: char| !"_-0^#+:123456789".contains(c));
        let (flags, tail) = directive.split_at(n_flags.unwrap_or(directive.len()));
        let conversion = tail.strip_prefix(['E', 'O']).filter(|tail| tail.starts_with(is_letter));
        let tail = conversion.unwrap_or(tail);
        let n_bytes = tail.chars().next().map_or(0, char::len_utf8);
        plain.extend([before, "%", flags, &tail[..n_bytes]]);
        rest = &tail[n_bytes..];
    }
    plain + rest
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_those_of_gnu_du() {
        let check = |style: &str, expected: &str| {
            let style = TimeStyle::parse(style, TimeZone::UTC).unwrap();
            let time = Time { secs: 1_000_000_000, nanos: 5_000_000 };
            assert_eq!(style.format(time), expected, "{style:?}");
        };
        check("full-iso", "2001-09-09 01:46:40.005000000 +0000");
        check("long", "2001-09-09 01:46");
        check("i", "2001-09-09");
        check("+%s|%a %b %e", "1000000000|Sun Sep  9");
        check("+%Ey %Od%%%E%", "01 09%%E%");
        for text in ["", "x", "isoo", "locale"] {
            assert!(TimeStyle::parse(text, TimeZone::UTC).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_beyond_the_calendar_is_a_number() {
        let style = TimeStyle::parse("iso", TimeZone::UTC).unwrap();
        assert_eq!(style.format(Time { secs: i64::MAX, nanos: 0 }), i64::MAX.to_string());
        assert_eq!(style.format(Time { secs: -1, nanos: 0 }), "1969-12-31");
        let style = TimeStyle::parse("+%s.%N%%s", TimeZone::UTC).unwrap();
        assert_eq!(style.format(Time { secs: -2, nanos: 5 }), "-2.000000005%s");
    }
}
