//! Several servers with one conversation, over a stream of Redis or Valkey.
//!
//! What clients do is not handled where they are connected: their server appends it to the stream
//! (`append`), every server reads the stream (`follow`), and hands it to its broadcaster in that
//! order. So each server has the whole state (names, rooms, bans) and finds the same at every place
//! of the stream. A server that joins gets that state from another (`Item::Snapshot`).
//!
//! **Guarantee.** What the broker has acknowledged is accepted: every client that keeps reading
//! receives it once, in one order over all servers. An entry carries its server, which has a new
//! number at each start, and a sequence number: an entry that was appended twice, because the
//! acknowledgement was lost, is read once, and one that is missing is noticed.

mod address;
mod append;
mod broker;
mod entry;
mod follow;
mod shared;
mod state_file;

pub use address::{RelayUrl, UrlError};
pub use shared::RelayOptions;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::events::{Event, RelayRequest};
use super::ids::ServerId;
use super::random::random;
use append::Appender;
use follow::Follower;
use shared::Shared;

/// The two threads of a relay, to be run.
pub(super) struct Relay<'a> {
    shared: Shared<'a>,
}

/// The ends of channels that a relay needs.
pub(super) struct Ends {
    /// What the clients of this server do.
    pub(super) local_events: Receiver<Event>,
    /// To the broadcaster.
    pub(super) events_tx: Sender<Event>,
    /// What the broadcaster asks of the relay.
    pub(super) requests: Receiver<RelayRequest>,
}

impl<'a> Relay<'a> {
    pub(super) fn new(options: &'a RelayOptions, deadline: &'a OnceLock<Instant>) -> Self {
        let shared = Shared {
            options,
            server: u64::try_from(random() >> 65).unwrap_or(1), // JSON has 64 bits, some readers 63
            links: Mutex::default(),
            last_returned: AtomicU64::new(0),
            is_joined: AtomicBool::new(false),
            is_lost: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
            deadline,
        };
        Relay { shared }
    }

    pub(super) fn server(&self) -> ServerId {
        self.shared.server
    }

    /// Whether the broker cannot be reached, so that nobody hears anything.
    pub(super) fn is_lost(&self) -> bool {
        self.shared.is_lost.load(Ordering::Relaxed)
    }

    /// Appends and reads until all clients of this server have gone.
    pub(super) fn run(&self, ends: Ends) {
        let (items_tx, items) = bounded(64);
        let (returned_tx, returned) = bounded(1);
        let Ends { local_events, events_tx, requests } = ends;
        let appender =
            Appender::new(&self.shared, items, local_events, returned, events_tx.clone());
        let follower = Follower::new(&self.shared, events_tx, items_tx, requests, returned_tx);
        std::thread::scope(|scope| {
            crate::threads::spawn(scope, move || appender.run());
            follower.run();
        });
    }
}
