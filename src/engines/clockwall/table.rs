//! The state of every clock, as a table for a terminal.

use std::time::{Duration, Instant};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::event::{Event, EventKind};
use super::source::Source;
use super::time::{Offset, TimeOfDay};
use crate::text::printable::replace_controls;

/// A time that is older is stale, because a clock sends one per second.
const STALE_AFTER: Duration = Duration::from_millis(2_500);
/// Maximum width of a name, in columns.
const NAME_MAX: usize = 24;
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// A table with one row per clock.
#[derive(Debug)]
pub struct ClockTable {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    /// The last time that the server sent, its offset, and when it arrived.
    last: Option<(TimeOfDay, Offset, Instant)>,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Connecting,
    /// When the connection was established or the last time arrived.
    Connected(Instant),
    /// The beginning of a line in which no time was found.
    NoTime(String),
    /// The only line that the server sent before it closed, and when the next attempt begins.
    Served(String, Instant),
    /// The reason, and when the next attempt begins.
    Lost(String, Instant),
}

impl ClockTable {
    /// A table in which every clock is being connected to.
    pub fn new(sources: &[Source]) -> Self {
        let row = |source: &Source| {
            let name: String = replace_controls(source.name(), '\u{fffd}').collect();
            Row { name: cut(&name, NAME_MAX), last: None, state: State::Connecting }
        };
        ClockTable { rows: sources.iter().map(row).collect() }
    }

    /// Updates the row of the clock that `event`, observed at `now`, is about.
    pub fn apply(&mut self, event: Event, now: Instant) {
        let Some(row) = self.rows.get_mut(event.index) else { return };
        row.state = match event.kind {
            EventKind::Connecting | EventKind::Connected if row.is_served() => return, // keeps the line
            EventKind::Connecting if matches!(row.state, State::Lost(..)) => return, // keeps the reason
            EventKind::Connecting => State::Connecting,
            EventKind::Connected => State::Connected(now),
            EventKind::Time(time, offset) => {
                row.last = Some((time, offset, now));
                State::Connected(now)
            }
            EventKind::Served(line, pause) => State::Served(line, now + pause),
            EventKind::NoTime(text) => State::NoTime(text),
            EventKind::Lost(reason, pause) => {
                let reason = reason.split(" (os error").next().unwrap_or_default(); // a row is short
                State::Lost(reason.to_owned(), now + pause)
            }
        };
    }

    /// The lines of the table for a terminal of `width` columns and `height` rows.
    ///
    /// Lines are cut to the width, and stale ones are dim. Clocks that do not fit are counted in the
    /// last line.
    pub fn draw(&self, now: Instant, width: usize, height: usize) -> Vec<String> {
        let n_name = self.rows.iter().map(|row| row.name.width()).max().unwrap_or(0).max(5);
        let head = format!("{:n_name$}  time      offset     age   state", "clock");
        let mut lines = vec![cut(&head, width)];
        let room = height.saturating_sub(2).max(1); // the heading, and the cursor's line
        let fits = self.rows.len() <= room;
        let shown = if fits { self.rows.len() } else { room - 1 };
        for row in &self.rows[..shown] {
            let text = cut(&row.text(now, n_name), width);
            lines.push(if row.is_stale(now) { format!("{DIM}{text}{PLAIN}") } else { text });
        }
        if !fits {
            lines.push(cut(&format!("and {} more", self.rows.len() - shown), width));
        }
        lines
    }
}

impl Row {
    /// Whether the server sent one line and closed, and may be about to do so again.
    fn is_served(&self) -> bool {
        matches!(self.state, State::Served(..))
    }

    fn is_stale(&self, now: Instant) -> bool {
        self.last.is_none_or(|(.., at)| now.saturating_duration_since(at) >= STALE_AFTER)
    }

    fn text(&self, now: Instant, n_name: usize) -> String {
        let (time, offset, age) = match &self.last {
            Some((time, offset, at)) => {
                (time.to_string(), offset.to_string(), age(now.saturating_duration_since(*at)))
            }
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        let (name, state) = (&self.name, self.state(now));
        let padding = " ".repeat(n_name.saturating_sub(name.width()));
        format!("{name}{padding}  {time:8}  {offset:9}  {age:4}  {state}")
    }

    fn state(&self, now: Instant) -> String {
        match &self.state {
            State::Connecting => "connecting".to_owned(),
            State::Connected(since) if now.saturating_duration_since(*since) >= STALE_AFTER => {
                "silent".to_owned()
            }
            State::Connected(_) if self.last.is_none() => "connected".to_owned(),
            State::Connected(_) => "ok".to_owned(),
            State::NoTime(text) => format!("no clock: {text}"),
            State::Lost(reason, retry_at) | State::Served(reason, retry_at) => {
                let left = retry_at.saturating_duration_since(now);
                match left.as_millis().div_ceil(1_000) {
                    0 => format!("connecting: {reason}"),
                    seconds => format!("again in {seconds}s: {reason}"),
                }
            }
        }
    }
}

/// An age in the largest unit that leaves at least two digits, so that it is short.
fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ ..100 => format!("{seconds}s"),
        seconds @ 100..6_000 => format!("{}m", seconds / 60),
        seconds @ 6_000..360_000 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// As many characters of a line as fit into `width` columns.
fn cut(text: &str, width: usize) -> String {
    let mut left = width;
    let fits = |c: &char| {
        let rest = left.checked_sub(c.width().unwrap_or(0));
        left = rest.unwrap_or(left);
        rest.is_some()
    };
    text.trim_end().chars().take_while(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(names: &[&str]) -> ClockTable {
        let sources: Vec<Source> =
            names.iter().map(|name| format!("{name}=localhost:1").parse().unwrap()).collect();
        ClockTable::new(&sources)
    }

    fn time(text: &str) -> EventKind {
        let [time, noon] = [text, "12:00:00"].map(|text| TimeOfDay::find(text.as_bytes()).unwrap());
        EventKind::Time(time, time.offset_to(noon))
    }

    #[test]
    fn a_row_shows_the_state_of_its_clock() {
        let (mut table, start) = (table(&["NewYork"]), Instant::now());
        let mut check = |kind: Option<EventKind>, ms: u64, row: &str| {
            let now = start + Duration::from_millis(ms);
            if let Some(kind) = kind {
                table.apply(Event { index: 0, kind }, now);
            }
            assert_eq!(table.draw(now, 80, 24)[1], row);
        };
        let lost = || {
            EventKind::Lost("Connection refused (os error 111)".to_owned(), Duration::from_secs(2))
        };
        check(None, 0, "\x1b[2mNewYork  -         -          -     connecting\x1b[0m");
        check(
            Some(lost()),
            0,
            "\x1b[2mNewYork  -         -          -     again in 2s: Connection refused\x1b[0m",
        );
        check(
            Some(EventKind::Connecting),
            2_000,
            "\x1b[2mNewYork  -         -          -     connecting: Connection refused\x1b[0m",
        );
        check(
            Some(EventKind::Connected),
            2_000,
            "\x1b[2mNewYork  -         -          -     connected\x1b[0m",
        );
        check(Some(time("07:00:00")), 3_000, "NewYork  07:00:00  -05:00:00  0s    ok");
        check(None, 4_900, "NewYork  07:00:00  -05:00:00  1s    ok");
        check(None, 5_500, "\x1b[2mNewYork  07:00:00  -05:00:00  2s    silent\x1b[0m");
        check(
            Some(EventKind::NoTime("HTTP/1.1 400".to_owned())),
            6_000,
            "\x1b[2mNewYork  07:00:00  -05:00:00  3s    no clock: HTTP/1.1 400\x1b[0m",
        );
    }

    #[test]
    fn a_table_fits_its_terminal() {
        let names: Vec<String> = (0..30).map(|n| format!("clock{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = table(&names);
        let lines = |width, height| table.draw(Instant::now(), width, height);
        assert_eq!(lines(80, 40).len(), 31);
        let small = lines(10, 12);
        assert_eq!((small.len(), small[11 - 1].as_str()), (11, "and 21 mor"));
        assert!(small.iter().all(|line| line.replace(DIM, "").replace(PLAIN, "").len() <= 10));
        assert_eq!(lines(0, 0).len(), 2);
    }

    #[test]
    fn columns_are_aligned_by_width() {
        let names = ["\u{6771}\u{4eac}", "Ko\u{308}ln", "abc"]; // six columns, four, three
        let mut table = table(&names);
        for index in 0..names.len() {
            table.apply(Event { index, kind: time("07:00:00") }, Instant::now());
        }
        for line in &table.draw(Instant::now(), 80, 24)[1..] {
            let before = line.split("07:00:00").next().unwrap();
            assert_eq!(before.width(), 7, "{line}");
        }
        assert_eq!(cut("\u{6771}\u{4eac}x", 3), "\u{6771}");
        assert_eq!(cut("o\u{308}x", 1), "o\u{308}");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn a_daytime_server_keeps_its_line() {
        let (mut table, start) = (table(&["NIST"]), Instant::now());
        let mut check = |kind, row: &str| {
            table.apply(Event { index: 0, kind }, start);
            assert_eq!(table.draw(start, 80, 24)[1], row);
        };
        let served =
            || EventKind::Served("Sat Nov 28 04:47:12 2026".to_owned(), Duration::from_secs(8));
        check(time("04:47:12"), "NIST   04:47:12  -07:12:48  0s    ok");
        let row = "NIST   04:47:12  -07:12:48  0s    again in 8s: Sat Nov 28 04:47:12 2026";
        check(served(), row);
        check(EventKind::Connecting, row);
        check(EventKind::Connected, row);
    }

    #[test]
    fn ages_are_short() {
        let ages = [0, 99, 100, 5_999, 6_000, 90_000, 360_000, 8_640_000];
        let ages = ages.map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["0s", "99s", "1m", "99m", "1h", "25h", "4d", "100d"]);
    }
}
