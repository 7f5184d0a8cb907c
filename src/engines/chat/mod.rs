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

use std::io;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Sender, bounded};

use crate::machine::cpu;
use crate::threads;

mod bans;
mod batch;
mod broadcaster;
mod commands;
mod counters;
mod entrance;
mod events;
mod execute;
mod fanout;
mod flood;
mod form;
mod frame;
mod history;
mod ids;
mod link;
mod lists;
mod names;
mod operate;
mod operators;
mod options;
mod output;
mod password_lines;
mod port;
mod random;
mod reader;
mod relay;
mod restore;
mod resume;
mod servers;
mod snapshot;
mod state;
mod transport;
mod upgrade;
mod web;

pub use counters::{Counters, Counts, LogEvent};
pub use operators::{Operators, OperatorsError};
pub use options::Options;
pub use port::{Port, Protocol};
pub use relay::{RelayOptions, RelayUrl, UrlError};

use batch::Batch;
use broadcaster::{Broadcaster, RelayEnd};
use counters::Monitor;
use entrance::{Entrance, accept_all};
use events::Event;
use fanout::Fanout;
use reader::Reader;
use relay::{Ends, Relay};

/// Capacity of the channel of events. Each may hold 4 KiB of text, so this bounds memory too.
const EVENTS_MAX: usize = 256;
/// Capacity of each fan-out's channel of batches: the next one is gathered while one is sent.
const BATCHES_MAX: usize = 1;
/// Capacity of the channel of requests to the relay; one that does not fit is repeated.
const REQUESTS_MAX: usize = 4;
/// Most fan-out threads. One for every two CPUs is enough, and waking each costs time.
const FANOUTS_MAX: usize = 4;
/// How long clients may take to receive what is queued for them when the server shuts down.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves clients on all `ports`, at least one, until their listeners are shut down; then notifies
/// and disconnects all clients and returns, which takes about five seconds at most.
///
/// Log events never block the server: what does not fit into the channel `log_events_tx` is lost
/// and counted in [`Counts::unlogged`].
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use std::net::{Shutdown, TcpStream};
/// use threadbare::engines::chat::{self, Counters, Options, Port, Protocol};
/// use threadbare::net;
///
/// let listener = net::listen("127.0.0.1:0", 1)?;
/// let options = Options { names: false, ..Options::default() };
/// std::thread::scope(|scope| {
///     let ports = [Port { listener: &listener, protocol: Protocol::Lines }];
///     scope.spawn(move || chat::serve(&ports, &options, &Counters::default(), None));
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
    ports: &[Port<'_>],
    options: &Options,
    counters: &Counters,
    log_events_tx: Option<&Sender<LogEvent>>,
) -> io::Result<()> {
    let (events_tx, events) = bounded(EVENTS_MAX);
    let (done_tx, done) = bounded::<()>(0);
    let deadline = OnceLock::new();
    let monitor = &Monitor { counters, log_events_tx };
    let relay = options.relay.as_ref().map(|relay| Relay::new(relay, &deadline));
    thread::scope(|scope| {
        let n_fanouts = (cpu::n_cpus() / 2).clamp(1, FANOUTS_MAX) as u64;
        let mut fanouts = Vec::new();
        for index in 0..n_fanouts {
            let (batches_tx, batches) = bounded::<Arc<Batch>>(BATCHES_MAX);
            let fanout = Fanout::new(index, n_fanouts, monitor, &deadline);
            threads::spawn_now(scope, move || fanout.run(&batches))?;
            fanouts.push(batches_tx);
        }
        let (relay, local_tx) = (relay.as_ref(), events_tx.clone());
        let (requests_tx, requests) = bounded(REQUESTS_MAX);
        let relay_end = relay.map(|relay| RelayEnd { server: relay.server(), requests_tx });
        let broadcaster = Broadcaster::new(options, monitor, relay_end);
        threads::spawn_now(scope, move || broadcaster.run(&events, &fanouts))?;
        let events_tx = match relay {
            None => events_tx,
            Some(relay) => {
                let (relayed_tx, local_events) = bounded(EVENTS_MAX);
                let ends = Ends { local_events, events_tx, requests };
                threads::spawn_now(scope, move || relay.run(ends))?;
                relayed_tx
            }
        };
        let reader = Reader { events_tx, local_tx, done, options, relay };
        let entrance = Arc::new(Entrance::new(scope, options.per_address, reader.clone()));
        accept_all(scope, ports, &entrance)?;
        _ = deadline.set(Instant::now() + DRAIN_TIMEOUT);
        drop(done_tx); // wakes the readers that flood control holds back
        reader.send(Event::Shutdown);
        drop((reader, entrance)); // when the last reader ends, the channel closes and the broadcaster ends
        Ok(())
    })
}
