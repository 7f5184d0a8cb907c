//! A chat server for ten thousand clients on threads.
//!
//! A pooled thread reads each client and removes control characters from its lines (`reader`). All
//! readers send into one channel, whose order is the order that every client sees. The broadcaster
//! (`broadcaster`) owns names and rooms; it gathers all pending events into one batch with one
//! shared piece of text per room. A few fan-out threads (`fanout`) send each batch to their share
//! of the clients with non-blocking writes.
//!
//! **Guarantee.** Every client that keeps reading receives every line of its room exactly once, in
//! the same order as everyone else. A slow client slows the senders down (back-pressure); a client
//! that stops reading is disconnected, and only then is text meant for it dropped.
//!
//! No client has a writer thread, and no line passes through a lock.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use std::{io, thread};

use crossbeam::channel::{Sender, bounded};

use crate::machine::cpu;
use crate::net::{Conn, Listener, PerIpLimit};
use crate::threads::{self, ThreadPool};

mod batch;
mod broadcaster;
mod commands;
mod counters;
mod events;
mod fanout;
mod flood;
mod names;
mod options;
mod reader;

pub use counters::{Counters, Counts, LogEvent};
pub use options::Options;

use batch::Batch;
use broadcaster::Broadcaster;
use counters::Monitor;
use events::{ClientId, Event};
use fanout::Fanout;
use reader::Reader;

/// Capacity of the channel of events. Each may hold 4 KiB of text, so this bounds memory too.
const EVENTS_MAX: usize = 256;
/// Capacity of each fan-out's channel of batches: the next one is gathered while one is sent.
const BATCHES_MAX: usize = 1;
/// Most fan-out threads. One for every two CPUs is enough, and waking each costs time.
const FANOUTS_MAX: usize = 4;
/// How long clients may take to receive what is queued for them when the server shuts down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves clients until `listener` is shut down, then notifies and disconnects all of them and
/// returns; that takes about five seconds at most.
///
/// Log events never block the server: what does not fit into the channel `log_events_tx` is lost
/// and counted in [`Counts::unlogged`].
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use std::net::{Shutdown, TcpStream};
/// use std::time::Duration;
/// use threadbare::engines::chat::{self, Counters, Options};
/// use threadbare::net;
///
/// let listener = net::listen("127.0.0.1:0", 1)?;
/// let options = Options { names: false, idle: Duration::ZERO, flood: 0, per_address: 0 };
/// std::thread::scope(|scope| {
///     scope.spawn(|| chat::serve(&listener, &options, &Counters::default(), None));
///     let mut client = TcpStream::connect(listener.local_addr()?)?;
///     let own_addr = client.local_addr()?;
///     client.write_all(b"hello\n")?;
///     client.shutdown(Shutdown::Write)?;
///     let lines: Vec<String> = BufReader::new(client).lines().collect::<Result<_, _>>()?;
///     assert_eq!(lines[0], format!("You are {own_addr}"));
///     assert_eq!(lines[1], format!("{own_addr}: hello"));
///     listener.shutdown(); // ends the server
///     Ok::<(), std::io::Error>(())
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the machine has no room for the server's own threads.
pub fn serve(
    listener: &Listener,
    options: &Options,
    counters: &Counters,
    log_events_tx: Option<&Sender<LogEvent>>,
) -> io::Result<()> {
    let (events_tx, events) = bounded(EVENTS_MAX);
    let (done_tx, done) = bounded::<()>(0);
    let deadline = OnceLock::new();
    let monitor = &Monitor { counters, log_events_tx };
    thread::scope(|scope| {
        let n_fanouts = (cpu::n_cpus() / 2).clamp(1, FANOUTS_MAX) as u64;
        let mut fanouts = Vec::new();
        for index in 0..n_fanouts {
            let (batches_tx, batches) = bounded::<Arc<Batch>>(BATCHES_MAX);
            let fanout = Fanout::new(index, n_fanouts, monitor, &deadline);
            threads::spawn_now(scope, move || fanout.run(&batches))?;
            fanouts.push(batches_tx);
        }
        let broadcaster = Broadcaster::new(options, monitor);
        threads::spawn_now(scope, move || broadcaster.run(&events, &fanouts))?;
        let pool = ThreadPool::new(scope);
        let ip_limit = PerIpLimit::new(options.per_address);
        let reader = Reader { events_tx, done, options };
        for (id, conn) in (0..).zip(listener.incoming()) {
            admit(id, conn, &pool, &ip_limit, reader.clone());
        }
        _ = deadline.set(Instant::now() + DRAIN_TIMEOUT);
        drop(done_tx); // wakes the readers that flood control holds back
        _ = reader.events_tx.send(Event::Shutdown);
        drop(reader); // when the last reader ends, the channel closes and the broadcaster ends
        Ok(())
    })
}

/// Starts reading a client on a pooled thread, or refuses it.
fn admit<'scope>(
    id: ClientId,
    conn: Conn,
    pool: &ThreadPool<'scope, '_>,
    ip_limit: &PerIpLimit,
    reader: Reader<'scope>,
) {
    let Some(permit) = ip_limit.try_acquire(conn.peer().ip()) else {
        return conn.refuse("too many connections from your address");
    };
    let conn = Arc::new(conn);
    let read = {
        let conn = Arc::clone(&conn);
        move || {
            let _permit = permit;
            reader.run(id, &conn);
        }
    };
    if pool.run(read).is_err() {
        log::warn!("no thread for another client: the machine's limit is reached");
        if let Ok(conn) = Arc::try_unwrap(conn) {
            conn.refuse("server full");
        }
    }
}
