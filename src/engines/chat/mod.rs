//! A chat server for ten thousand clients on threads.
//!
//! A pooled thread reads each client and cleans what it says (`reader`). All pool send into
//! one channel, whose order is everyone's order. The broadcaster (`hall`) owns names and rooms;
//! it gathers what is pending into one shared chunk of text a room. A few fan-out threads
//! (`fanout`) send that chunk to their clients without waiting for any.
//!
//! **Guarantee.** Every client that keeps reading gets every line of its room exactly once, in one
//! order for all. If a reader is slow the senders wait for it; if it stops it is hung up on. What
//! the server drops, it drops with the client.
//!
//! There is no writer thread a client, and no lock on the way of a line.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, bounded};

use crate::machine::cpu;
use crate::net::{Conn, Listener, PerIpLimit};
use crate::threads::{self, ThreadPool};

mod batch;
mod commands;
mod fanout;
mod flood;
mod hall;
mod names;
mod reader;

use batch::Batch;
use fanout::Fanout;
use hall::Hall;

/// Events on their way to the broadcaster. Each may hold 4 KiB of text, so this bounds memory too.
const EVENTS: usize = 256;
/// Batches on their way to a fan-out: one that waits while one is sent.
const BATCHES: usize = 1;
/// Threads that send: a CPU in two, and no more than so many. Each is one more to wake.
const FANOUTS_MAX: usize = 4;
/// How long a server that ends may take to tell everyone.
const DRAIN: Duration = Duration::from_secs(5);

/// What may be chosen.
#[derive(Clone, Debug)]
pub struct Options {
    /// Ask for a name, and take commands; otherwise clients go by their addresses, as in the book.
    pub names: bool,
    /// Hang up on who says nothing for so long; zero for never.
    pub idle: Duration,
    /// Lines a second that a client may send in the long run; zero for any number.
    pub flood: u32,
    /// Connections from one address at once, loopback apart; zero for any number.
    pub per_address: usize,
}

/// What happened so far, and how things are.
#[derive(Debug, Default)]
pub struct Counters {
    clients: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
    evicted: AtomicU64,
    unlogged: AtomicU64,
}

/// [`Counters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Clients who have been let in and not left.
    pub clients: u64,
    /// Lines handed over, one for each client who was to get it.
    pub delivered: u64,
    /// Of these, lines that a client hung up on never got.
    pub dropped: u64,
    /// Clients hung up on because they did not read.
    pub evicted: u64,
    /// Threads of the library that are alive.
    pub threads: usize,
    /// Notices that nobody took in time.
    pub unlogged: u64,
}

/// What a log wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A client has arrived, under this name.
    Arrived(String),
    /// A client goes by another name now.
    Renamed(String, String),
    /// A client has left.
    Left(String),
    /// The client at this address did not read and was hung up on.
    Evicted(String),
}

/// What the broadcaster hears, in one order.
enum Event {
    Entering(Id, Arc<Conn>),
    /// Clean lines, each with its newline.
    Heard(Id, Vec<u8>),
    LineTooLong(Id),
    /// Says nothing; will be hung up on in so many seconds.
    Idle(Id, Duration),
    TimedOut(Id),
    Leaving(Id),
    Closing,
}

type Id = u64;

/// Serves until `listener` is shut down; then tells everyone, and returns when all have gone, at
/// the latest some five seconds later.
///
/// `notices`, if anyone takes them, never hold anyone up: what does not fit is counted and lost.
pub fn serve(
    listener: &Listener,
    options: &Options,
    counters: &Counters,
    notices: Option<&Sender<Notice>>,
) {
    let (events, heard) = bounded(EVENTS);
    let (open, done) = bounded::<()>(0);
    let deadline = OnceLock::new();
    let log = &Log { counters, notices };
    thread::scope(|scope| {
        let n_fanouts = (cpu::n_cpus() / 2).clamp(1, FANOUTS_MAX) as u64;
        let mut fanouts = Vec::new();
        for nth in 0..n_fanouts {
            let (batches, to_send) = bounded::<Arc<Batch>>(BATCHES);
            let fanout = Fanout::new(nth, n_fanouts, log, &deadline);
            threads::spawn(scope, move || fanout.run(&to_send));
            fanouts.push(batches);
        }
        threads::spawn(scope, move || Hall::new(options, log).run(&heard, &fanouts));
        let pool = ThreadPool::new(scope);
        let ip_limit = PerIpLimit::new(options.per_address);
        let hearing = Hearing { events, done, options };
        for (id, conn) in (0..).zip(listener.incoming()) {
            admit(id, conn, &pool, &ip_limit, hearing.clone());
        }
        _ = deadline.set(Instant::now() + DRAIN);
        drop(open); // wakes pool who wait for flood control
        _ = hearing.events.send(Event::Closing);
        drop(hearing); // the last reader's end will be the broadcaster's
    });
}

/// What each reader is given.
#[derive(Clone)]
struct Hearing<'a> {
    events: Sender<Event>,
    done: Receiver<()>,
    options: &'a Options,
}

/// Gives a newcomer a thread, or turns it away.
fn admit<'scope>(
    id: Id,
    conn: Conn,
    pool: &ThreadPool<'scope, '_>,
    ip_limit: &PerIpLimit,
    hearing: Hearing<'scope>,
) {
    let Some(place) = ip_limit.try_acquire(conn.peer().ip()) else {
        return conn.refuse("too many connections from your address");
    };
    let conn = Arc::new(conn);
    let read = {
        let conn = Arc::clone(&conn);
        move || {
            let _place = place;
            reader::read(id, &conn, &hearing);
        }
    };
    if pool.run(read).is_err() {
        log::warn!("no room for another thread");
        if let Ok(conn) = Arc::try_unwrap(conn) {
            conn.refuse("server full");
        }
    }
}

/// Where counts and notices go.
struct Log<'a> {
    counters: &'a Counters,
    notices: Option<&'a Sender<Notice>>,
}

impl Log<'_> {
    fn notice(&self, notice: Notice) {
        if self.notices.is_some_and(|notices| notices.try_send(notice).is_err()) {
            add(&self.counters.unlogged, 1);
        }
    }
}

fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

impl Counters {
    /// How things are now.
    pub fn now(&self) -> Counts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            clients: get(&self.clients),
            delivered: get(&self.delivered),
            dropped: get(&self.dropped),
            evicted: get(&self.evicted),
            threads: threads::n_threads(),
            unlogged: get(&self.unlogged),
        }
    }
}
