//! An echo that fades: each shout comes back in upper case, as it is, and in lower case.
//!
//! A pooled thread reads each client and answers at once with the first echo; one thread (`timer`)
//! has the later ones on a heap of deadlines. Shouts that arrive together are echoed together, in
//! one write. No thread ever waits for a client to read: what the kernel does not take waits in the
//! client's outbox, and is tried again.
//!
//! What one client has outstanding is bounded, in shouts and in bytes. At the bound its reader
//! waits, so the client's own kernel makes it wait; the others notice nothing.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::net::{Conn, IdleTimer, Listener, is_timeout};
use crate::threads::{self, ThreadPool, lock};

mod client;
mod echo;
mod reader;
mod timer;

use client::Client;
use timer::Timer;

/// How long echoes may take that are outstanding when the server ends.
const DRAIN: Duration = Duration::from_secs(5);
/// How long a client may take to close when the server ends, and between two looks at who has.
const FAREWELL: Duration = Duration::from_millis(500);
const PAUSE: Duration = Duration::from_millis(5);
/// What is read at once by a server that repeats bytes.
const BUF: usize = 16 << 10;

/// What may be chosen.
#[derive(Clone, Debug)]
pub struct Options {
    /// Between two echoes of a shout.
    pub delay: Duration,
    /// A client's next shout waits for the last echo of the one before.
    pub sequential: bool,
    /// Part from who shouts nothing for so long; zero for never.
    pub idle: Duration,
    /// Repeat bytes as they come, at once: RFC 862.
    pub raw: bool,
}

/// Serves until `listener` is shut down; then waits for the echoes that are outstanding, at most
/// five seconds, and parts from the clients.
pub fn serve(listener: &Listener, options: &Options) {
    let (timer, roll) = (Timer::default(), Roll::default());
    thread::scope(|scope| {
        threads::spawn(scope, || timer.run());
        let pool = ThreadPool::new(scope);
        for conn in listener.incoming() {
            let conn = Arc::new(conn);
            roll.enter(&conn);
            admit(conn, &pool, &timer, options);
        }
        timer.finish(Instant::now() + DRAIN);
        roll.part();
    });
}

/// Gives a newcomer a thread, or turns it away.
fn admit<'scope>(
    conn: Arc<Conn>,
    pool: &ThreadPool<'scope, '_>,
    timer: &'scope Timer,
    options: &'scope Options,
) {
    let reading = Arc::clone(&conn);
    let is_given = if options.raw {
        pool.run(move || repeat(&reading, options.idle))
    } else {
        pool.run(move || reader::read(&Client::new(reading, options), timer, options))
    };
    if is_given.is_err() {
        log::warn!("no room for another thread");
        if let Ok(conn) = Arc::try_unwrap(conn) {
            conn.refuse("server full");
        }
    }
}

/// RFC 862: sends back what comes, until it ends.
fn repeat(conn: &Conn, idle: Duration) {
    let (mut input, mut output) = (conn, conn);
    let (mut idle, mut buf) = (IdleTimer::new(idle), vec![0; BUF]);
    loop {
        idle.limit_read(conn);
        match input.read(&mut buf) {
            Ok(0) => return conn.mark_drained(),
            Ok(n) if output.write_all(&buf[..n]).is_ok() => idle.reset(),
            Err(err) if is_timeout(&err) && !idle.has_expired() => {}
            _ => return, // dropping the connection reads what it still says
        }
    }
}

/// Who is here, so that the end of the server can reach them.
#[derive(Default)]
struct Roll(Mutex<Vec<Weak<Conn>>>);

impl Roll {
    fn enter(&self, conn: &Arc<Conn>) {
        let mut here = lock(&self.0);
        if here.len() == here.capacity() {
            here.retain(|conn| conn.strong_count() > 0); // or it would grow with every client
        }
        here.push(Arc::downgrade(conn));
    }

    /// Parts from all: they read the end, and have half a second to close.
    fn part(&self) {
        let mut here = std::mem::take(&mut *lock(&self.0));
        let end = |here: &[Weak<Conn>], how| {
            for conn in here.iter().filter_map(Weak::upgrade) {
                _ = conn.shutdown(how); // it may have ended already
            }
        };
        end(&here, Shutdown::Write);
        let deadline = Instant::now() + FAREWELL;
        while !here.is_empty() && Instant::now() < deadline {
            here.retain(|conn| conn.strong_count() > 0);
            thread::sleep(PAUSE);
        }
        end(&here, Shutdown::Both); // wakes the threads that read them
    }
}
