//! Bytes as they arrive, cut into lines with a bound.

use memchr::memchr;

use super::LINE_MAX;

/// Cuts what is read off a connection into lines, whatever the pieces it comes in.
///
/// Unlike [`Lines`](super::Lines) it neither reads nor answers: who reads may batch, time and
/// refuse as it likes.
#[derive(Debug, Default)]
pub struct Splitter {
    partial: Vec<u8>,
    is_skipping: bool,
}

/// What a [`Splitter`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A line without its newline and the CR before it.
    Line(&'a [u8]),
    /// A line longer than [`LINE_MAX`], of which nothing is kept.
    TooLong,
}

impl Splitter {
    /// Takes the next bytes and hands over each line that ends in them.
    pub fn split(&mut self, bytes: &[u8], mut each: impl FnMut(Found<'_>)) {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let text = &rest[..end];
            if self.is_skipping {
                each(Found::TooLong);
            } else if self.partial.is_empty() {
                each(line(text));
            } else {
                self.partial.extend_from_slice(text);
                each(line(&self.partial));
            }
            self.partial.clear();
            self.is_skipping = false;
            rest = &rest[end + 1..];
        }
        self.keep(rest);
    }

    /// The last line, if the input ended without a newline.
    pub fn finish(self) -> Option<Vec<u8>> {
        let fits = !self.partial.is_empty() && self.partial.len() <= LINE_MAX;
        fits.then_some(self.partial)
    }

    /// Keeps the beginning of a line, unless it is too long already.
    fn keep(&mut self, text: &[u8]) {
        if self.is_skipping || text.is_empty() {
            return;
        }
        // One byte of grace: it may be the CR of a line that just fits.
        if self.partial.len() + text.len() <= LINE_MAX + 1 {
            self.partial.extend_from_slice(text);
        } else {
            self.partial = Vec::new();
            self.is_skipping = true;
        }
    }
}

fn line(text: &[u8]) -> Found<'_> {
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    if text.len() <= LINE_MAX { Found::Line(text) } else { Found::TooLong }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(pieces: &[&[u8]]) -> (Vec<Option<Vec<u8>>>, Option<Vec<u8>>) {
        let (mut splitter, mut found) = (Splitter::default(), Vec::new());
        for piece in pieces {
            splitter.split(piece, |line| {
                found.push(match line {
                    Found::Line(text) => Some(text.to_vec()),
                    Found::TooLong => None,
                });
            });
        }
        (found, splitter.finish())
    }

    #[test]
    fn a_line_too_long_is_skipped_and_told_once() {
        let long = vec![b'x'; LINE_MAX];
        assert_eq!(lines(&[&long, b"\r\n"]).0, [Some(long.clone())]);
        assert_eq!(lines(&[&long, b"x", b"x", &long, b"\nnext\n"]).0, [None, Some(b"next".into())]);
        assert_eq!(lines(&[&long, &long]), (vec![], None));
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[a\r\n]{0,40}", cuts in prop::collection::vec(0usize..40, 0..4)) {
            let text = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &text[cut[0]..cut[1]]).collect();
            prop_assert_eq!(lines(&pieces), lines(&[text]));
        }
    }
}
