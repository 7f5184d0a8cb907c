//! 8.2, exercise 8.1: follows several clock servers, one thread per server.
//!
//! A server may be dead, silent, slow, or not a clock at all. None of that ends its thread, keeps it
//! busy, or fills memory. After a connection has ended the thread pauses and connects again; the pause
//! grows from a quarter of a second to eight seconds, unless the connection lasted longer than that.
//!
//! A server may send lines for ever, one line (RFC 867), or 32 bits (RFC 868).

use std::io;
use std::thread::Builder;

use crossbeam::channel::{Receiver, bounded};
use jiff::tz::TimeZone;

mod answer;
mod event;
mod follower;
mod source;
mod table;
mod time;

pub use event::{Event, EventKind};
pub use source::Source;
pub use table::ClockTable;
pub use time::{Offset, TimeOfDay};

use crate::threads;
use follower::Follower;

/// Capacity of the event queue. A thread whose event does not fit waits.
const EVENTS_MAX: usize = 64;

/// Follows every source, one thread each, and returns the channel of their events. Offsets are
/// relative to the time in `zone`.
///
/// A thread ends when it sends an event after the receiver was dropped. The threads are not joined:
/// one may be inside a DNS look-up or a connect, which nothing can wake.
///
/// # Errors
/// When a thread cannot be started.
///
/// # Examples
/// ```
/// use std::io::Write;
/// use std::net::TcpListener;
///
/// use jiff::tz::TimeZone;
/// use threadbare::engines::clockwall::{self, EventKind};
///
/// let server = TcpListener::bind("127.0.0.1:0")?;
/// let source = format!("NewYork={}", server.local_addr()?).parse()?;
/// let events = clockwall::follow(&[source], &TimeZone::UTC)?;
/// server.accept()?.0.write_all(b"07:00:00\n")?;
/// let time = events.iter().find_map(|event| match event.kind {
///     EventKind::Time(time, _offset) => Some(time.to_string()),
///     _ => None,
/// });
/// assert_eq!(time.as_deref(), Some("07:00:00"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn follow(sources: &[Source], zone: &TimeZone) -> io::Result<Receiver<Event>> {
    let (events_tx, events_rx) = bounded(EVENTS_MAX);
    for (index, source) in sources.iter().enumerate() {
        let (endpoint, zone) = (source.endpoint.clone(), zone.clone());
        let follower = Follower { index, zone, events: events_tx.clone() };
        let started = Builder::new().spawn(move || follower.run(&endpoint));
        started.map_err(|err| threads::cannot_start(&err))?;
    }
    Ok(events_rx)
}
