//! How a client receives the lines of its room: as they are, with the time in front, or as messages
//! of a web socket.

use std::collections::HashSet;
use std::fmt::Write;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use memchr::memchr_iter;

use super::frame::{self, Age};
use super::ids::ClientId;

/// The clients whose lines a client does not want to see.
pub(super) type Ignored = Arc<HashSet<ClientId>>;

/// The form in which a client receives lines.
#[derive(Clone, Debug, Default)]
pub(super) struct Form {
    /// Whether lines are sent as messages of a web socket.
    pub(super) is_web: bool,
    /// Whether each line has the time in front, in this zone.
    pub(super) stamps: Option<TimeZone>,
    pub(super) ignored: Option<Ignored>,
}

/// Consecutive lines of a room.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// The lines, each with its newline.
    pub(super) text: Arc<[u8]>,
    pub(super) n_lines: u64,
    /// The number of the first line: the lines of a room are numbered from 0.
    pub(super) first_line: u64,
    /// When the lines were said.
    pub(super) at: Timestamp,
    pub(super) authors: Arc<[Author]>,
}

/// Who said a part of a text: the bytes from the end of the part before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Author {
    pub(super) end: usize,
    /// `None` for what the server says.
    pub(super) client: Option<ClientId>,
}

impl Form {
    /// Whether lines are sent to the client as they are.
    pub(super) fn is_plain(&self) -> bool {
        !self.is_web && self.stamps.is_none() && self.ignored.is_none()
    }
}

impl Chunk {
    /// The bytes to send to a client of this form for a part of the text that begins and ends with
    /// whole lines, and their number of lines.
    pub(super) fn render(&self, part: Range<usize>, form: &Form, age: Age) -> (Vec<u8>, u64) {
        let (mut bytes, mut n) = (Vec::with_capacity(part.len() + 64), 0);
        for run in self.runs(part, form.ignored.as_deref()) {
            let text = &self.text[run.clone()];
            n += n_lines(text);
            if form.is_web {
                let first = self.first_line + n_lines(&self.text[..run.start]);
                let head = frame::lines(age, first, self.at);
                frame::append(&mut bytes, &[head.as_bytes(), text]);
            } else if age == Age::Old {
                self.append_stamped(&mut bytes, text, form.stamps.as_ref(), "| ");
            } else if form.stamps.is_some() {
                self.append_stamped(&mut bytes, text, form.stamps.as_ref(), "");
            } else {
                bytes.extend_from_slice(text);
            }
        }
        (bytes, n)
    }

    /// The lines from number `first` on; `None` if there are none.
    pub(super) fn starting_at(mut self, first: u64) -> Option<Self> {
        let Some(n_cut) = first.checked_sub(self.first_line).filter(|n| *n > 0) else {
            return Some(self);
        };
        let nth = usize::try_from(n_cut - 1).ok()?;
        let start = memchr_iter(b'\n', &self.text).nth(nth)? + 1;
        let authors = self.authors.iter().filter(|author| author.end > start);
        self.authors =
            authors.map(|author| Author { end: author.end - start, ..*author }).collect();
        self.text = self.text[start..].into();
        (self.first_line, self.n_lines) = (first, self.n_lines - n_cut);
        (self.n_lines > 0).then_some(self)
    }

    /// The ranges of `part` that are left without the lines of ignored clients.
    fn runs(&self, part: Range<usize>, ignored: Option<&HashSet<ClientId>>) -> Vec<Range<usize>> {
        let Some(ignored) = ignored else { return vec![part] };
        let (mut runs, mut start): (Vec<Range<usize>>, usize) = (Vec::new(), 0);
        for author in &*self.authors {
            let run = start.max(part.start)..author.end.min(part.end);
            start = author.end;
            if run.is_empty() || author.client.is_some_and(|client| ignored.contains(&client)) {
                continue;
            }
            match runs.last_mut() {
                Some(last) if last.end == run.start => last.end = run.end,
                _ => runs.push(run),
            }
        }
        runs
    }

    /// Appends lines with `mark` and the time in front of each; without the time if there is no zone.
    fn append_stamped(
        &self,
        bytes: &mut Vec<u8>,
        text: &[u8],
        zone: Option<&TimeZone>,
        mark: &str,
    ) {
        let mut front = mark.to_owned();
        if let Some(zone) = zone {
            _ = write!(front, "{} ", self.at.to_zoned(zone.clone()).strftime("%H:%M:%S")); // to a String
        }
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            bytes.extend_from_slice(front.as_bytes());
            bytes.extend_from_slice(line);
        }
    }
}

/// The number of newlines in `text`.
pub(super) fn n_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> Chunk {
        Chunk {
            text: b"ann: 1\nbob: 2\nbob: 3\nann: 4\nx has left\n".as_slice().into(),
            n_lines: 5,
            first_line: 10,
            at: Timestamp::from_second(3_600).unwrap(),
            authors: [(7, Some(1)), (21, Some(2)), (28, Some(1)), (39, None)]
                .map(|(end, client)| Author { end, client })
                .into(),
        }
    }

    fn text(form: &Form, part: Range<usize>, age: Age) -> String {
        String::from_utf8(chunk().render(part, form, age).0).unwrap()
    }

    #[test]
    fn lines_are_stamped_and_filtered() {
        let ignored = |ids: &[ClientId]| Some(Arc::new(ids.iter().copied().collect()));
        let plain = Form::default();
        assert_eq!(text(&plain, 0..39, Age::New).as_bytes(), &*chunk().text);
        let form = Form { ignored: ignored(&[2]), ..Form::default() };
        assert_eq!(text(&form, 0..39, Age::New), "ann: 1\nann: 4\nx has left\n");
        assert_eq!(text(&form, 7..21, Age::New), "");
        assert_eq!(text(&form, 14..28, Age::New), "ann: 4\n");
        let form = Form { stamps: Some(TimeZone::UTC), ignored: ignored(&[1]), ..form };
        let stamped = "01:00:00 bob: 2\n01:00:00 bob: 3\n";
        assert_eq!(text(&form, 0..28, Age::New), stamped);
        assert_eq!(text(&plain, 28..39, Age::Old), "| x has left\n");
        assert_eq!(text(&form, 28..39, Age::Old), "| 01:00:00 x has left\n");
    }

    #[test]
    fn a_web_client_gets_a_message_for_each_run_of_lines_with_the_number_of_its_first() {
        let form = Form { is_web: true, ignored: Some(Arc::new([2].into())), ..Form::default() };
        let (bytes, n) = chunk().render(0..39, &form, Age::New);
        let expected: Vec<u8> = [
            ["lines\t10\t3600000\x1e", "ann: 1\n"],
            ["lines\t13\t3600000\x1e", "ann: 4\nx has left\n"],
        ]
        .iter()
        .flat_map(|parts| {
            let payload = parts.concat();
            [&[0x81, u8::try_from(payload.len()).unwrap()], payload.as_bytes()].concat()
        })
        .collect();
        assert_eq!((bytes, n), (expected, 3));
    }
}
