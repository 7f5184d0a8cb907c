//! Splits the bytes of a control connection into lines, and removes Telnet commands (RFC 854).

use std::mem;

/// Interpret As Command: the first byte of every Telnet command.
const IAC: u8 = 255;
/// WILL, WONT, DO and DONT, which one option byte follows.
const NEGOTIATE: std::ops::RangeInclusive<u8> = 251..=254;
const SUB_BEGIN: u8 = 250;
const SUB_END: u8 = 240;

/// A line without its line end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Text(Vec<u8>),
    TooLong,
}

/// A line splitter for control connections. Lines end with LF or CR LF.
#[derive(Debug)]
pub(super) struct Input {
    /// Received, and not yet split but for the first `n_taken` bytes.
    raw: Vec<u8>,
    n_taken: usize,
    line: Vec<u8>,
    line_max: usize,
    is_too_long: bool,
    /// Whether the argument of the command has begun.
    has_space: bool,
    telnet: Telnet,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telnet {
    Data,
    Command,
    Option,
    Sub,
    SubCommand,
}

impl Input {
    /// An empty splitter; lines longer than `line_max` bytes become [`Line::TooLong`].
    pub(super) fn new(line_max: usize) -> Self {
        Input {
            raw: Vec::new(),
            n_taken: 0,
            line: Vec::new(),
            line_max,
            is_too_long: false,
            has_space: false,
            telnet: Telnet::Data,
        }
    }

    /// Appends received bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.raw.drain(..mem::take(&mut self.n_taken));
        self.raw.extend_from_slice(bytes);
    }

    /// Discards everything received and not taken yet.
    pub(super) fn clear(&mut self) {
        *self = Input::new(self.line_max);
    }

    /// Takes the next complete line.
    pub(super) fn next(&mut self) -> Option<Line> {
        while let Some(&byte) = self.raw.get(self.n_taken) {
            self.n_taken += 1;
            if self.has_space && self.telnet == Telnet::Command && byte != IAC {
                self.telnet = Telnet::Data;
                self.take(IAC); // part of a name, sent without the escape
            }
            if let Some(byte) = self.data(byte)
                && let Some(line) = self.take(byte)
            {
                return Some(line);
            }
        }
        (self.raw, self.n_taken) = (Vec::new(), 0);
        None
    }

    /// The byte, unless it is part of a Telnet command. IAC IAC is the byte 255 (RFC 854).
    ///
    /// Names in old encodings contain 255 too, and clients send it without the escape (CP1251). So
    /// Telnet commands are expected before the argument only: clients send them before ABOR.
    fn data(&mut self, byte: u8) -> Option<u8> {
        let (telnet, data) = match (self.telnet, byte) {
            (Telnet::Data, IAC) => (Telnet::Command, None),
            (Telnet::Command, IAC) => (Telnet::Data, Some(IAC)),
            (Telnet::Command, SUB_BEGIN) => (Telnet::Sub, None),
            (Telnet::Command, byte) if NEGOTIATE.contains(&byte) => (Telnet::Option, None),
            (Telnet::Sub, IAC) => (Telnet::SubCommand, None),
            // 240 is a command of its own, inside a sub-negotiation or not.
            (Telnet::SubCommand, SUB_END) | (Telnet::Command, SUB_END..) | (Telnet::Option, _) => {
                (Telnet::Data, None)
            }
            (Telnet::Sub | Telnet::SubCommand, _) => (Telnet::Sub, None),
            // The data mark behind IAC is sent out of band and may have been lost.
            (Telnet::Command | Telnet::Data, byte) => (Telnet::Data, Some(byte)),
        };
        self.telnet = telnet;
        data
    }

    fn take(&mut self, byte: u8) -> Option<Line> {
        match byte {
            b'\n' => Some(self.end()),
            0 if self.line.last() == Some(&b'\r') => None, // CR NUL is a bare CR
            _ if self.line.len() > self.line_max => {
                self.is_too_long = true;
                None
            }
            _ => {
                self.line.push(byte);
                self.has_space |= byte == b' ';
                None
            }
        }
    }

    fn end(&mut self) -> Line {
        let mut line = mem::take(&mut self.line);
        self.has_space = false;
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let is_too_long = mem::take(&mut self.is_too_long) || line.len() > self.line_max;
        if is_too_long { Line::TooLong } else { Line::Text(line) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut input = Input::new(20);
        let mut lines = Vec::new();
        for piece in pieces {
            input.push(piece);
            while let Some(line) = input.next() {
                lines.push(match line {
                    Line::Text(text) => String::from_utf8_lossy(&text).into_owned(),
                    Line::TooLong => "TOO LONG".to_owned(),
                });
            }
        }
        lines
    }

    #[test]
    fn lines_end_with_lf_or_cr_lf() {
        let check = |input: &[u8], expected: &[&str]| assert_eq!(lines(&[input]), expected);
        check(b"NOOP\r\nPWD\nhalf", &["NOOP", "PWD"]);
        check(b"a\rb\r\r\n", &["a\rb\r"]);
        check(b"a\r\0b\r\n", &["a\rb"]);
        check(b"\r\n\n", &["", ""]);
        check(b"12345678901234567890\r\n", &["12345678901234567890"]);
        check(b"123456789012345678901\r\nNOOP\r\n", &["TOO LONG", "NOOP"]);
        check(&[b"x".repeat(1000), b"\r\nNOOP\n".to_vec()].concat(), &["TOO LONG", "NOOP"]);
    }

    #[test]
    fn telnet_commands_are_removed() {
        let check = |input: &[u8], expected: &[&str]| assert_eq!(lines(&[input]), expected);
        check(b"\xff\xf4\xff\xf2ABOR\r\n", &["ABOR"]);
        check(b"\xff\xf4\xffABOR\r\n", &["ABOR"]);
        check(b"NO\xff\xfd\x01OP\r\n", &["NOOP"]);
        check(b"NO\xff\xfa\x18\x01\xff\xf0OP\r\n", &["NOOP"]);
    }

    #[test]
    fn names_keep_their_bytes() {
        let check = |input: &[u8], expected: &[u8]| {
            let mut input_lines = Input::new(20);
            input_lines.push(input);
            assert_eq!(input_lines.next(), Some(Line::Text(expected.to_vec())));
            assert_eq!(input_lines.next(), None);
        };
        check(b"MKD a\xff\xffb\r\n", b"MKD a\xffb"); // escaped (RFC 854)
        check(b"STOR \xcc\xee\xff.txt\r\n", b"STOR \xcc\xee\xff.txt"); // CP1251, not escaped
        check(b"MKD \xff\xf0\xff\xfd\xff\r\n", b"MKD \xff\xf0\xff\xfd\xff");
        check(b"MKD \xff\xff\xff\xff\xff\xfa\n", b"MKD \xff\xff\xff\xfa");
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_the_bytes_arrive(
            bytes in proptest::collection::vec(
                prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(IAC), Just(0)], 0..200),
        ) {
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(lines(&[&bytes]), lines(&single));
            prop_assert!(lines(&[&bytes]).iter().all(|line| !line.contains('\n')));
        }
    }
}
