//! What the server counts and logs while it runs.

use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam::channel::Sender;

use crate::threads;

/// Counters of a running server, which another thread may read.
#[derive(Debug, Default)]
pub struct Counters {
    pub(super) clients: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) evicted: AtomicU64,
    pub(super) unlogged: AtomicU64,
}

/// The values of [`Counters`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Clients connected now.
    pub clients: u64,
    /// Lines sent or queued so far, counted once for each recipient.
    pub delivered: u64,
    /// Lines among [`delivered`](Self::delivered) that were still queued when their recipient was
    /// disconnected.
    pub dropped: u64,
    /// Clients disconnected because they did not read.
    pub evicted: u64,
    /// Threads alive that this library started, in the whole process.
    pub threads: usize,
    /// Log events lost because their channel was full.
    pub unlogged: u64,
}

/// An event that an operator may want in a log file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// A client has arrived, described as `NAME from ADDRESS`.
    Arrived(String),
    /// A client has changed its name, from the first to the second.
    Renamed(String, String),
    /// The client of this name has left.
    Left(String),
    /// The client at this address was disconnected because it did not read.
    Evicted(String),
    /// What an operator has done, or someone who would be one: `ann (ADDRESS) kicks bob (ADDRESS)`.
    Operator(String),
}

/// The counters and the log channel that the threads of the server share.
pub(super) struct Monitor<'a> {
    pub(super) counters: &'a Counters,
    pub(super) log_events_tx: Option<&'a Sender<LogEvent>>,
}

impl Counters {
    /// Returns the current values, which are read one after the other while the server runs.
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

impl Monitor<'_> {
    /// Logs `event` if anyone wants log events, without ever blocking.
    pub(super) fn log(&self, event: LogEvent) {
        if self.log_events_tx.is_some_and(|events_tx| events_tx.try_send(event).is_err()) {
            add(&self.counters.unlogged, 1);
        }
    }
}

pub(super) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam::channel::bounded;

    #[test]
    fn log_events_that_do_not_fit_are_counted() {
        let (counters, (events_tx, events)) = (Counters::default(), bounded(1));
        let monitor = Monitor { counters: &counters, log_events_tx: Some(&events_tx) };
        for name in ["ann", "bob", "eve"] {
            monitor.log(LogEvent::Left(name.to_owned()));
        }
        assert_eq!(events.try_recv(), Ok(LogEvent::Left("ann".to_owned())));
        assert_eq!(counters.now().unlogged, 2);
    }
}
