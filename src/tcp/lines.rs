//! Lines off a connection: bytes, with a bound.

use std::io::{BufRead, BufReader};

use super::Conn;

/// The longest line taken, in bytes without its end; Go's `bufio.Scanner` has the same bound.
pub const LINE_MAX: usize = 64 << 10;

/// What is read from the kernel at once.
const BUF: usize = 8 << 10;

/// An iterator over the lines of a connection, each without its newline and the CR before it.
///
/// A line is bytes, not text. One longer than [`LINE_MAX`] is skipped to its end, its sender is
/// told `line too long`, and reading goes on: a bound on memory is no reason to hang up. A last
/// line without newline counts. Network errors end the lines as the peer's farewell does.
#[derive(Debug)]
pub struct Lines<'a> {
    conn: &'a Conn,
    input: BufReader<&'a Conn>,
}

/// How a line came to its end.
enum End {
    Newline,
    TooLong,
    Input,
}

impl<'a> Lines<'a> {
    pub(super) fn new(conn: &'a Conn) -> Self {
        Lines { conn, input: BufReader::with_capacity(BUF, conn) }
    }

    /// Appends to `line` up to a newline, which is taken and not kept.
    fn read_line(&mut self, line: &mut Vec<u8>) -> End {
        loop {
            let Ok(buf) = self.input.fill_buf() else { return End::Input };
            if buf.is_empty() {
                return End::Input;
            }
            let newline = buf.iter().position(|&byte| byte == b'\n');
            let text = &buf[..newline.unwrap_or(buf.len())];
            // One byte of grace: it may be the CR of a line that just fits.
            let fits = line.len() + text.len() <= LINE_MAX + 1;
            if fits {
                line.extend_from_slice(text);
            }
            let n_taken = text.len() + usize::from(newline.is_some());
            self.input.consume(n_taken);
            match (fits, newline) {
                (true, Some(_)) => return End::Newline,
                (true, None) => {}
                (false, Some(_)) => return End::TooLong,
                (false, None) => return self.skip_line(),
            }
        }
    }

    fn skip_line(&mut self) -> End {
        match self.input.skip_until(b'\n') {
            Ok(_) => End::TooLong,
            Err(_) => End::Input,
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            let mut line = Vec::new();
            let end = self.read_line(&mut line);
            if line.last() == Some(&b'\r') && matches!(end, End::Newline) {
                line.pop();
            }
            match end {
                End::Newline if line.len() <= LINE_MAX => return Some(line),
                End::Input if !line.is_empty() && line.len() <= LINE_MAX => return Some(line),
                End::Input => return None,
                End::Newline | End::TooLong => {
                    _ = self.conn.write_line("line too long"); // NOTE: ignoring network errors
                }
            }
        }
    }
}
