//! A wall of clocks: a thread follows each server, for ever, and tells what it sees.
//!
//! A server may be dead, silent, slow, or no clock at all: none of it ends a thread, keeps it busy,
//! or fills memory. A lost server is dialled again after a pause that grows from a quarter of a
//! second to eight; a line from a clock makes it short again.

use std::io::{self, Read};
use std::str::FromStr;
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, SendError, Sender, bounded};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::net::{Endpoint, Family, InputLine, LineSplitter, Stream};

mod board;
mod time;

pub use board::Board;
pub use time::{Offset, TimeOfDay};

/// News on their way; a thread whose news nobody takes waits.
const NEWS: usize = 64;
/// How long connecting may take.
const DIAL: Duration = Duration::from_secs(5);
/// A server that sends no line for so long is hung up on and dialled again.
const SILENT: Duration = Duration::from_secs(15);
/// Between two dials.
const PAUSE: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(8);
/// What is read at once, and the least time that takes: a clock says nine bytes a second.
const BUF: usize = 4 << 10;
const READ: Duration = Duration::from_millis(50);

/// A server to follow, written `NAME=HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    name: String,
    place: Endpoint,
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, addr)| {
            let (host, port) = addr.rsplit_once(':')?;
            Some((name, host.trim_start_matches('[').trim_end_matches(']'), port))
        });
        match parts {
            Some((name, host, port)) if !name.is_empty() && !host.is_empty() => {
                let port = port.parse().map_err(|_| format!("{port}: no port number"))?;
                let place = Endpoint::Tcp { host: host.to_owned(), port, family: Family::Any };
                Ok(Source { name: name.to_owned(), place })
            }
            _ => Err("a clock is written NAME=HOST:PORT".to_owned()),
        }
    }
}

/// What was seen of the `nth` server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Which, from 0.
    pub nth: usize,
    /// What.
    pub news: News,
}

/// What was seen of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It is being dialled.
    Dialling,
    /// It has accepted.
    Connected,
    /// It said what time it is.
    Time(TimeOfDay, Offset),
    /// It said something else.
    Garbage(String),
    /// It is lost, for this reason, and will be dialled after this time.
    Lost(String, Duration),
}

/// Follows every source, with a thread each. Offsets are to the time in `zone`.
///
/// The threads end when the receiver has been dropped and they have more to tell. Nobody joins
/// them: one may be inside a DNS look-up or a connect, which nothing wakes.
///
/// # Errors
/// When there is no room for so many threads.
pub fn follow(sources: &[Source], zone: &TimeZone) -> io::Result<Receiver<Event>> {
    let (news, heard) = bounded(NEWS);
    for (nth, source) in sources.iter().enumerate() {
        let (place, zone, news) = (source.place.clone(), zone.clone(), news.clone());
        let watcher = Watcher { nth, zone, news };
        Builder::new().spawn(move || watcher.run(&place))?;
    }
    Ok(heard)
}

struct Watcher {
    nth: usize,
    zone: TimeZone,
    news: Sender<Event>,
}

/// Nobody wants to know any more.
type Unheard = SendError<Event>;

impl Watcher {
    fn run(&self, place: &Endpoint) -> Result<(), Unheard> {
        let mut pause = PAUSE;
        loop {
            self.tell(News::Dialling)?;
            let why = match place.dial(Some(DIAL), |_| {}) {
                Ok(stream) => {
                    self.tell(News::Connected)?;
                    self.read(&stream, &mut pause)?
                }
                Err(err) => err.cause().to_string(),
            };
            self.tell(News::Lost(why, pause))?;
            thread::sleep(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    /// Reads until the connection is lost; says why.
    fn read(&self, mut stream: &Stream, pause: &mut Duration) -> Result<String, Unheard> {
        let (mut splitter, mut buf) = (LineSplitter::default(), vec![0; BUF]);
        let mut last = Instant::now();
        loop {
            let left = SILENT.saturating_sub(last.elapsed());
            if left.is_zero() {
                return Ok("silent for too long".to_owned());
            }
            _ = stream.set_read_timeout(left); // without it, silence is noticed by keep-alive
            let n = match stream.read(&mut buf) {
                Ok(0) => return Ok("closed by the server".to_owned()),
                Ok(n) => n,
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => continue,
                Err(err) => return Ok(err.to_string()),
            };
            let now = Instant::now();
            let Some(news) = self.news_in(&mut splitter, &buf[..n]) else { continue };
            if matches!(news, News::Time(..)) {
                *pause = PAUSE;
            }
            self.tell(news)?;
            last = now;
            thread::sleep(READ); // more at once is one piece of news
        }
    }

    /// The last time that ends in `bytes`, or the last line if none is a time.
    fn news_in(&self, splitter: &mut LineSplitter, bytes: &[u8]) -> Option<News> {
        let (mut time, mut garbage) = (None, None);
        splitter.split(bytes, |found| match found {
            InputLine::Line(text) => match TimeOfDay::find(&text) {
                Some(found) => time = Some(found),
                None => garbage = Some(time::shown(&text)),
            },
            InputLine::TooLong => garbage = Some("a line without end".to_owned()),
        });
        match time {
            Some(time) => Some(News::Time(time, time.offset_to(self.local()))),
            None => garbage.map(News::Garbage),
        }
    }

    fn local(&self) -> TimeOfDay {
        TimeOfDay::of(&Timestamp::now().to_zoned(self.zone.clone()))
    }

    fn tell(&self, news: News) -> Result<(), Unheard> {
        self.news.send(Event { nth: self.nth, news })
    }
}

impl Source {
    /// What it is called on the wall.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_have_a_name_and_an_address() {
        let source = |text: &str| text.parse::<Source>();
        assert_eq!(source("London=localhost:8020").unwrap().place.to_string(), "localhost:8020");
        assert_eq!(source("v6=[::1]:1").unwrap().place.to_string(), "[::1]:1");
        assert_eq!(source("a=b=c:1").unwrap().place.to_string(), "b=c:1");
        for text in
            ["", "London", "London=", "=localhost:1", "a=localhost", "a=:1", "a=b:x", "a=b:70000"]
        {
            assert!(source(text).is_err(), "{text}");
        }
    }
}
