//! The thread that writes all lines but the first of each client.
//!
//! The time between two lines is the same for all clients. A client that was just served therefore
//! goes to the end of the queue, which stays sorted by deadline without a heap.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use super::time_format::{LineCache, TimeFormat};
use super::wall_clock::WallClock;
use crate::net::Conn;
use crate::threads::{Condvar, lock, wait_timeout_while, wait_while};

/// Minimum time between two wake-ups of the ticker. Lines that fall due in between are written
/// together, which saves up to a thousand wake-ups per second.
const TICK_INTERVAL: Duration = Duration::from_millis(4);

/// Number of clients by which the queue grows.
const QUEUE_GROWTH: usize = 1_024;

/// A connected client, and when its next line is due.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) due: Instant,
    pub(super) conn: Conn,
}

/// The queue of new clients for the ticker, bounded by the number of clients that the listener
/// admits.
#[derive(Default)]
pub(super) struct NewClients {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    clients: Vec<Client>,
    is_closed: bool,
}

impl NewClients {
    pub(super) fn push(&self, client: Client) {
        let mut queue = self.queue();
        queue.clients.push(client);
        if queue.clients.len() == 1 {
            self.changed.notify_one(); // with more the ticker is awake in time for their lines
        }
    }

    /// Ends the ticker.
    pub(super) fn close(&self) {
        self.queue().is_closed = true;
        self.changed.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    /// Waits until `wake`, or if that is `None` for the first client. Returns the new clients, and
    /// whether the queue is closed.
    fn take(&self, wake: Option<Instant>) -> (Vec<Client>, bool) {
        let queue = self.queue();
        let mut queue = match wake {
            None => {
                let nothing = |queue: &mut Queue| queue.clients.is_empty() && !queue.is_closed;
                wait_while(&self.changed, queue, nothing)
            }
            Some(wake) => {
                let left = wake.saturating_duration_since(Instant::now());
                wait_timeout_while(&self.changed, queue, left, |queue| !queue.is_closed)
            }
        };
        (std::mem::take(&mut queue.clients), queue.is_closed)
    }
}

/// Owns the clients and writes their lines.
pub(super) struct Ticker<'a> {
    lines: LineCache<'a>,
    clock: &'a WallClock,
    period: Duration,
    /// Sorted by `due`.
    clients: VecDeque<Client>,
}

impl<'a> Ticker<'a> {
    pub(super) fn new(format: &'a TimeFormat, clock: &'a WallClock, period: Duration) -> Self {
        Ticker { lines: LineCache::new(format), clock, period, clients: VecDeque::new() }
    }

    /// Writes lines until `new_clients` is closed. Returns the connections that are still open.
    pub(super) fn run(mut self, new_clients: &NewClients) -> Vec<Conn> {
        let mut next_tick = Instant::now();
        loop {
            let wake = self.clients.front().map(|next| next.due.max(next_tick));
            let (arrived, is_closed) = new_clients.take(wake);
            for client in arrived {
                self.admit(client);
            }
            if is_closed {
                return self.clients.into_iter().map(|client| client.conn).collect();
            }
            let now = Instant::now();
            self.clock.follow(now, SystemTime::now());
            self.tick(now);
            next_tick = now + TICK_INTERVAL;
        }
    }

    /// Inserts a client, almost always at the end, because no other line is due later.
    fn admit(&mut self, client: Client) {
        if self.clients.len() == self.clients.capacity() {
            self.clients.reserve_exact(QUEUE_GROWTH); // doubling would waste memory
        }
        let place = self.clients.iter().rposition(|other| other.due <= client.due);
        self.clients.insert(place.map_or(0, |place| place + 1), client);
    }

    /// Writes the lines that are due at `now`.
    fn tick(&mut self, now: Instant) {
        while let Some(mut client) = self.clients.pop_front_if(|client| client.due <= now) {
            let line = self.lines.line(self.clock.second(client.due));
            match client.conn.send_now(line) {
                Ok(n) if n == line.len() => {
                    client.due += self.period;
                    self.admit(client);
                }
                Ok(_) => {
                    log::debug!("{} does not read: disconnected", client.conn.peer());
                    client.conn.abort();
                }
                Err(err) => log::debug!("{} has disconnected: {err}", client.conn.peer()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, BufRead, BufReader, Read};
    use std::net::TcpStream;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    use jiff::tz::TimeZone;

    use super::*;
    use crate::engines::clock::Pattern;
    use crate::net::{Listener, listen};

    fn pair(listener: &Listener) -> (TcpStream, Conn) {
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (client, listener.incoming().next().unwrap())
    }

    fn seconds_since_1970() -> TimeFormat {
        TimeFormat::new(TimeZone::UTC, Pattern::new("%s").unwrap())
    }

    #[test]
    fn late_lines_show_the_second_when_they_were_due() {
        let (format, clock) = (seconds_since_1970(), WallClock::new());
        let listener = listen("127.0.0.1:0", 0).unwrap();
        let mut ticker = Ticker::new(&format, &clock, Duration::from_secs(1));
        let (client, conn) = pair(&listener);
        let start = Instant::now();
        ticker.admit(Client { due: start, conn });
        for late in [0, 100, 1_999, 2_000, 7_300] {
            ticker.tick(start + Duration::from_millis(late));
        }
        drop(ticker);
        let seconds = BufReader::new(client).lines().map(|line| line.unwrap().parse().unwrap());
        let seconds: Vec<i64> = seconds.collect();
        let first = clock.second(start);
        assert_eq!(seconds, (first..first + 8).collect::<Vec<_>>());
    }

    #[test]
    fn clients_are_sorted_by_deadline() {
        let (format, clock) = (seconds_since_1970(), WallClock::new());
        let listener = listen("127.0.0.1:0", 0).unwrap();
        let mut ticker = Ticker::new(&format, &clock, Duration::from_secs(1));
        let start = Instant::now();
        for ms in [300, 100, 200, 100, 400] {
            let due = start + Duration::from_millis(ms);
            ticker.admit(Client { due, conn: pair(&listener).1 });
        }
        assert!(ticker.clients.iter().is_sorted_by_key(|client| client.due));
    }

    #[test]
    fn a_client_that_does_not_read_is_reset_and_the_others_are_served() {
        let (clock, listener) = (WallClock::new(), listen("127.0.0.1:0", 0).unwrap());
        let long = Pattern::new(&format!("%s{}", "x".repeat(1_000))).unwrap();
        let format = TimeFormat::new(TimeZone::UTC, long);
        let mut ticker = Ticker::new(&format, &clock, Duration::from_secs(1));
        let ((mut stalled, first), (reading, second)) = (pair(&listener), pair(&listener));
        let start = Instant::now();
        for conn in [first, second] {
            conn.limit_buffers(super::super::SEND_BUFFER, super::super::RECV_BUFFER);
            ticker.admit(Client { due: start, conn });
        }
        let n_read = AtomicU64::new(0);
        thread::scope(|scope| {
            let count = |line: io::Result<String>| {
                line.unwrap();
                n_read.fetch_add(1, Ordering::Relaxed);
            };
            scope.spawn(move || BufReader::new(reading).lines().for_each(count));
            for second in 0..20_000 {
                ticker.tick(start + Duration::from_secs(second));
                if ticker.clients.len() < 2 {
                    break;
                }
                while n_read.load(Ordering::Relaxed) + 4 < second {
                    thread::yield_now(); // lets the reader catch up
                }
            }
            assert_eq!(ticker.clients.len(), 1, "one was disconnected");
            drop(ticker); // ends the reader
        });
        assert!(n_read.into_inner() > 0);
        assert!(stalled.read_to_end(&mut Vec::new()).is_err(), "by a reset");
    }
}
