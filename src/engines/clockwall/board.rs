//! What is known of every clock, and how it looks.

use std::time::{Duration, Instant};

use crate::text::printable::replace_controls;

use super::{Event, News, Offset, Source, TimeOfDay};

/// A time older than this is stale: a clock says one a second.
const STALE: Duration = Duration::from_millis(2_500);
/// Names are cut to this.
const NAME_MAX: usize = 24;
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";

/// The state of the wall.
#[derive(Debug)]
pub struct Board {
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    name: String,
    last: Option<(TimeOfDay, Offset, Instant)>,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Dialling,
    /// Since when it has said nothing.
    Connected(Instant),
    Garbage(String),
    /// And when it is dialled again.
    Lost(String, Instant),
}

impl Board {
    /// A wall on which nothing is known yet.
    pub fn new(sources: &[Source]) -> Self {
        let row = |source: &Source| {
            let name = replace_controls(source.name(), '\u{fffd}');
            Row { name: name.take(NAME_MAX).collect(), last: None, state: State::Dialling }
        };
        Board { rows: sources.iter().map(row).collect() }
    }

    /// Takes in what happened at `now`.
    pub fn apply(&mut self, event: Event, now: Instant) {
        let Some(row) = self.rows.get_mut(event.nth) else { return };
        row.state = match event.news {
            News::Dialling if matches!(row.state, State::Lost(..)) => return, // it says why
            News::Dialling => State::Dialling,
            News::Connected => State::Connected(now),
            News::Time(time, offset) => {
                row.last = Some((time, offset, now));
                State::Connected(now)
            }
            News::Garbage(text) => State::Garbage(text),
            News::Lost(why, pause) => {
                let why = why.split(" (os error").next().unwrap_or_default(); // a row is short
                State::Lost(why.to_owned(), now + pause)
            }
        };
    }

    /// The wall as lines for a terminal of that size, each cut to its width; stale ones are dim.
    pub fn draw(&self, now: Instant, width: usize, height: usize) -> Vec<String> {
        let n_name = self.rows.iter().map(|row| row.name.chars().count()).max().unwrap_or(0).max(5);
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
    fn is_stale(&self, now: Instant) -> bool {
        self.last.is_none_or(|(.., at)| now.saturating_duration_since(at) >= STALE)
    }

    fn text(&self, now: Instant, n_name: usize) -> String {
        let (time, offset, age) = match &self.last {
            Some((time, offset, at)) => {
                (time.to_string(), offset.to_string(), age(now.saturating_duration_since(*at)))
            }
            None => ("-".to_owned(), "-".to_owned(), "-".to_owned()),
        };
        let (name, state) = (&self.name, self.state(now));
        format!("{name:n_name$}  {time:8}  {offset:9}  {age:4}  {state}")
    }

    fn state(&self, now: Instant) -> String {
        match &self.state {
            State::Dialling => "connecting".to_owned(),
            State::Connected(since) if now.saturating_duration_since(*since) >= STALE => {
                "silent".to_owned()
            }
            State::Connected(_) if self.last.is_none() => "connected".to_owned(),
            State::Connected(_) => "ok".to_owned(),
            State::Garbage(text) => format!("no clock: {text}"),
            State::Lost(why, again) => {
                let left = again.saturating_duration_since(now);
                match left.as_millis().div_ceil(1_000) {
                    0 => format!("connecting: {why}"),
                    seconds => format!("again in {seconds}s: {why}"),
                }
            }
        }
    }
}

/// Two digits and a unit at most.
fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ ..100 => format!("{seconds}s"),
        seconds @ 100..6_000 => format!("{}m", seconds / 60),
        seconds @ 6_000..360_000 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

fn cut(text: &str, width: usize) -> String {
    text.trim_end().chars().take(width).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(names: &[&str]) -> Board {
        let sources: Vec<Source> =
            names.iter().map(|name| format!("{name}=localhost:1").parse().unwrap()).collect();
        Board::new(&sources)
    }

    fn time(text: &str) -> News {
        let [time, noon] = [text, "12:00:00"].map(|text| TimeOfDay::find(text.as_bytes()).unwrap());
        News::Time(time, time.offset_to(noon))
    }

    #[test]
    fn a_row_says_what_is_known() {
        let (mut board, start) = (board(&["NewYork"]), Instant::now());
        let mut check = |news: Option<News>, ms: u64, row: &str| {
            let now = start + Duration::from_millis(ms);
            if let Some(news) = news {
                board.apply(Event { nth: 0, news }, now);
            }
            assert_eq!(board.draw(now, 80, 24)[1], row);
        };
        let lost =
            || News::Lost("Connection refused (os error 111)".to_owned(), Duration::from_secs(2));
        check(None, 0, "\x1b[2mNewYork  -         -          -     connecting\x1b[0m");
        check(
            Some(lost()),
            0,
            "\x1b[2mNewYork  -         -          -     again in 2s: Connection refused\x1b[0m",
        );
        check(
            Some(News::Dialling),
            2_000,
            "\x1b[2mNewYork  -         -          -     connecting: Connection refused\x1b[0m",
        );
        check(
            Some(News::Connected),
            2_000,
            "\x1b[2mNewYork  -         -          -     connected\x1b[0m",
        );
        check(Some(time("07:00:00")), 3_000, "NewYork  07:00:00  -05:00:00  0s    ok");
        check(None, 4_900, "NewYork  07:00:00  -05:00:00  1s    ok");
        check(None, 5_500, "\x1b[2mNewYork  07:00:00  -05:00:00  2s    silent\x1b[0m");
        check(
            Some(News::Garbage("HTTP/1.1 400".to_owned())),
            6_000,
            "\x1b[2mNewYork  07:00:00  -05:00:00  3s    no clock: HTTP/1.1 400\x1b[0m",
        );
    }

    #[test]
    fn a_wall_fits_its_terminal() {
        let names: Vec<String> = (0..30).map(|n| format!("clock{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let board = board(&names);
        let lines = |width, height| board.draw(Instant::now(), width, height);
        assert_eq!(lines(80, 40).len(), 31);
        let small = lines(10, 12);
        assert_eq!((small.len(), small[11 - 1].as_str()), (11, "and 21 mor"));
        assert!(small.iter().all(|line| line.replace(DIM, "").replace(PLAIN, "").len() <= 10));
        assert_eq!(lines(0, 0).len(), 2);
    }

    #[test]
    fn ages_are_short() {
        let ages = [0, 99, 100, 5_999, 6_000, 90_000, 360_000, 8_640_000];
        let ages = ages.map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["0s", "99s", "1m", "99m", "1h", "25h", "4d", "100d"]);
    }
}
