//! Reads one client: removes control characters from its lines, delays a flood, reports idleness.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};

use super::events::Event;
use super::flood::TokenBucket;
use super::ids::ClientId;
use super::link::Link;
use super::options::Options;
use super::password_lines::{Login, Part, PasswordLines, WRONG_PASSWORD_DELAY};
use super::relay::Relay;
use super::transport::Transport;
use crate::net::{Conn, IdleEvent, IdleTimer, InputLine, LineBatch, LineReader, TelnetReader};
use crate::text::printable::append_printable;

/// Length of one of telnet's refusals, in bytes.
const REPLY_LEN: usize = 3;
/// Longest time between the warning of an idle client and its disconnection.
const WARNING_MAX: Duration = Duration::from_secs(30);

/// What a client is told that comes while the broker of the relay is gone.
pub(super) const CUT_OFF: &str = "The other servers cannot be reached; please wait.\n";

/// Reads any number of clients, each on its own thread and with its own clone.
#[derive(Clone)]
pub(super) struct Reader<'a> {
    pub(super) events_tx: Sender<Event>,
    /// For what concerns one client alone: the same channel, unless the other leads to a relay.
    pub(super) local_tx: Sender<Event>,
    /// Closed when the server shuts down.
    pub(super) done: Receiver<()>,
    pub(super) options: &'a Options,
    pub(super) relay: Option<&'a Relay<'a>>,
}

impl Reader<'_> {
    /// Reports all of one client's input, from `Entering` to `Leaving`.
    pub(super) fn run(&self, id: ClientId, mut transport: Transport<'_>) {
        if self.is_cut_off() {
            _ = transport.write_all(CUT_OFF.as_bytes()); // a client that has gone need not know
        }
        let conn = transport.conn;
        let link = Link { conn: Arc::clone(conn), tls: transport.session(), web: None };
        self.send(Event::Entering(id, link));
        let append = |text: &mut Vec<u8>, line: InputLine<'_>| match line {
            InputLine::Line(bytes) => append_line(text, &bytes),
            InputLine::TooLong => self.send(Event::LineTooLong(id)),
        };
        let mut intake = Intake::new(self, id, conn, transport.is_safe());
        let input = TelnetReader::new(transport);
        let mut lines = LineReader::with_input(conn, input, idle_timer(self.options.idle));
        while let Ok(Some(mut batch)) = lines.read(append) {
            let replies = lines.input().take_replies();
            if !replies.is_empty() {
                batch.n_lines += replies.len() / REPLY_LEN; // they count as lines for flood control
                self.send(Event::Reply(id, replies));
            }
            intake.accept(batch);
        }
        let last = lines.finish(append);
        if !last.is_empty() {
            intake.send_lines(last);
        }
        self.send(Event::Leaving(id));
    }

    /// Whether a client that comes now has to wait for the broker of the relay.
    pub(super) fn is_cut_off(&self) -> bool {
        self.relay.is_some_and(Relay::is_lost)
    }

    pub(super) fn send(&self, event: Event) {
        let events_tx = if event.is_local() { &self.local_tx } else { &self.events_tx };
        _ = events_tx.send(event); // whoever receives outlives all readers
    }
}

/// Reports what a client sent, and delays a flood.
pub(super) struct Intake<'a> {
    reader: &'a Reader<'a>,
    id: ClientId,
    conn: &'a Conn,
    bucket: TokenBucket,
    passwords: PasswordLines<'a>,
}

impl<'a> Intake<'a> {
    /// Creates the intake of a client. `is_safe` says that nobody else can read its connection.
    pub(super) fn new(reader: &'a Reader<'a>, id: ClientId, conn: &'a Conn, is_safe: bool) -> Self {
        let bucket = TokenBucket::new(reader.options.flood, Instant::now());
        let passwords = PasswordLines::new(reader.options.operators.as_deref(), is_safe);
        Intake { reader, id, conn, bucket, passwords }
    }

    /// Reports lines and idleness; blocks while flood control holds the client back.
    pub(super) fn accept(&mut self, batch: LineBatch) {
        match batch.idle_event {
            None => {}
            Some(IdleEvent::Warning(left)) => self.send(Event::IdleWarning(self.id, left)),
            Some(IdleEvent::Expired) => self.send(Event::IdleTimeout(self.id)),
        }
        let n_bytes = batch.text.len();
        let delay = self.bucket.take(batch.n_lines, n_bytes, batch.read_at);
        if !delay.is_zero() {
            self.notify(batch.n_lines, n_bytes);
        }
        if !batch.text.is_empty() {
            self.send_lines(batch.text);
        }
        if !delay.is_zero() {
            _ = self.reader.done.recv_timeout(delay); // returns early when the server shuts down
        }
    }

    /// Reports lines, without the passwords in them.
    fn send_lines(&mut self, text: Vec<u8>) {
        if !self.reader.options.names || self.passwords.is_plain(&text) {
            return self.send(Event::Lines(self.id, text));
        }
        let (reader, id) = (self.reader, self.id);
        self.passwords.split(&text, |part| match part {
            Part::Lines(lines) => reader.send(Event::Lines(id, lines)),
            Part::Login(login) => {
                let is_wrong = matches!(login, Login::Refused(..));
                reader.send(Event::Login(id, login));
                if is_wrong {
                    _ = reader.done.recv_timeout(WRONG_PASSWORD_DELAY);
                }
            }
        });
    }

    /// Tells a client once that it is delayed, and how long the lines will take that have arrived:
    /// those in the kernel's buffer are taken to be as long as the last ones.
    fn notify(&mut self, n_lines: usize, n_bytes: usize) {
        let n_unread = self.conn.n_unread();
        let n_lines_unread = n_unread * n_lines / n_bytes.max(1);
        if let Some(delay) = self.bucket.notice(n_lines_unread, n_unread) {
            self.send(Event::Flooding(self.id, delay));
        }
    }

    fn send(&self, event: Event) {
        self.reader.send(event);
    }
}

/// Warns 30 seconds before the end, or after four fifths of a limit below 150 seconds.
pub(super) fn idle_timer(limit: Duration) -> IdleTimer {
    IdleTimer::with_warning(limit, WARNING_MAX.min(limit / 5))
}

pub(super) fn append_line(text: &mut Vec<u8>, line: &[u8]) {
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
