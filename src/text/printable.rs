//! Making text from outside safe to display: names and messages that others chose must not break a
//! line or send escape sequences to a terminal.

use std::fmt;
use std::path::Path;

/// Displays text on one line, with control characters escaped as in Rust (`\n`, `\u{1b}`).
///
/// ```
/// use threadbare::text::printable::Escaped;
///
/// assert_eq!(Escaped("a\nb").to_string(), r"a\nb");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            c if c.is_control() => write!(f, "{}", c.escape_default()),
            c => write!(f, "{c}"),
        })
    }
}

/// Displays a path as the subject of a message: the empty one in quotes, so that it is seen.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a>(pub &'a Path);

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.as_os_str().is_empty() { f.write_str("''") } else { self.0.display().fmt(f) }
    }
}

/// Returns the characters of `text` with each control character replaced by `substitute`.
pub fn replace_controls(text: &str, substitute: char) -> impl Iterator<Item = char> + '_ {
    text.chars().map(move |c| if c.is_control() { substitute } else { c })
}

/// Appends `text` to `out` without escape sequences (ECMA-48) and control characters except tabs.
///
/// Invalid UTF-8 becomes U+FFFD.
pub fn append_printable(out: &mut Vec<u8>, text: &[u8]) {
    if text.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t')) {
        out.extend_from_slice(text);
        return;
    }
    let mut chars = Chars { text: &String::from_utf8_lossy(text) };
    let mut utf8 = [0; 4];
    while let Some(c) = chars.next() {
        match c {
            '\x1b' => chars.skip_escape(),
            '\u{9b}' => chars.skip_control_sequence(),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => chars.skip_string(),
            c if c.is_control() && c != '\t' => {}
            c => out.extend_from_slice(c.encode_utf8(&mut utf8).as_bytes()),
        }
    }
}

struct Chars<'a> {
    text: &'a str,
}

impl Chars<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.text.chars().next()?;
        self.text = &self.text[c.len_utf8()..];
        Some(c)
    }

    fn next_if(&mut self, is_wanted: impl Fn(char) -> bool) -> Option<char> {
        self.text.chars().next().filter(|&c| is_wanted(c))?;
        self.next()
    }

    /// Skips what follows ESC: a control sequence, a control string, or intermediate bytes and a final
    /// byte (ECMA-48, 5.3 to 5.6).
    fn skip_escape(&mut self) {
        if self.next_if(|c| c == '[').is_some() {
            self.skip_control_sequence();
        } else if self.next_if(|c| matches!(c, ']' | 'P' | 'X' | '^' | '_')).is_some() {
            self.skip_string();
        } else {
            while self.next_if(|c| matches!(c, ' '..='/')).is_some() {}
            self.next_if(|c| matches!(c, '0'..='~'));
        }
    }

    /// Skips parameter bytes, intermediate bytes and a final byte.
    fn skip_control_sequence(&mut self) {
        while self.next_if(|c| matches!(c, ' '..='?')).is_some() {}
        self.next_if(|c| matches!(c, '@'..='~'));
    }

    /// Skips a control string up to BEL or the string terminator; nothing if neither follows.
    fn skip_string(&mut self) {
        let end = self.text.find(['\x07', '\x1b', '\u{9c}']);
        self.text = end.map_or(self.text, |end| &self.text[end..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn clean(text: &[u8]) -> String {
        let mut out = Vec::new();
        append_printable(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escaped_text_stays_on_one_line() {
        assert_eq!(Escaped("a\nb\x1b[31mc\u{9b}ä").to_string(), "a\\nb\\u{1b}[31mc\\u{9b}ä");
    }

    #[test]
    fn text_stays_and_terminal_control_is_removed() {
        let check = |text: &[u8], expected: &str| {
            assert_eq!(clean(text), expected, "{:?}", text.escape_ascii().to_string());
        };
        check(b"plain\ttext", "plain\ttext");
        check("Grüße, 世界 👋".as_bytes(), "Grüße, 世界 👋");
        check(b"a\xffb\xc3(", "a\u{fffd}b\u{fffd}(");
        check(b"nul\0bell\x07cr\rdel\x7f", "nulbellcrdel");
        check(b"\x1b[31mred\x1b[0m", "red");
        check(b"\x1b[2J\x1b[1;1Hgone?", "gone?");
        check(b"\x1b]0;title\x07text", "text");
        check(b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link");
        check(b"\x1b]never ended", "never ended");
        check(b"\x1b(Bcharset\x1bcreset", "charsetreset");
        check("\u{9b}31mred\u{85}".as_bytes(), "red");
        check("\u{9d}0;title\u{9c}text".as_bytes(), "text");
        check(b"\x1b", "");
        check(b"\x1b[", "");
    }

    proptest! {
        #[test]
        fn no_control_character_is_left(text in prop::collection::vec(any::<u8>(), 0..60)) {
            let once = clean(&text);
            prop_assert!(once.chars().all(|c| c == '\t' || !c.is_control()));
            prop_assert_eq!(clean(once.as_bytes()), once);
        }

        #[test]
        fn printable_text_is_unchanged(text in "[^\\p{Cc}]{0,40}") {
            prop_assert_eq!(clean(text.as_bytes()), text);
        }
    }
}
