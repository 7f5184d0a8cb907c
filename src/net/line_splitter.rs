//! Splitting bytes into lines of limited length, in whatever pieces they arrive.

use std::borrow::Cow;

use memchr::memchr;

/// The longest line accepted, in bytes without its line end: the limit of Go's `bufio.Scanner`.
pub const LINE_MAX: usize = 64 << 10;

/// Splits the bytes of a stream into lines, in whatever pieces the bytes arrive.
///
/// It does no I/O: see [`Lines`](super::Lines) and [`LineReader`](super::LineReader) for reading.
///
/// ```
/// use threadbare::net::LineSplitter;
///
/// let (mut splitter, mut lines) = (LineSplitter::default(), Vec::new());
/// for bytes in [&b"one\r\ntw"[..], b"o\nthr"] {
///     splitter.split(bytes, |line| lines.push(line.into_owned()));
/// }
/// assert_eq!(lines.len(), 2);
/// assert!(splitter.finish().is_some(), "the last line has no newline");
/// ```
#[derive(Debug, Default)]
pub struct LineSplitter {
    partial: Vec<u8>,
    is_skipping: bool,
}

/// A line of input, as a [`LineSplitter`] returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InputLine<'a> {
    /// A line without its newline and a CR before it; borrowed if it arrived in one piece.
    Line(Cow<'a, [u8]>),
    /// A line longer than [`LINE_MAX`], whose text was discarded.
    TooLong,
}

impl LineSplitter {
    /// Calls `each` with every line that ends in `bytes`; keeps the rest for the next call.
    pub fn split(&mut self, bytes: &[u8], mut each: impl FnMut(InputLine<'_>)) {
        let mut rest = bytes;
        while let Some(line) = self.cut(&mut rest) {
            each(line);
        }
    }

    /// Removes the next line from the front of `bytes`. Returns `None` if no line ends in them;
    /// then it has removed all of them and kept them for the next call.
    pub fn cut<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<InputLine<'a>> {
        let Some(end) = memchr(b'\n', bytes) else {
            self.keep(std::mem::take(bytes));
            return None;
        };
        let text = &bytes[..end];
        *bytes = &bytes[end + 1..];
        if std::mem::take(&mut self.is_skipping) {
            return Some(InputLine::TooLong);
        }
        if self.partial.is_empty() {
            return Some(InputLine::limited(text.strip_suffix(b"\r").unwrap_or(text).into()));
        }
        let mut line = std::mem::take(&mut self.partial);
        line.extend_from_slice(text);
        line.pop_if(|last| *last == b'\r');
        Some(InputLine::limited(line.into()))
    }

    /// Returns the last line, if the input ended without a newline.
    pub fn finish(self) -> Option<InputLine<'static>> {
        if self.is_skipping {
            return Some(InputLine::TooLong);
        }
        (!self.partial.is_empty()).then(|| InputLine::limited(self.partial.into()))
    }

    /// Keeps the beginning of a line, unless it is too long already.
    fn keep(&mut self, text: &[u8]) {
        // One byte more than the limit may be the CR of a line that just fits.
        if self.partial.len() + text.len() > LINE_MAX + 1 {
            self.is_skipping = true;
        }
        if self.is_skipping {
            self.partial = Vec::new();
        } else {
            self.partial.extend_from_slice(text);
        }
    }
}

impl<'a> InputLine<'a> {
    fn limited(text: Cow<'a, [u8]>) -> Self {
        if text.len() <= LINE_MAX { InputLine::Line(text) } else { InputLine::TooLong }
    }

    /// Copies a borrowed line.
    #[must_use]
    pub fn into_owned(self) -> InputLine<'static> {
        match self {
            InputLine::Line(text) => InputLine::Line(text.into_owned().into()),
            InputLine::TooLong => InputLine::TooLong,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All lines, including a last one without a newline.
    fn lines(pieces: &[&[u8]]) -> Vec<InputLine<'static>> {
        let (mut splitter, mut lines) = (LineSplitter::default(), Vec::new());
        for piece in pieces {
            splitter.split(piece, |line| lines.push(line.into_owned()));
        }
        lines.extend(splitter.finish());
        lines
    }

    #[test]
    fn a_line_too_long_is_discarded_and_reported_once() {
        let long = vec![b'x'; LINE_MAX];
        let line = |text: &[u8]| InputLine::Line(text.to_vec().into());
        assert_eq!(lines(&[&long, b"\r\n"]), [line(&long)]);
        let pieces: &[&[u8]] = &[&long, b"x", b"x", &long, b"\nnext\n"];
        assert_eq!(lines(pieces), [InputLine::TooLong, line(b"next")]);
        assert_eq!(lines(&[&long, b"x"]), [InputLine::TooLong]);
        assert_eq!(lines(&[&long, &long]), [InputLine::TooLong]);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            text in "[a\r\n]{0,40}",
            cuts in prop::collection::vec(0usize..40, 0..4),
        ) {
            let text = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            prop_assert_eq!(lines(&pieces), lines(&[text]));
        }
    }
}
