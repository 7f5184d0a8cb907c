//! Keys in the bytes that a terminal sends.

use vte::{Params, Parser, Perform};

/// A key press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// A character, the space included.
    Char(char),
    /// Enter.
    Enter,
    /// Backspace.
    Backspace,
    /// Escape.
    Escape,
    /// The up arrow.
    Up,
    /// The down arrow.
    Down,
    /// The left arrow.
    Left,
    /// The right arrow.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Delete.
    Delete,
    /// F1.
    Help,
}

const ESC: u8 = 0x1b;
/// After an escape these open a string that only another escape ends (ECMA-48, 5.6).
const STRING_OPENERS: &[u8] = b"P]X^_";

/// Finds keys in the bytes of a terminal, in whatever pieces they come. A sequence without a meaning
/// here is skipped.
///
/// ```
/// use threadbare::text::keys::{Key, KeyParser};
///
/// let mut parser = KeyParser::default();
/// assert_eq!(parser.parse(b"j\x1b[A"), [Key::Char('j'), Key::Up]);
/// assert_eq!(parser.parse(b"\x1b"), [Key::Escape]);
/// ```
#[derive(Default)]
pub struct KeyParser {
    parser: Parser,
    keys: Keys,
}

impl KeyParser {
    /// Returns the keys that `bytes`, which were read at once, complete. An escape is a key of its
    /// own if nothing follows in the same piece; a character typed with Alt is an escape and the
    /// character.
    pub fn parse(&mut self, bytes: &[u8]) -> Vec<Key> {
        if let [ESC, opener] = bytes
            && STRING_OPENERS.contains(opener)
        {
            return vec![Key::Escape, Key::Char(char::from(*opener))];
        }
        self.parser.advance(&mut self.keys, bytes);
        if bytes.last() == Some(&ESC) {
            self.parser = Parser::new();
            self.keys.keys.push(Key::Escape);
        }
        std::mem::take(&mut self.keys.keys)
    }
}

/// The keys so far.
#[derive(Default)]
struct Keys {
    keys: Vec<Key>,
    /// Whether the next character belongs to a function key (`ESC O A`).
    is_single_shift: bool,
}

impl Perform for Keys {
    fn print(&mut self, c: char) {
        let is_single_shift = std::mem::take(&mut self.is_single_shift);
        match c {
            _ if is_single_shift => self.keys.extend(function_key(c)),
            '\x7f' => self.keys.push(Key::Backspace),
            char::REPLACEMENT_CHARACTER => {} // no UTF-8
            c => self.keys.push(Key::Char(c)),
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\r' | b'\n' => self.keys.push(Key::Enter),
            b'\x08' => self.keys.push(Key::Backspace),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _: &[u8], _: bool, action: char) {
        let number = params.iter().next().and_then(|param| param.first().copied());
        self.keys.extend(match (action, number) {
            ('~', Some(1 | 7)) => Some(Key::Home),
            ('~', Some(3)) => Some(Key::Delete),
            ('~', Some(4 | 8)) => Some(Key::End),
            ('~', Some(5)) => Some(Key::PageUp),
            ('~', Some(6)) => Some(Key::PageDown),
            ('~', Some(11)) => Some(Key::Help),
            _ => function_key(action),
        });
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _: bool, byte: u8) {
        match byte {
            _ if !intermediates.is_empty() => {}
            b'O' => self.is_single_shift = true,
            byte => self.keys.extend([Key::Escape, Key::Char(char::from(byte))]),
        }
    }
}

/// The key that ends a sequence with this character.
fn function_key(c: char) -> Option<Key> {
    Some(match c {
        'A' => Key::Up,
        'B' => Key::Down,
        'C' => Key::Right,
        'D' => Key::Left,
        'F' => Key::End,
        'H' => Key::Home,
        'M' => Key::Enter,
        'P' => Key::Help,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_are_found_however_they_arrive() {
        let check = |pieces: &[&str], expected: &[Key]| {
            let mut parser = KeyParser::default();
            let keys: Vec<Key> =
                pieces.iter().flat_map(|piece| parser.parse(piece.as_bytes())).collect();
            assert_eq!(keys, expected, "{pieces:?}");
        };
        check(&["jk"], &[Key::Char('j'), Key::Char('k')]);
        check(&["\x1b"], &[Key::Escape]);
        check(&["\x1b", "[A"], &[Key::Escape, Key::Char('['), Key::Char('A')]);
        check(&["a\x1b"], &[Key::Char('a'), Key::Escape]);
        check(
            &["\x1bq", "\x1bP", "q"],
            &[Key::Escape, Key::Char('q'), Key::Escape, Key::Char('P'), Key::Char('q')],
        );
        check(
            &["\x1b[A\x1b[6~", "\x1bOB", "\x1b[1;5C"],
            &[Key::Up, Key::PageDown, Key::Down, Key::Right],
        );
        check(&["\x1b[", "B"], &[Key::Down]);
        check(
            &["ä日\r\x7f\x08"],
            &[Key::Char('ä'), Key::Char('日'), Key::Enter, Key::Backspace, Key::Backspace],
        );
        check(&["\x1b[300~\x1b[;;~\x1b[200~\x01q"], &[Key::Char('q')]);
    }

    #[test]
    fn characters_may_be_cut_and_bytes_may_be_wrong() {
        let mut parser = KeyParser::default();
        assert_eq!(parser.parse(b"\xc3"), []);
        assert_eq!(parser.parse(b"\xa4"), [Key::Char('ä')]);
        assert_eq!(parser.parse(b"\xff\xfeq"), [Key::Char('q')]);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(pieces: Vec<Vec<u8>>) {
            let mut parser = KeyParser::default();
            for piece in &pieces {
                parser.parse(piece);
            }
        }
    }
}
