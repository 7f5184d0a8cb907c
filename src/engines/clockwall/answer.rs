//! What a server sends over one connection: lines, or the 32 bits of RFC 868.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::event::EventKind;
use super::time::{TimeOfDay, excerpt};
use crate::net::{InputLine, LineSplitter};

/// The most bytes in which some servers send the 32 bits: those of a `long`.
const BINARY_MAX: usize = 8;
/// Seconds from 1900, where RFC 868 begins to count, to 1970.
const SECONDS_TO_1970: i64 = 2_208_988_800;
/// The 32 bits start again at 0 after 2036-02-07; smaller values than that of 1968 are of the next
/// era.
const FIRST_OF_1968: u64 = 1 << 31;

/// The input of one connection, as it arrives.
pub(super) struct Answer<'a> {
    zone: &'a TimeZone,
    lines: LineSplitter,
    /// Bytes that may be a binary time or the beginning of a line.
    held: Vec<u8>,
    is_text: bool,
    n_lines: usize,
    /// The beginning of the last line.
    last_line: String,
}

impl<'a> Answer<'a> {
    pub(super) fn new(zone: &'a TimeZone) -> Self {
        let (lines, held, last_line) = (LineSplitter::default(), Vec::new(), String::new());
        Answer { zone, lines, held, is_text: false, n_lines: 0, last_line }
    }

    /// Takes bytes that have arrived. Returns the event for the lines that end in them: the last time,
    /// or else the last line.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Option<EventKind> {
        if self.is_text {
            return self.split(bytes);
        }
        self.held.extend_from_slice(bytes);
        if self.held.len() <= BINARY_MAX && !is_ascii_text(&self.held) {
            return None;
        }
        self.is_text = true;
        let held = std::mem::take(&mut self.held);
        self.split(&held)
    }

    /// Returns the event for what came last without a newline.
    pub(super) fn finish(&mut self) -> Option<EventKind> {
        let binary = binary_time(&self.held).and_then(|time| Timestamp::from_second(time).ok());
        if let Some(time) = binary {
            self.n_lines = 1;
            let time = time.to_zoned(self.zone.clone());
            self.last_line = time.strftime("%F %T").to_string();
            return Some(self.time_event(TimeOfDay::from_zoned(&time)));
        }
        let held = std::mem::take(&mut self.held);
        let event = self.split(&held);
        let partial = std::mem::take(&mut self.lines).finish();
        partial.and_then(|line| self.line_event(&line)).or(event)
    }

    /// The only line that came, if there was just one.
    pub(super) fn only_line(self) -> Option<String> {
        (self.n_lines == 1).then_some(self.last_line)
    }

    fn split(&mut self, mut bytes: &[u8]) -> Option<EventKind> {
        let (mut time, mut other) = (None, None);
        while let Some(line) = self.lines.cut(&mut bytes) {
            match self.line_event(&line) {
                Some(event @ EventKind::Time(..)) => time = Some(event),
                event => other = event.or(other),
            }
        }
        time.or(other)
    }

    /// The event for one line; an empty one, as servers of NIST send it before the time, is none.
    fn line_event(&mut self, line: &InputLine<'_>) -> Option<EventKind> {
        let InputLine::Line(text) = line else {
            self.n_lines += 1;
            return Some(EventKind::NoTime("a line without end".to_owned()));
        };
        if text.trim_ascii().is_empty() {
            return None;
        }
        self.n_lines += 1;
        self.last_line = excerpt(text);
        Some(match TimeOfDay::find(text) {
            Some(time) => self.time_event(time),
            None => EventKind::NoTime(self.last_line.clone()),
        })
    }

    fn time_event(&self, time: TimeOfDay) -> EventKind {
        let local: Zoned = Timestamp::now().to_zoned(self.zone.clone());
        EventKind::Time(time, time.offset_to(TimeOfDay::from_zoned(&local)))
    }
}

/// The time in the 32 bits that RFC 868 defines, in seconds since 1970, unless `bytes` are text or
/// something else.
///
/// Some servers send eight bytes: the 32 bits and four zeros, or the other way round, or 64 bits.
fn binary_time(bytes: &[u8]) -> Option<i64> {
    let is_line = bytes.ends_with(b"\n") && std::str::from_utf8(bytes).is_ok();
    if is_ascii_text(bytes) || is_line {
        return None;
    }
    let seconds = match *bytes {
        [a, b, c, d] | [a, b, c, d, 0, 0, 0, 0] => u64::from(u32::from_be_bytes([a, b, c, d])),
        [0, 0, 0, _, ..] if bytes.len() == BINARY_MAX => {
            u64::from_be_bytes(bytes.try_into().expect("eight bytes"))
        }
        _ => return None,
    };
    let seconds = if seconds < FIRST_OF_1968 { seconds + (1 << 32) } else { seconds };
    i64::try_from(seconds).ok().map(|seconds| seconds - SECONDS_TO_1970)
}

fn is_ascii_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_bits_are_a_time_in_four_or_eight_bytes() {
        // RFC 868: 2,208,988,800 is 1970-01-01 and 2,629,584,000 is 1983-05-01; 4,004,812,800 is
        // 2026-11-28.
        let check = |bytes: &[u8], seconds: Option<i64>| {
            assert_eq!(binary_time(bytes), seconds, "{bytes:?}");
        };
        check(&2_208_988_800u32.to_be_bytes(), Some(0));
        check(&2_629_584_000u32.to_be_bytes(), Some(420_595_200));
        let now = 4_004_812_800u32.to_be_bytes();
        check(&now, Some(1_795_824_000));
        check(&[now, [0; 4]].concat(), Some(1_795_824_000));
        check(&[[0; 4], now].concat(), Some(1_795_824_000));
        check(&[0; 4], Some(2_085_978_496)); // 2036-02-07 06:28:16
        check(&[now, now].concat(), None);
        check(&now[..3], None);
        check(b"boo\n", None);
        check(b"12:00:00", None);
        check("\u{6642}\n".as_bytes(), None);
        check(b"", None);
    }

    fn events(pieces: &[&[u8]]) -> (Vec<EventKind>, Option<String>) {
        let zone = TimeZone::UTC;
        let mut answer = Answer::new(&zone);
        let mut events: Vec<_> = pieces.iter().filter_map(|bytes| answer.receive(bytes)).collect();
        events.extend(answer.finish());
        (events, answer.only_line())
    }

    #[test]
    fn an_answer_may_come_in_any_pieces_and_without_a_newline() {
        let check = |pieces: &[&[u8]], time: &str, line: Option<&str>| {
            let (events, only) = events(pieces);
            let times = events.iter().map(|event| match event {
                EventKind::Time(time, _) => time.to_string(),
                other => format!("{other:?}"),
            });
            assert_eq!(times.collect::<Vec<_>>(), [time], "{pieces:?}");
            assert_eq!(only.as_deref(), line, "{pieces:?}");
        };
        let binary = 4_004_812_862u32.to_be_bytes();
        let shown = Some("2026-11-28 00:01:02");
        check(&[&binary], "00:01:02", shown);
        check(&[&binary[..1], &binary[1..], &[0; 4]], "00:01:02", shown);
        check(&[b"12:00", b":00"], "12:00:00", Some("12:00:00"));
        let nist = "61007 26-11-28 04:47:12 00 0 0 500.0 UTC(NIST) *";
        let line = format!("\n{nist}\n");
        check(&[line.as_bytes()], "04:47:12", Some(&nist[..40]));
        check(&["\u{6642} 1:02:03\n".as_bytes()], "01:02:03", Some("\u{6642} 1:02:03"));
        check(&[b"1:00:00\n2:00:00\n"], "02:00:00", None);
        check(&["\u{6642}".as_bytes()], "NoTime(\"\u{6642}\")", Some("\u{6642}"));
    }
}
