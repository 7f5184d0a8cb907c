//! Reads one client: removes control characters from its lines, delays a flood, reports idleness.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};

use super::events::{ClientId, Event};
use super::flood::TokenBucket;
use super::options::Options;
use crate::net::{Conn, IdleEvent, IdleTimer, InputLine, LineReader};
use crate::text::printable::append_printable;

/// Longest time between the warning of an idle client and its disconnection.
const WARNING_MAX: Duration = Duration::from_secs(30);

/// Reads any number of clients, each on its own thread and with its own clone.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    pub(super) events_tx: Sender<Event>,
    /// Closed when the server shuts down.
    pub(super) done: Receiver<()>,
    pub(super) options: &'a Options,
}

impl Reader<'_> {
    /// Reports all of one client's input, from `Entering` to `Leaving`.
    pub(super) fn run(&self, id: ClientId, conn: &Arc<Conn>) {
        let send = |event| _ = self.events_tx.send(event); // the broadcaster outlives all readers
        send(Event::Entering(id, Arc::clone(conn)));
        let append = |text: &mut Vec<u8>, line: InputLine<'_>| match line {
            InputLine::Line(line) => append_line(text, &line),
            InputLine::TooLong => send(Event::LineTooLong(id)),
        };
        let mut bucket = TokenBucket::new(self.options.flood, Instant::now());
        let mut reader = LineReader::new(conn, idle_timer(self.options.idle));
        while let Ok(Some(batch)) = reader.read(append) {
            match batch.idle_event {
                None => {}
                Some(IdleEvent::Warning(left)) => send(Event::IdleWarning(id, left)),
                Some(IdleEvent::Expired) => send(Event::IdleTimeout(id)),
            }
            let delay = bucket.take(batch.n_lines, batch.text.len(), batch.read_at);
            if !batch.text.is_empty() {
                send(Event::Lines(id, batch.text));
            }
            if !delay.is_zero() {
                _ = self.done.recv_timeout(delay); // returns early when the server shuts down
            }
        }
        let last = reader.finish(append);
        if !last.is_empty() {
            send(Event::Lines(id, last));
        }
        send(Event::Leaving(id));
    }
}

/// Warns 30 seconds before the end, or after four fifths of a limit below 150 seconds.
fn idle_timer(limit: Duration) -> IdleTimer {
    IdleTimer::with_warning(limit, WARNING_MAX.min(limit / 5))
}

fn append_line(text: &mut Vec<u8>, line: &[u8]) {
    append_printable(text, line);
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_printable() {
        let mut text = Vec::new();
        for line in [&b"a\0"[..], b"", b"\xff"] {
            append_line(&mut text, line);
        }
        assert_eq!(text, "a\n\n\u{fffd}\n".as_bytes());
    }

    #[test]
    fn a_short_limit_warns_after_four_fifths() {
        let mut timer = idle_timer(Duration::from_secs(10));
        let at = |ms| Instant::now() + Duration::from_millis(ms);
        assert_eq!(timer.check(at(7_000)), None);
        assert!(matches!(timer.check(at(8_500)), Some(IdleEvent::Warning(_))));
    }
}
