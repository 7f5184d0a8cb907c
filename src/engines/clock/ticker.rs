//! The thread that writes every line but the first.
//!
//! All clients have the same second between two lines, so those just served go to the end of a
//! queue that is in order already: it is a heap of deadlines that never has to be sifted.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use super::face::{Face, Printer};
use super::wall::Wall;
use crate::net::Conn;
use crate::threads::{lock, wait_timeout_while, wait_while};

/// The ticker wakes at most once in so long: what falls due meanwhile is written together, which
/// saves it a thousand wake-ups a second.
const GRAIN: Duration = Duration::from_millis(4);

/// The queue grows by so many.
const ROOM: usize = 1_024;

/// Someone who is told the time.
#[derive(Debug)]
pub(super) struct Client {
    /// When the next line is.
    pub(super) due: Instant,
    pub(super) conn: Conn,
}

/// Clients on their way to the ticker, no more than the listener admits.
#[derive(Default)]
pub(super) struct Arrivals {
    inbox: Mutex<Inbox>,
    changed: Condvar,
}

#[derive(Default)]
struct Inbox {
    clients: Vec<Client>,
    is_closing: bool,
}

impl Arrivals {
    pub(super) fn push(&self, client: Client) {
        let mut inbox = self.inbox();
        inbox.clients.push(client);
        if inbox.clients.len() == 1 {
            self.changed.notify_one(); // of the others the ticker learns in time for their lines
        }
    }

    pub(super) fn close(&self) {
        self.inbox().is_closing = true;
        self.changed.notify_one();
    }

    fn inbox(&self) -> MutexGuard<'_, Inbox> {
        lock(&self.inbox)
    }

    /// Waits until `wake`, or without it for the first client; whether this is the end.
    fn take(&self, wake: Option<Instant>) -> (Vec<Client>, bool) {
        let inbox = self.inbox();
        let mut inbox = match wake {
            None => {
                let nothing = |inbox: &mut Inbox| inbox.clients.is_empty() && !inbox.is_closing;
                wait_while(&self.changed, inbox, nothing)
            }
            Some(wake) => {
                let left = wake.saturating_duration_since(Instant::now());
                wait_timeout_while(&self.changed, inbox, left, |inbox| !inbox.is_closing)
            }
        };
        (std::mem::take(&mut inbox.clients), inbox.is_closing)
    }
}

/// Owns the clients.
pub(super) struct Ticker<'a> {
    printer: Printer<'a>,
    wall: &'a Wall,
    period: Duration,
    /// By `due`.
    clients: VecDeque<Client>,
}

impl<'a> Ticker<'a> {
    pub(super) fn new(face: &'a Face, wall: &'a Wall, period: Duration) -> Self {
        Ticker { printer: Printer::new(face), wall, period, clients: VecDeque::new() }
    }

    /// Writes lines until the arrivals are closed; returns the clients who are still there.
    pub(super) fn run(mut self, arrivals: &Arrivals) -> Vec<Conn> {
        let mut rested = Instant::now();
        loop {
            let wake = self.clients.front().map(|next| next.due.max(rested));
            let (arrived, is_closing) = arrivals.take(wake);
            for client in arrived {
                self.admit(client);
            }
            if is_closing {
                return self.clients.into_iter().map(|client| client.conn).collect();
            }
            let now = Instant::now();
            self.wall.follow(now, SystemTime::now());
            self.tick(now);
            rested = now + GRAIN;
        }
    }

    /// Almost always at the end: nobody else's line is due so late.
    fn admit(&mut self, client: Client) {
        if self.clients.len() == self.clients.capacity() {
            self.clients.reserve_exact(ROOM); // twice what there is would soon be much
        }
        let place = self.clients.iter().rposition(|other| other.due <= client.due);
        self.clients.insert(place.map_or(0, |place| place + 1), client);
    }

    /// Writes the lines that are due at `now`.
    fn tick(&mut self, now: Instant) {
        while let Some(mut client) = self.clients.pop_front_if(|client| client.due <= now) {
            let line = self.printer.line(self.wall.second(client.due));
            match client.conn.send_now(line) {
                Ok(n) if n == line.len() => {
                    client.due += self.period;
                    self.admit(client);
                }
                Ok(_) => {
                    log::debug!("{} does not read and is hung up on", client.conn.peer());
                    client.conn.abort();
                }
                Err(err) => log::debug!("{} has left: {err}", client.conn.peer()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::net::TcpStream;
    use std::thread;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::engines::clock::Format;
    use crate::net::{Listener, listen};

    fn pair(listener: &Listener) -> (TcpStream, Conn) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.incoming().next().unwrap())
    }

    fn face() -> Face {
        Face::new(TimeZone::UTC, Format::new("%s").unwrap())
    }

    #[test]
    fn lines_name_the_second_they_are_due_however_late_they_are() {
        let (face, wall, listener) = (face(), Wall::new(), listen("127.0.0.1:0", 0).unwrap());
        let mut ticker = Ticker::new(&face, &wall, Duration::from_secs(1));
        let (client, conn) = pair(&listener);
        let start = Instant::now();
        ticker.admit(Client { due: start, conn });
        for late in [0, 100, 1_999, 2_000, 7_300] {
            ticker.tick(start + Duration::from_millis(late));
        }
        drop(ticker);
        let seconds = BufReader::new(client).lines().map(|line| line.unwrap().parse().unwrap());
        let seconds: Vec<i64> = seconds.collect();
        let first = wall.second(start);
        assert_eq!(seconds, (first..first + 8).collect::<Vec<_>>());
    }

    #[test]
    fn who_comes_late_is_served_in_turn() {
        let (face, wall, listener) = (face(), Wall::new(), listen("127.0.0.1:0", 0).unwrap());
        let mut ticker = Ticker::new(&face, &wall, Duration::from_secs(1));
        let start = Instant::now();
        for ms in [300, 100, 200, 100, 400] {
            let due = start + Duration::from_millis(ms);
            ticker.admit(Client { due, conn: pair(&listener).1 });
        }
        assert!(ticker.clients.iter().is_sorted_by_key(|client| client.due));
    }

    #[test]
    fn who_does_not_read_is_hung_up_on_and_the_others_hear_every_line() {
        let (wall, listener) = (Wall::new(), listen("127.0.0.1:0", 0).unwrap());
        let long = Format::new(&format!("%s{}", "x".repeat(1_000))).unwrap();
        let face = Face::new(TimeZone::UTC, long);
        let mut ticker = Ticker::new(&face, &wall, Duration::from_secs(1));
        let ((mut deaf, first), (hearing, second)) = (pair(&listener), pair(&listener));
        let start = Instant::now();
        for conn in [first, second] {
            conn.limit_buffers(super::super::UNSENT, super::super::UNREAD);
            ticker.admit(Client { due: start, conn });
        }
        let n_lines = 20_000u32;
        thread::scope(|scope| {
            let heard = scope.spawn(|| BufReader::new(hearing).lines().count());
            for second in 0..n_lines {
                ticker.tick(start + Duration::from_secs(second.into()));
                if ticker.clients.len() == 2 || second % 8 == 0 {
                    thread::yield_now(); // for who reads
                }
                if ticker.clients.len() < 2 {
                    break;
                }
            }
            assert_eq!(ticker.clients.len(), 1, "one was hung up on");
            drop(ticker);
            assert!(heard.join().unwrap() > 0);
        });
        assert!(deaf.read_to_end(&mut Vec::new()).is_err(), "by a reset");
    }
}
