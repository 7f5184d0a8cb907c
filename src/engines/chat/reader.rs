//! Reads one client: cuts lines, cleans them, slows a flood, notices silence.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::flood::Bucket;
use super::{Event, Hearing, Id};
use crate::net::{Conn, InputLine, LineSplitter};
use crate::text::printable::append_printable;

/// What is read at first, so that ten thousand silent clients cost little.
const BUF: usize = 128;
/// What is read at once from a client who says much.
const BUF_MAX: usize = 4 << 10;
/// The warning comes so long before the end, or after four fifths of a shorter time.
const WARNING: Duration = Duration::from_secs(30);

/// Reads to the end of the input. Its last event is `Leaving`.
pub(super) fn read(id: Id, conn: &Arc<Conn>, hearing: &Hearing<'_>) {
    let Hearing { events, done, options } = hearing;
    let send = |event| _ = events.send(event); // the broadcaster outlives all readers
    send(Event::Entering(id, Arc::clone(conn)));
    let now = Instant::now();
    let mut silence = Silence::new(options.idle, now);
    let mut bucket = Bucket::new(options.flood, now);
    let (mut splitter, mut buf) = (LineSplitter::default(), vec![0; BUF]);
    loop {
        silence.limit(conn);
        let n = match (&**conn).read(&mut buf) {
            Ok(0) => break,
            Ok(n) => n,
            Err(err) if is_passing(&err) => 0,
            Err(_) => break,
        };
        let (heard, n_lines) = lines(&mut splitter, &buf[..n], || send(Event::LineTooLong(id)));
        let now = Instant::now();
        match silence.after(n_lines > 0, now) {
            Verdict::Fine => {}
            Verdict::Warn(left) => send(Event::Idle(id, left)),
            Verdict::End => send(Event::TimedOut(id)),
        }
        let wait = bucket.take(n_lines, heard.len(), now);
        if !heard.is_empty() {
            send(Event::Heard(id, heard));
        }
        if !wait.is_zero() {
            _ = done.recv_timeout(wait); // the server's end is the only other event
        }
        if n == buf.len() && n < BUF_MAX {
            buf.resize(n * 2, 0);
        }
    }
    match splitter.finish() {
        Some(InputLine::Line(last)) => send(Event::Heard(id, cleaned(&last))),
        Some(InputLine::TooLong) => send(Event::LineTooLong(id)),
        None => {}
    }
    conn.mark_drained();
    send(Event::Leaving(id));
}

fn is_passing(err: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(err.kind(), Interrupted | TimedOut | WouldBlock)
}

/// The clean lines that end in `bytes`, and how many lines those were.
fn lines(splitter: &mut LineSplitter, bytes: &[u8], too_long: impl Fn()) -> (Vec<u8>, usize) {
    let (mut heard, mut n_lines) = (Vec::with_capacity(bytes.len()), 0);
    splitter.split(bytes, |found| {
        n_lines += 1;
        match found {
            InputLine::Line(text) => {
                append_printable(&mut heard, &text);
                heard.push(b'\n');
            }
            InputLine::TooLong => too_long(),
        }
    });
    (heard, n_lines)
}

fn cleaned(line: &[u8]) -> Vec<u8> {
    let mut heard = Vec::with_capacity(line.len() + 1);
    append_printable(&mut heard, line);
    heard.push(b'\n');
    heard
}

/// How long a client has completed no line.
struct Silence {
    /// Zero if it may be silent for ever.
    idle: Duration,
    since: Instant,
    is_warned: bool,
    /// When to look again, and what the socket was told to wait at most.
    wait: Duration,
    told: Duration,
}

#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Fine,
    Warn(Duration),
    End,
}

impl Silence {
    fn new(idle: Duration, now: Instant) -> Self {
        let mut silence =
            Silence { idle, since: now, is_warned: false, wait: idle, told: Duration::ZERO };
        silence.wait = silence.warn_after();
        silence
    }

    fn warn_after(&self) -> Duration {
        self.idle.saturating_sub(WARNING.min(self.idle / 5))
    }

    /// Bounds the next read by what is left.
    fn limit(&mut self, conn: &Conn) {
        if self.wait != self.told && conn.set_read_timeout(Some(self.wait)).is_ok() {
            self.told = self.wait;
        }
    }

    fn after(&mut self, has_spoken: bool, now: Instant) -> Verdict {
        if self.idle.is_zero() {
            return Verdict::Fine;
        }
        if has_spoken {
            (self.since, self.is_warned) = (now, false);
        }
        let silent = now.duration_since(self.since);
        let mut verdict = Verdict::Fine;
        if silent >= self.idle {
            self.idle = Duration::ZERO; // said once; the broadcaster ends it
            verdict = Verdict::End;
        } else if silent >= self.warn_after() && !self.is_warned {
            self.is_warned = true;
            verdict = Verdict::Warn(self.idle.saturating_sub(silent));
        }
        let next = if self.is_warned { self.idle } else { self.warn_after() };
        let left = next.saturating_sub(silent);
        self.wait = if verdict == Verdict::End { self.told } else { left.max(FINEST) };
        verdict
    }
}

/// A socket's time limit of zero would mean none.
const FINEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_warned_once_and_ended_once() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut silence = Silence::new(Duration::from_mins(5), start);
        assert_eq!(silence.wait, Duration::from_secs(270));
        assert_eq!(silence.after(false, at(100)), Verdict::Fine);
        assert_eq!(silence.wait, Duration::from_secs(170), "bytes without a line gain no time");
        assert_eq!(silence.after(false, at(271)), Verdict::Warn(Duration::from_secs(29)));
        assert_eq!(silence.after(false, at(280)), Verdict::Fine);
        assert_eq!(silence.after(true, at(290)), Verdict::Fine);
        assert_eq!(silence.after(false, at(560)), Verdict::Warn(Duration::from_secs(30)));
        assert_eq!(silence.after(false, at(590)), Verdict::End);
        assert_eq!(silence.after(false, at(9_999)), Verdict::Fine);
    }

    #[test]
    fn a_short_limit_warns_after_four_fifths() {
        let silence = Silence::new(Duration::from_secs(10), Instant::now());
        assert_eq!(silence.warn_after(), Duration::from_secs(8));
    }

    #[test]
    fn lines_are_clean_and_counted() {
        let mut splitter = LineSplitter::default();
        let (heard, n) = lines(&mut splitter, b"a\0\r\n\n\xff\npart", || {});
        assert_eq!((heard.as_slice(), n), ("a\n\n\u{fffd}\n".as_bytes(), 3));
    }
}
