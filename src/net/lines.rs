//! Reading a connection line by line.

use std::io::{BufRead, BufReader};

use super::conn::Conn;
use super::line_splitter::{InputLine, LineSplitter};

/// Bytes read from the kernel at once.
const BUF_SIZE: usize = 8 << 10;

/// An iterator over the lines of a connection, each without its newline and a CR before it.
///
/// A line is bytes, not necessarily UTF-8. A line longer than [`LINE_MAX`](super::LINE_MAX) is
/// discarded and answered with `line too long`; the connection stays open. A last line without a
/// newline counts as a line. A network error ends the iteration, as the end of the input does.
#[derive(Debug)]
pub struct Lines<'a> {
    conn: &'a Conn,
    input: BufReader<&'a Conn>,
    splitter: LineSplitter,
}

impl Conn {
    /// Returns an iterator over the lines received, without their line ends; see [`Lines`].
    ///
    /// ```
    /// use threadbare::net;
    ///
    /// let listener = net::listen("127.0.0.1:0", 1)?;
    /// let client = net::dial(&listener.local_addr()?.to_string())?;
    /// client.write_line("hello")?;
    /// client.write_line("world")?;
    /// let conn = listener.incoming().next().expect("a client has connected");
    /// let lines: Vec<Vec<u8>> = conn.lines().take(2).collect();
    /// assert_eq!(lines, [b"hello", b"world"]);
    /// # drop(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lines(&self) -> Lines<'_> {
        let input = BufReader::with_capacity(BUF_SIZE, self);
        Lines { conn: self, input, splitter: LineSplitter::default() }
    }
}

impl Lines<'_> {
    fn next_line(&mut self) -> Option<InputLine<'static>> {
        loop {
            let bytes = self.input.fill_buf().unwrap_or_default();
            if bytes.is_empty() {
                return std::mem::take(&mut self.splitter).finish();
            }
            let mut rest = bytes;
            let line = self.splitter.cut(&mut rest).map(InputLine::into_owned);
            let n_taken = bytes.len() - rest.len();
            self.input.consume(n_taken);
            if line.is_some() {
                return line;
            }
        }
    }
}

impl Iterator for Lines<'_> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            match self.next_line()? {
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

    /// The lines that `sent` contains, and how many more were too long.
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
    fn a_last_line_that_is_too_long_is_answered_too() {
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
        fn lines_are_bytes_of_limited_length(
            lines in prop::collection::vec(line(), 0..6),
            newline_at_end: bool,
            chunk in 1usize..100_000,
        ) {
            let mut sent = lines.join(&b'\n');
            if newline_at_end {
                sent.push(b'\n');
            }
            let (client, conn) = pair();
            let received: Vec<Vec<u8>> = thread::scope(|s| {
                let sending = s.spawn(|| {
                    sent.chunks(chunk).try_for_each(|part| (&client).write_all(part)).unwrap();
                    client.shutdown(Shutdown::Write).unwrap();
                });
                let received = conn.lines().collect();
                sending.join().unwrap();
                received
            });
            drop(conn);
            let replies = BufReader::new(&client).lines().map_while(Result::ok);
            let n_long = replies.inspect(|line| assert_eq!(line, "line too long")).count();
            prop_assert!((received, n_long) == expected(&sent));
        }
    }
}
