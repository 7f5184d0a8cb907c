//! Telnet's commands among the bytes that a client sends (RFC 854), for servers of plain lines.

use std::io::{self, ErrorKind, Read};

/// "Interpret as command": begins each command.
const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
/// Begins and ends the parameters of an option.
const SB: u8 = 250;
const SE: u8 = 240;
/// Longest parameters of an option: after them, and without an end, bytes are text again.
const PARAMETERS_MAX: usize = 1_024;

/// Removes telnet's commands from what it reads, and refuses every option that the client asks for.
///
/// Clients that send UTF-8 lose nothing, because byte 255 occurs in none. The refusals are needed:
/// after ^C, Linux's telnet shows nothing until `DO TIMING-MARK` is answered (RFC 860).
#[derive(Debug)]
pub struct TelnetReader<I> {
    input: I,
    state: State,
    replies: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Text,
    /// After IAC.
    Command,
    /// After one of DO, DONT, WILL and WONT.
    Option(u8),
    /// Within the parameters of an option, after so many bytes of them.
    Parameters(usize),
    /// After an IAC in there.
    ParametersCommand(usize),
}

impl<I> TelnetReader<I> {
    /// Creates a reader of what `input` reads.
    pub fn new(input: I) -> Self {
        TelnetReader { input, state: State::Text, replies: Vec::new() }
    }

    /// Takes the refusals that are to be sent to the client; empty for most.
    pub fn take_replies(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.replies)
    }

    /// Removes commands from `bytes` in place; returns the number of bytes that are left.
    fn filter(&mut self, bytes: &mut [u8]) -> usize {
        if self.state == State::Text && memchr::memchr(IAC, bytes).is_none() {
            return bytes.len();
        }
        let mut n_left = 0;
        for i in 0..bytes.len() {
            if let Some(byte) = self.next_byte(bytes[i]) {
                bytes[n_left] = byte;
                n_left += 1;
            }
        }
        n_left
    }

    /// The byte of text that `byte` stands for, if any.
    fn next_byte(&mut self, byte: u8) -> Option<u8> {
        let (state, text) = match (self.state, byte) {
            (State::Text, IAC) => (State::Command, None),
            (State::Parameters(n), IAC) => (State::ParametersCommand(n), None),
            (State::Command, DO | DONT | WILL | WONT) => (State::Option(byte), None),
            (State::Command, SB) => (State::Parameters(0), None),
            (State::Command, 241..=249 | SE) | (State::ParametersCommand(_), SE) => {
                (State::Text, None)
            }
            // After IAC: the byte 255 itself, or no command of telnet's.
            (State::Text | State::Command | State::Parameters(PARAMETERS_MAX), byte) => {
                (State::Text, Some(byte))
            }
            (State::Option(command), option) => {
                self.refuse(command, option);
                (State::Text, None)
            }
            (State::Parameters(n) | State::ParametersCommand(n), _) => {
                (State::Parameters(n + 1), None)
            }
        };
        self.state = state;
        text
    }

    fn refuse(&mut self, command: u8, option: u8) {
        let reply = match command {
            DO => WONT,
            WILL => DONT,
            _ => return, // DONT and WONT state what is so already
        };
        self.replies.extend([IAC, reply, option]);
    }
}

impl<I: Read> Read for TelnetReader<I> {
    /// Reads once. What has only commands in it is `Interrupted`, since 0 bytes would mean the end.
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buf)?;
        match self.filter(&mut buf[..n]) {
            0 if n > 0 => Err(ErrorKind::Interrupted.into()),
            n_left => Ok(n_left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The text and the replies for bytes that arrive in pieces.
    fn read(pieces: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
        let mut reader = TelnetReader::new(io::empty());
        let mut text = Vec::new();
        for piece in pieces {
            let mut bytes = piece.to_vec();
            let n = reader.filter(&mut bytes);
            text.extend_from_slice(&bytes[..n]);
        }
        (text, reader.take_replies())
    }

    #[test]
    fn commands_are_removed_and_options_are_refused() {
        let check = |sent: &[u8], text: &[u8], replies: &[u8]| {
            assert_eq!(read(&[sent]), (text.to_vec(), replies.to_vec()), "{sent:?}");
        };
        check(b"hello\n", b"hello\n", b"");
        check(b"a\xff\xf1b\xff\xf9c", b"abc", b"");
        check(b"\xff\xf4\xff\xfd\x06", b"", b"\xff\xfc\x06"); // ^C of Linux's telnet
        check(b"\xff\xfb\x0a\n", b"\n", b"\xff\xfe\x0a"); // the option is no line feed
        check(b"\xff\xfe\x01\xff\xfc\x03", b"", b"");
        check(b"a\xff\xfa\x18\x00xterm\xff\xff\xff\xf0b", b"ab", b"");
        check(b"\xff\xff", b"\xff", b"");
        check("\u{ff}ÿ".as_bytes(), "\u{ff}ÿ".as_bytes(), b"");
    }

    #[test]
    fn parameters_without_an_end_do_not_swallow_a_session() {
        let endless = [&b"\xff\xfa"[..], &[b'x'; PARAMETERS_MAX], b"text\n"].concat();
        assert_eq!(read(&[&endless]).0, b"text\n");
    }

    #[test]
    fn commands_alone_are_not_the_end_of_the_input() {
        let mut reader = TelnetReader::new(&b"\xff\xf1"[..]);
        let mut buf = [0; 8];
        assert_eq!(reader.read(&mut buf).unwrap_err().kind(), ErrorKind::Interrupted);
        assert_eq!(reader.read(&mut buf).unwrap(), 0);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            bytes in prop::collection::vec(prop_oneof![Just(255u8), 239u8..=255, any::<u8>()], 0..60),
            cut in 0usize..60,
        ) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), read(&[&bytes]));
        }

        #[test]
        fn utf8_is_unchanged(text in "\\PC{0,60}") {
            prop_assert_eq!(read(&[text.as_bytes()]).0, text.as_bytes());
        }
    }
}
