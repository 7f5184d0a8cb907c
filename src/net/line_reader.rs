//! The read loop of a server for lines: one buffer, one line splitter and one idle timer per
//! client.

use std::io::{self, Read};
use std::time::Instant;

use super::conn::Conn;
use super::idle::{IdleEvent, IdleTimer, is_timeout};
use super::line_splitter::{InputLine, LineSplitter};

/// Size of the buffer at first, so that ten thousand idle clients cost little memory.
const BUF_MIN: usize = 128;
/// Size up to which the buffer grows for a client that fills it.
const BUF_MAX: usize = 4 << 10;

/// Reads a connection in batches of lines: all lines that one read(2) completes.
///
/// Where [`Lines`](super::Lines) returns line by line, this lets a server handle together what
/// arrived together, and notice a client that completes no line.
#[derive(Debug)]
pub struct LineReader<'a, I = &'a Conn> {
    conn: &'a Conn,
    input: I,
    splitter: LineSplitter,
    buf: Vec<u8>,
    idle_timer: IdleTimer,
}

/// What one read brought; without lines if it brought only part of one, or its timeout passed.
#[derive(Debug)]
pub struct LineBatch {
    /// What the caller's function appended for the lines.
    pub text: Vec<u8>,
    /// Number of lines, those that were too long included.
    pub n_lines: usize,
    /// What the idle timer reports after this read. A completed line resets the timer.
    pub idle_event: Option<IdleEvent>,
    /// When the read returned.
    pub read_at: Instant,
}

impl<'a> LineReader<'a> {
    /// Creates a reader of `conn` that reports what `idle_timer` does.
    #[must_use]
    pub fn new(conn: &'a Conn, idle_timer: IdleTimer) -> Self {
        LineReader::with_input(conn, conn, idle_timer)
    }
}

impl<'a, I: Read> LineReader<'a, I> {
    /// Creates a reader of `input`, which decodes what it reads from `conn`.
    pub fn with_input(conn: &'a Conn, input: I, idle_timer: IdleTimer) -> Self {
        let (splitter, buf) = (LineSplitter::default(), vec![0; BUF_MIN]);
        LineReader { conn, input, splitter, buf, idle_timer }
    }

    /// Returns what decodes the bytes of the connection.
    pub fn input(&mut self) -> &mut I {
        &mut self.input
    }

    /// Reads once. For each line that this completes, `append` adds what the caller wants to keep
    /// of it to the text of the batch. Returns `None` at the end of the input.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn read(
        &mut self,
        mut append: impl FnMut(&mut Vec<u8>, InputLine<'_>),
    ) -> io::Result<Option<LineBatch>> {
        self.idle_timer.limit_read(self.conn);
        let n = match self.input.read(&mut self.buf) {
            Ok(0) => return Ok(None),
            Ok(n) => n,
            Err(err) if is_timeout(&err) => 0,
            Err(err) => return Err(err),
        };
        let (mut text, mut n_lines) = (Vec::with_capacity(n), 0);
        self.splitter.split(&self.buf[..n], |line| {
            n_lines += 1;
            append(&mut text, line);
        });
        if n == self.buf.len() && n < BUF_MAX {
            self.buf.resize(n * 2, 0);
        }
        let read_at = Instant::now();
        if n_lines > 0 {
            self.idle_timer.reset(read_at);
        }
        let idle_event = self.idle_timer.check(read_at);
        Ok(Some(LineBatch { text, n_lines, idle_event, read_at }))
    }

    /// Ends reading: marks the connection as drained, and returns the text that `append` adds for a
    /// last line without a newline, if there is one.
    pub fn finish(self, mut append: impl FnMut(&mut Vec<u8>, InputLine<'_>)) -> Vec<u8> {
        self.conn.mark_drained();
        let mut text = Vec::new();
        if let Some(line) = self.splitter.finish() {
            append(&mut text, line);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::time::Duration;

    use super::*;
    use crate::net::conn::tests::pair;

    fn append(text: &mut Vec<u8>, line: InputLine<'_>) {
        let InputLine::Line(line) = line else { return text.extend_from_slice(b"too long;") };
        text.extend_from_slice(&line);
        text.push(b';');
    }

    #[test]
    fn lines_that_arrive_together_are_one_batch() {
        let (mut client, conn) = pair();
        let mut reader = LineReader::new(&conn, IdleTimer::new(Duration::ZERO));
        client.write_all(b"a\r\n\nb\npart").unwrap();
        let batch = reader.read(append).unwrap().unwrap();
        assert_eq!((&*batch.text, batch.n_lines), (&b"a;;b;"[..], 3));
        client.write_all(b"ial\nlast").unwrap();
        let batch = reader.read(append).unwrap().unwrap();
        assert_eq!((&*batch.text, batch.n_lines), (&b"partial;"[..], 1));
        client.shutdown(Shutdown::Write).unwrap();
        assert!(reader.read(append).unwrap().is_none());
        assert_eq!(reader.finish(append), b"last;");
    }

    #[test]
    fn the_buffer_grows_for_a_client_that_fills_it() {
        let (mut client, conn) = pair();
        let mut reader = LineReader::new(&conn, IdleTimer::new(Duration::ZERO));
        client.write_all(&b"x".repeat(64 << 10)).unwrap();
        client.write_all(b"x\n").unwrap();
        let mut text = Vec::new();
        while text.is_empty() {
            text = reader.read(append).unwrap().unwrap().text;
        }
        assert_eq!((&*text, reader.buf.len()), (&b"too long;"[..], BUF_MAX));
    }

    #[test]
    fn bytes_without_a_line_do_not_reset_the_idle_timer() {
        let (mut client, conn) = pair();
        let mut reader = LineReader::new(&conn, IdleTimer::new(Duration::from_millis(50)));
        let mut idle_event = None;
        while idle_event.is_none() {
            client.write_all(b"x").unwrap();
            idle_event = reader.read(append).unwrap().unwrap().idle_event;
        }
        assert_eq!(idle_event, Some(IdleEvent::Expired));
    }
}
