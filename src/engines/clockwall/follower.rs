//! A thread that follows one server: it connects, reads times, and connects again.

use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{SendError, Sender};
use jiff::tz::TimeZone;

use super::answer::Answer;
use super::event::{Event, EventKind};
use crate::net::{DialOptions, Endpoint, Stream};

/// Maximum time for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that sends no line for this long is disconnected and tried again.
const LINE_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause between two attempts to connect; it doubles every time, unless the connection lasted longer
/// than the longest pause.
const RETRY_PAUSE: Duration = Duration::from_millis(250);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(8);
/// Bytes read at once, and the minimum time between two reads. A clock sends nine bytes per second.
const READ_SIZE: usize = 4 << 10;
const READ_INTERVAL: Duration = Duration::from_millis(50);

/// Follows one server and sends events about it.
pub(super) struct Follower {
    pub(super) index: usize,
    pub(super) zone: TimeZone,
    pub(super) events: Sender<Event>,
}

/// How a connection ended.
enum End {
    /// The server sent this line alone and closed the connection.
    Served(String),
    /// Why the connection was lost or could not be made.
    Lost(String),
}

/// The receiver of the events was dropped, which ends the thread.
type ReceiverDropped = SendError<Event>;

impl Follower {
    /// Connects again and again, until the receiver of the events is dropped.
    pub(super) fn run(&self, endpoint: &Endpoint) -> Result<(), ReceiverDropped> {
        let options = DialOptions { timeout: Some(CONNECT_TIMEOUT), ..DialOptions::default() };
        let mut pause = RETRY_PAUSE;
        loop {
            self.send(EventKind::Connecting)?;
            let (dialled, connected) = (endpoint.dial(&options, |_| {}), Instant::now());
            let end = match dialled {
                Ok(stream) => {
                    self.send(EventKind::Connected)?;
                    self.follow(&stream)?
                }
                Err(err) => End::Lost(err.cause().to_string()),
            };
            if connected.elapsed() > RETRY_PAUSE_MAX {
                pause = RETRY_PAUSE;
            }
            self.send(match end {
                End::Lost(reason) => EventKind::Lost(reason, pause),
                End::Served(line) => EventKind::Served(line, pause),
            })?;
            thread::sleep(pause);
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
    }

    /// Reads until the connection ends.
    fn follow(&self, stream: &Stream) -> Result<End, ReceiverDropped> {
        let mut answer = Answer::new(&self.zone);
        let reason = self.read(stream, &mut answer)?;
        if let Some(kind) = answer.finish() {
            self.send(kind)?;
        }
        let is_closed = reason.is_none();
        let reason = reason.unwrap_or_else(|| "closed by the server".to_owned());
        Ok(match answer.only_line().filter(|_| is_closed) {
            Some(line) => End::Served(line),
            None => End::Lost(reason),
        })
    }

    /// Reads until the connection is lost. Returns the reason; `None` if the server closed it.
    fn read(
        &self,
        mut stream: &Stream,
        answer: &mut Answer<'_>,
    ) -> Result<Option<String>, ReceiverDropped> {
        let (mut buf, mut last) = (vec![0; READ_SIZE], Instant::now());
        loop {
            let left = LINE_TIMEOUT.saturating_sub(last.elapsed());
            if left.is_zero() {
                return Ok(Some("silent for too long".to_owned()));
            }
            _ = stream.set_read_timeout(Some(left)); // without it, keep-alive notices a dead server
            let n = match stream.read(&mut buf) {
                Ok(0) => return Ok(None),
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => continue,
                Err(err) => return Ok(Some(err.to_string())),
            };
            let now = Instant::now();
            let Some(kind) = answer.receive(&buf[..n]) else { continue };
            self.send(kind)?;
            last = now;
            thread::sleep(READ_INTERVAL); // lines that arrive meanwhile make one event
        }
    }

    fn send(&self, kind: EventKind) -> Result<(), ReceiverDropped> {
        self.events.send(Event { index: self.index, kind })
    }
}
