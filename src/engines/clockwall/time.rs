//! Times of day in the lines of servers, and the offset between two.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::Zoned;

use crate::text::printable::replace_controls;

const MINUTE: i32 = 60;
const HOUR: i32 = 60 * MINUTE;
const DAY: i32 = 24 * HOUR;
/// Number of characters shown of a line that contains no time.
const EXCERPT_MAX: usize = 40;

/// A time of day in hours, minutes and seconds, displayed as `HH:MM:SS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(i32);

/// How far a clock is ahead, at most half a day, displayed as `+HH:MM:SS` or `-HH:MM:SS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset(i32);

impl TimeOfDay {
    /// The time of day of `time` in its zone.
    pub(super) fn from_zoned(time: &Zoned) -> Self {
        let part = |n: i8| i32::from(n);
        TimeOfDay(part(time.hour()) * HOUR + part(time.minute()) * MINUTE + part(time.second()))
    }

    /// The first `HH:MM:SS` or `H:MM:SS` in a line, if there is one; on the twelve-hour clock if AM or
    /// PM follows it.
    pub(super) fn find(line: &[u8]) -> Option<Self> {
        let is_part = |byte: &u8| byte.is_ascii_digit() || *byte == b':';
        let mut rest = line;
        while let Some(start) = rest.iter().position(is_part) {
            let word = &rest[start..];
            let end = word.iter().position(|byte| !is_part(byte)).unwrap_or(word.len());
            rest = &word[end..];
            let time = match half_of_day(rest) {
                Some(half) => {
                    parse(&word[..end], 1..=12).map(|time| time.on_twelve_hour_clock(half))
                }
                None => parse(&word[..end], 0..=23),
            };
            if time.is_some() {
                return time;
            }
        }
        None
    }

    /// The time of day that a twelve-hour clock shows as `self` in a half of the day.
    fn on_twelve_hour_clock(self, half: Half) -> Self {
        let morning = self.0 % (DAY / 2);
        TimeOfDay(if half == Half::Pm { morning + DAY / 2 } else { morning })
    }

    /// How far `self` is ahead of `other`; negative if it is behind.
    pub(super) fn offset_to(self, other: TimeOfDay) -> Offset {
        let ahead = (self.0 - other.0).rem_euclid(DAY);
        Offset(if ahead > DAY / 2 { ahead - DAY } else { ahead })
    }
}

/// A half of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Am,
    Pm,
}

/// The half of the day that follows a time of the twelve-hour clock.
fn half_of_day(after_time: &[u8]) -> Option<Half> {
    let word = after_time.strip_prefix(b" ").unwrap_or(after_time);
    let half = word.get(..2)?;
    if word.get(2).is_some_and(u8::is_ascii_alphanumeric) {
        return None; // `Amsterdam`
    }
    let is = |name: &[u8]| half.eq_ignore_ascii_case(name);
    if is(b"AM") { Some(Half::Am) } else { is(b"PM").then_some(Half::Pm) }
}

/// Parses `HH:MM:SS` or `H:MM:SS`, with an hour among `hours`.
fn parse(word: &[u8], hours: RangeInclusive<i32>) -> Option<TimeOfDay> {
    let (h1, h2, minutes_seconds) = match word {
        [h1, h2, b':', rest @ ..] => (h1, h2, rest),
        [h2, b':', rest @ ..] => (&b'0', h2, rest),
        _ => return None,
    };
    let [m1, m2, b':', s1, s2] = minutes_seconds else { return None };
    let number = |tens: &u8, ones: &u8| {
        let digit = |byte: u8| char::from(byte).to_digit(10).and_then(|n| i32::try_from(n).ok());
        Some(digit(*tens)? * 10 + digit(*ones)?)
    };
    let hour = number(h1, h2).filter(|hour| hours.contains(hour))?;
    let minute = number(m1, m2).filter(|minute| *minute <= 59)?;
    let second = number(s1, s2).filter(|second| *second <= 60)?; // a leap second
    Some(TimeOfDay(hour * HOUR + minute * MINUTE + second))
}

/// The beginning of a line with control characters replaced, safe to show on a terminal.
pub(super) fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * EXCERPT_MAX)]).into_owned();
    replace_controls(&text, '\u{fffd}').take(EXCERPT_MAX).collect()
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}:{:02}", self.0 / HOUR, self.0 / MINUTE % 60, self.0 % 60)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{}", TimeOfDay(self.0.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_found_in_lines() {
        let check = |line: &str, time: &str| {
            let first = TimeOfDay::find(line.as_bytes()).map(|time| time.to_string());
            assert_eq!(first.unwrap_or_default(), time, "{line}");
        };
        check("15:04:05", "15:04:05");
        check("00:00:00", "00:00:00");
        check("2026-11-21T15:04:05+01:00", "15:04:05");
        check("it is 23:59:59, London", "23:59:59");
        check("24:00:00", "");
        check("12:60:00", "");
        check("1:02:03", "01:02:03");
        check("4:47:12 AM 11/28/2026", "04:47:12"); // Windows, in American English
        check("4:47:12 pm", "16:47:12");
        check("12:47:12PM", "12:47:12");
        check("12:47:12 AM", "00:47:12");
        check("13:00:00 PM", "");
        check("13:00:00 Amsterdam", "13:00:00");
        check("Saturday, November 28, 2026 04:47:12-UTC", "04:47:12"); // Cisco IOS
        check("Sat Nov 28 04:47:12 2026", "04:47:12"); // inetd
        check(":1:02:03", "");
        check("112:02:03", "");
        check("12:02:033", "");
        check("", "");
    }

    #[test]
    fn offsets_are_at_most_half_a_day() {
        let check = |time: &str, local: &str, offset: &str| {
            let [time, local] = [time, local].map(|text| TimeOfDay::find(text.as_bytes()).unwrap());
            assert_eq!(time.offset_to(local).to_string(), offset);
        };
        check("12:00:00", "12:00:00", "+00:00:00");
        check("12:00:00", "12:00:01", "-00:00:01");
        check("00:30:00", "23:30:00", "+01:00:00");
        check("23:30:00", "00:30:00", "-01:00:00");
        check("07:00:00", "12:00:00", "-05:00:00");
        check("12:00:00", "00:00:00", "+12:00:00");
    }

    #[test]
    fn an_excerpt_cannot_control_a_terminal() {
        assert_eq!(excerpt(b"\x1b[2Jboo\x07\xff"), "\u{fffd}[2Jboo\u{fffd}\u{fffd}");
        assert_eq!(excerpt(&[b'x'; 1_000]).len(), EXCERPT_MAX);
    }

    proptest! {
        #[test]
        fn any_line_gives_a_valid_time_and_a_printable_excerpt(
            line in "([0-6]{2}:[0-6]{2}:[0-6]{2}|[0-9:]|\\PC|[\x00-\x1f\x7f-\u{9f}]){0,20}",
        ) {
            let time = TimeOfDay::find(line.as_bytes());
            prop_assert!(time.is_none_or(|time| (0..=DAY).contains(&time.0)), "{time:?}");
            let excerpt = excerpt(line.as_bytes());
            prop_assert!(excerpt.chars().count() <= EXCERPT_MAX, "{excerpt:?}");
            prop_assert!(!excerpt.chars().any(char::is_control), "{excerpt:?}");
        }
    }
}
