//! A thread that follows one server: it connects, reads times, and connects again.

use std::io::{self, Read};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{SendError, Sender};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::event::{Event, EventKind};
use super::time::{self, TimeOfDay};
use crate::net::{DialOptions, Endpoint, InputLine, LineSplitter, Stream};

/// Maximum time for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A server that sends no line for this long is disconnected and tried again.
const LINE_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause between two attempts to connect; it doubles with every failure.
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

/// The receiver of the events was dropped, which ends the thread.
type ReceiverDropped = SendError<Event>;

impl Follower {
    /// Connects again and again, until the receiver of the events is dropped.
    pub(super) fn run(&self, endpoint: &Endpoint) -> Result<(), ReceiverDropped> {
        let options = DialOptions { timeout: Some(CONNECT_TIMEOUT), ..DialOptions::default() };
        let mut pause = RETRY_PAUSE;
        loop {
            self.send(EventKind::Connecting)?;
            let reason = match endpoint.dial(&options, |_| {}) {
                Ok(stream) => {
                    self.send(EventKind::Connected)?;
                    self.read(&stream, &mut pause)?
                }
                Err(err) => err.cause().to_string(),
            };
            self.send(EventKind::Lost(reason, pause))?;
            thread::sleep(pause);
            pause = (pause * 2).min(RETRY_PAUSE_MAX);
        }
    }

    /// Reads until the connection is lost. Returns the reason.
    fn read(&self, mut stream: &Stream, pause: &mut Duration) -> Result<String, ReceiverDropped> {
        let (mut splitter, mut buf) = (LineSplitter::default(), vec![0; READ_SIZE]);
        let mut last = Instant::now();
        loop {
            let left = LINE_TIMEOUT.saturating_sub(last.elapsed());
            if left.is_zero() {
                return Ok("silent for too long".to_owned());
            }
            _ = stream.set_read_timeout(Some(left)); // without it, keep-alive notices a dead server
            let n = match stream.read(&mut buf) {
                Ok(0) => return Ok("closed by the server".to_owned()),
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => continue,
                Err(err) => return Ok(err.to_string()),
            };
            let now = Instant::now();
            let Some(kind) = self.last_event(&mut splitter, &buf[..n]) else { continue };
            if matches!(kind, EventKind::Time(..)) {
                *pause = RETRY_PAUSE;
            }
            self.send(kind)?;
            last = now;
            thread::sleep(READ_INTERVAL); // lines that arrive meanwhile make one event
        }
    }

    /// The event for the lines that end in `bytes`: the last time, or else the last line.
    fn last_event(&self, splitter: &mut LineSplitter, bytes: &[u8]) -> Option<EventKind> {
        let (mut time, mut other) = (None, None);
        splitter.split(bytes, |line| match line {
            InputLine::Line(text) => match TimeOfDay::find(&text) {
                Some(first) => time = Some(first),
                None => other = Some(time::excerpt(&text)),
            },
            InputLine::TooLong => other = Some("a line without end".to_owned()),
        });
        match time {
            Some(time) => Some(EventKind::Time(time, time.offset_to(self.local_time()))),
            None => other.map(EventKind::NoTime),
        }
    }

    fn local_time(&self) -> TimeOfDay {
        TimeOfDay::from_zoned(&Timestamp::now().to_zoned(self.zone.clone()))
    }

    fn send(&self, kind: EventKind) -> Result<(), ReceiverDropped> {
        self.events.send(Event { index: self.index, kind })
    }
}
