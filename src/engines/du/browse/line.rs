//! Lines of the screen: text cut off at the width of the terminal, in colour or reversed.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::engines::du::draw::shortened;

pub(super) const BOLD: &str = "\x1b[1m";
pub(super) const BLUE: &str = "\x1b[1;34m";
pub(super) const GREEN: &str = "\x1b[32m";
pub(super) const YELLOW: &str = "\x1b[33m";
pub(super) const RED: &str = "\x1b[31m";
pub(super) const PLAIN: &str = "";
const REVERSE: &str = "\x1b[7m";
const RESET: &str = "\x1b[0m";

/// A line that is being written.
pub(super) struct Line {
    text: String,
    n_left: usize,
    is_colored: bool,
}

impl Line {
    pub(super) fn new(width: usize, is_colored: bool) -> Self {
        Line { text: String::new(), n_left: width, is_colored }
    }

    /// Columns that are free.
    pub(super) fn n_left(&self) -> usize {
        self.n_left
    }

    /// Appends text, cut off with an ellipsis at the end of the line.
    pub(super) fn push(&mut self, text: &str, color: &str) {
        if self.n_left == 0 || text.is_empty() {
            return;
        }
        let text = shortened(text, self.n_left);
        self.n_left = self.n_left.saturating_sub(text.width());
        if self.is_colored && !color.is_empty() {
            self.text.extend([color, &text, RESET]);
        } else {
            self.text.push_str(&text);
        }
    }

    /// Appends spaces until only `n_left` columns are free.
    pub(super) fn pad(&mut self, n_left: usize) {
        let n_spaces = self.n_left.saturating_sub(n_left);
        self.text.extend(std::iter::repeat_n(' ', n_spaces));
        self.n_left -= n_spaces;
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    /// The line in reverse over its whole width; it has no colours.
    pub(super) fn finish_reversed(mut self) -> String {
        self.pad(0);
        [REVERSE, &self.text, RESET].concat()
    }
}

/// The end of a text, with an ellipsis before it if it is wider than `width` columns.
pub(super) fn shortened_at_start(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut n_left = width.saturating_sub(1);
    let fits = |c: &char| {
        let left = n_left.checked_sub(c.width().unwrap_or(0));
        n_left = left.unwrap_or(0);
        left.is_some()
    };
    let end: Vec<char> = text.chars().rev().take_while(fits).collect();
    let ellipsis = if width > 0 { "…" } else { "" };
    ellipsis.chars().chain(end.into_iter().rev()).collect()
}

/// The text in lines of at most `width` columns.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut n_used) = (vec![String::new()], 0);
    for c in text.chars() {
        let c_width = c.width().unwrap_or(0);
        if n_used + c_width > width.max(2) {
            lines.push(String::new());
            n_used = 0;
        }
        n_used += c_width;
        lines.last_mut().expect("there is one").push(c);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_the_width() {
        assert_eq!(shortened_at_start("/a/b/c", 6), "/a/b/c");
        assert_eq!(shortened_at_start("/a/b/c", 4), "…b/c");
        assert_eq!(shortened_at_start("/日本", 4), "…本");
        assert_eq!(shortened_at_start("/a", 0), "");
        assert_eq!(wrapped("abcde", 2), ["ab", "cd", "e"]);
        assert_eq!(wrapped("日本", 3), ["日", "本"]);
        assert_eq!(wrapped("", 3), [""]);
        let mut line = Line::new(5, true);
        line.push("ab", GREEN);
        line.push("cdef", PLAIN);
        line.push("x", PLAIN);
        assert_eq!(line.finish(), "\x1b[32mab\x1b[0mcd…");
    }
}
