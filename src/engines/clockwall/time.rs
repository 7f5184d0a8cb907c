//! Times of day in what servers say, and how far apart two are.

use crate::text::printable::replace_controls;
use std::fmt;

use jiff::Zoned;

const MINUTE: i32 = 60;
const HOUR: i32 = 60 * MINUTE;
const DAY: i32 = 24 * HOUR;
/// What is shown of a line that is no time.
const SHOWN: usize = 40;

/// Hours, minutes and seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(i32);

/// How far ahead a clock is, at most half a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset(i32);

impl TimeOfDay {
    pub(super) fn of(time: &Zoned) -> Self {
        let part = |n: i8| i32::from(n);
        TimeOfDay(part(time.hour()) * HOUR + part(time.minute()) * MINUTE + part(time.second()))
    }

    /// The first `HH:MM:SS` in a line.
    pub(super) fn find(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|byte| !byte.is_ascii_digit() && *byte != b':');
        words.find_map(parse)
    }

    /// How far it is ahead of `other`, or behind.
    pub(super) fn offset_to(self, other: TimeOfDay) -> Offset {
        let ahead = (self.0 - other.0).rem_euclid(DAY);
        Offset(if ahead > DAY / 2 { ahead - DAY } else { ahead })
    }
}

fn parse(word: &[u8]) -> Option<TimeOfDay> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = word else { return None };
    let number = |tens: u8, ones: u8, most: i32| {
        let digit = |byte: u8| char::from(byte).to_digit(10).and_then(|n| i32::try_from(n).ok());
        Some(digit(tens)? * 10 + digit(ones)?).filter(|n| *n <= most)
    };
    let (hour, minute) = (number(*h1, *h2, 23)?, number(*m1, *m2, 59)?);
    Some(TimeOfDay(hour * HOUR + minute * MINUTE + number(*s1, *s2, 60)?))
}

/// A piece of a line, fit for a terminal.
pub(super) fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(4 * SHOWN)]).into_owned();
    replace_controls(&text, '\u{fffd}').take(SHOWN).collect()
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
            let found = TimeOfDay::find(line.as_bytes()).map(|time| time.to_string());
            assert_eq!(found.unwrap_or_default(), time, "{line}");
        };
        check("15:04:05", "15:04:05");
        check("00:00:00", "00:00:00");
        check("2026-11-21T15:04:05+01:00", "15:04:05");
        check("it is 23:59:59, London", "23:59:59");
        check("24:00:00", "");
        check("12:60:00", "");
        check("1:02:03", "");
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
    fn what_is_shown_cannot_drive_a_terminal() {
        assert_eq!(shown(b"\x1b[2Jboo\x07\xff"), "\u{fffd}[2Jboo\u{fffd}\u{fffd}");
        assert_eq!(shown(&[b'x'; 1_000]).len(), SHOWN);
    }

    proptest! {
        #[test]
        fn any_line_is_answered(line in prop::collection::vec(any::<u8>(), 0..40)) {
            _ = (TimeOfDay::find(&line), shown(&line));
        }
    }
}
