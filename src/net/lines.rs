//! Lines off a connection: bytes, with a bound.

use std::io::{BufRead, BufReader};

use super::conn::Conn;
use super::line_splitter::{InputLine, LineSplitter};

/// What is read from the kernel at once.
const BUF: usize = 8 << 10;

/// An iterator over the lines of a connection, each without its newline and the CR before it.
///
/// A line is bytes, not text. One longer than [`LINE_MAX`](super::line_splitter::LINE_MAX) is skipped to its end,
/// its sender is told `line too long`, and reading goes on: a bound on memory is no reason to hang
/// up. A last line without newline counts. Network errors end the lines as the peer's farewell
/// does.
#[derive(Debug)]
pub struct Lines<'a> {
    conn: &'a Conn,
    input: BufReader<&'a Conn>,
    splitter: LineSplitter,
}

impl Conn {
    /// The lines received, without their line ends; see [`Lines`].
    pub fn lines(&self) -> Lines<'_> {
        let input = BufReader::with_capacity(BUF, self);
        Lines { conn: self, input, splitter: LineSplitter::default() }
    }
}

impl Lines<'_> {
    fn found(&mut self) -> Option<InputLine<'static>> {
        loop {
            let bytes = self.input.fill_buf().unwrap_or_default();
            if bytes.is_empty() {
                return std::mem::take(&mut self.splitter).finish();
            }
            let mut rest = bytes;
            let found = self.splitter.cut(&mut rest).map(InputLine::into_owned);
            let n_taken = bytes.len() - rest.len();
            self.input.consume(n_taken);
            if found.is_some() {
                return found;
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.found()? {
                InputLine::Line(text) => return Some(text.into_owned()),
                // NOTE: ignoring network errors
                InputLine::TooLong => _ = self.conn.write_line("line too long"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::thread;

    use proptest::prelude::*;

    use super::*;
    use crate::net::LINE_MAX;
    use crate::net::conn::tests::pair;

    /// What should come of `sent`, and how many lines were too long.
    fn expected(sent: &[u8]) -> (Vec<Vec<u8>>, usize) {
        let ended = sent.strip_suffix(b"\n");
        let lines = ended.unwrap_or(sent).split(|&byte| byte == b'\n');
        let n_lines = lines.clone().count();
        let lines = lines.enumerate().map(|(i, line)| match line.strip_suffix(b"\r") {
            Some(line) if ended.is_some() || i + 1 < n_lines => line,
            _ => line,
        });
        let lines = lines.filter(|_| !sent.is_empty());
        let (fit, long): (Vec<_>, Vec<_>) = lines.partition(|line| line.len() <= LINE_MAX);
        (fit.into_iter().map(<[u8]>::to_vec).collect(), long.len())
    }

    #[test]
    fn a_last_line_too_long_is_answered_too() {
        let (mut client, conn) = pair();
        client.write_all(&vec![b'x'; LINE_MAX + 1]).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(conn.lines().count(), 0);
        drop(conn);
        let replies: Vec<_> = BufReader::new(&client).lines().map(Result::unwrap).collect();
        assert_eq!(replies, ["line too long"]);
    }

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let text = prop::collection::vec(
            prop_oneof![Just(b'\r'), Just(0), Just(0xff), any::<u8>()],
            0..20,
        );
        let long = (LINE_MAX - 2..LINE_MAX + 3).prop_map(|n| vec![b'x'; n]);
        let huge = (LINE_MAX..5 * LINE_MAX).prop_map(|n| vec![b'x'; n]);
        prop_oneof![8 => text, 1 => long, 1 => huge]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn lines_are_bytes_with_a_bound(
            lines in prop::collection::vec(line(), 0..6),
            newline_at_end: bool,
            chunk in 1usize..100_000,
        ) {
            let mut sent = lines.join(&b'\n');
            if newline_at_end {
                sent.push(b'\n');
            }
            let (client, conn) = pair();
            let heard: Vec<Vec<u8>> = thread::scope(|s| {
                let sending = s.spawn(|| {
                    sent.chunks(chunk).try_for_each(|part| (&client).write_all(part)).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                });
                let heard = conn.lines().collect();
                sending.join().unwrap();
                heard
            });
            drop(conn);
            let replies = BufReader::new(&client).lines().map_while(Result::ok);
            let n_long = replies.inspect(|line| assert_eq!(line, "line too long")).count();
            prop_assert!((heard, n_long) == expected(&sent));
        }
    }
}
