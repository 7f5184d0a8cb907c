//! What a reader sees of a link.

use super::entities;

/// The longest text of a link that is kept, in characters.
const CHARS_MAX: usize = 200;
/// The most markup that is read for it, in bytes.
const RAW_MAX: usize = 4 << 10;

/// Collects the text of one link.
#[derive(Debug, Default)]
pub(super) struct LinkText {
    /// The number of the link, if there is one.
    number: Option<usize>,
    raw: String,
}

impl LinkText {
    /// Begins with the text of the link with that number.
    pub(super) fn start(&mut self, number: usize) {
        self.number = Some(number);
        self.raw.clear();
    }

    /// Adds markup without tags, if there is a link.
    pub(super) fn add(&mut self, raw: &str) {
        let room = RAW_MAX.saturating_sub(self.raw.len());
        if self.number.is_some() {
            self.raw += &raw[..raw.floor_char_boundary(room)];
        }
    }

    /// The number of the link and its text.
    pub(super) fn take(&mut self) -> Option<(usize, String)> {
        let number = self.number.take()?;
        Some((number, shown(&self.raw)))
    }
}

/// Markup without tags as a reader sees it: character references decoded, white space and control
/// characters as one space.
pub(super) fn shown(raw: &str) -> String {
    let decoded = entities::decode(raw);
    let words = decoded.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => text[..end].to_owned() + "\u{2026}",
        None => text,
    }
}

/// The number of ends of lines.
pub(super) fn n_newlines(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}
