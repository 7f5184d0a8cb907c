//! Appends what the clients of this server do to the stream, in batches.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, never};
use crossbeam::select;

use super::broker::Broker;
use super::entry::{Entry, Item};
use super::shared::Shared;
use crate::engines::chat::events::Event;
use crate::threads::lock;

/// Bytes of text from which an entry is full.
const TEXT_MAX: usize = 64 << 10;
/// Number of items from which an entry is full.
const ITEMS_MAX: usize = 1_024;
/// Entries that may be on their way back. Beyond it senders wait: back-pressure.
const IN_FLIGHT_MAX: u64 = 32;
/// Time between two ticks.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// Pause between two attempts to reach the broker.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// The thread that appends.
pub(super) struct Appender<'a> {
    shared: &'a Shared<'a>,
    /// What the relay itself appends.
    items: Receiver<Item>,
    local_events: Receiver<Event>,
    /// Receives a word whenever an entry has come back.
    returned: Receiver<()>,
    events_tx: Sender<Event>,
    broker: Option<Broker<'a>>,
    seq: u64,
    next_tick: Instant,
}

impl<'a> Appender<'a> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        items: Receiver<Item>,
        local_events: Receiver<Event>,
        returned: Receiver<()>,
        events_tx: Sender<Event>,
    ) -> Self {
        let next_tick = Instant::now() + TICK_INTERVAL;
        let (broker, seq) = (None, 0);
        Appender { shared, items, local_events, returned, events_tx, broker, seq, next_tick }
    }

    /// Appends until the clients of this server have gone.
    pub(super) fn run(mut self) {
        loop {
            let (mut items, is_open) = self.gather();
            if Instant::now() >= self.next_tick {
                items.push(Item::Tick(self.shared.is_joined.load(Ordering::Acquire)));
                self.next_tick = Instant::now() + TICK_INTERVAL;
            }
            if !is_open {
                items.push(Item::Bye);
            }
            if !items.is_empty() {
                self.append(items);
            }
            if !is_open {
                break;
            }
        }
        self.shared.is_ended.store(true, Ordering::Release);
    }

    /// Waits for something to append, at most until the next tick. Returns all that is there, and
    /// whether more can come.
    fn gather(&mut self) -> (Vec<Item>, bool) {
        let (mut items, mut n_bytes, mut is_open) = (Vec::new(), 0, true);
        let is_held_up =
            self.seq - self.shared.last_returned.load(Ordering::Acquire) > IN_FLIGHT_MAX;
        let is_ready = self.shared.is_joined.load(Ordering::Acquire) && !is_held_up;
        let none = never();
        let events = if is_ready { &self.local_events } else { &none };
        select! {
            recv(self.items) -> item => items.extend(item),
            recv(self.returned) -> _ => {}
            recv(events) -> event => match event {
                Ok(event) => self.add(event, &mut items, &mut n_bytes),
                Err(_) => is_open = false,
            },
            default(self.next_tick.saturating_duration_since(Instant::now())) => {}
        }
        while is_ready && is_open && n_bytes < TEXT_MAX && items.len() < ITEMS_MAX {
            let Ok(event) = self.local_events.try_recv() else { break };
            self.add(event, &mut items, &mut n_bytes);
        }
        // Without a state there are no clients to wait for.
        is_open &= is_ready || self.deadline_is_far();
        (items, is_open)
    }

    fn deadline_is_far(&self) -> bool {
        self.shared.deadline.get().is_none_or(|deadline| Instant::now() < *deadline)
    }

    fn add(&self, event: Event, items: &mut Vec<Item>, n_bytes: &mut usize) {
        items.push(match event {
            Event::Entering(id, link) => {
                let (peer, web) = (link.conn.peer(), link.web.as_deref().cloned());
                lock(&self.shared.links).insert(id, link);
                Item::Entering(id, peer, web)
            }
            Event::Lines(id, text) => {
                *n_bytes += text.len();
                let text = String::from_utf8(text);
                Item::Lines(
                    id,
                    text.unwrap_or_else(|err| String::from_utf8_lossy(err.as_bytes()).into_owned()),
                )
            }
            Event::Login(id, login) => Item::Login(id, login),
            Event::IdleTimeout(id) => Item::IdleTimeout(id),
            Event::Violation(id, code) => Item::Violation(id, code.into()),
            Event::Leaving(id) => Item::Leaving(id),
            _ => return, // of this server alone: those do not come here
        });
    }

    /// Appends an entry; blocks until the broker has acknowledged it, or the server must end.
    fn append(&mut self, items: Vec<Item>) {
        self.seq += 1;
        let entry = Entry { server: self.shared.server, seq: self.seq, items };
        let bytes = serde_json::to_vec(&entry).expect("an entry has no maps with odd keys");
        while let Err(err) = self.try_append(&bytes) {
            self.broker = None;
            if !self.shared.is_lost.swap(true, Ordering::Relaxed) {
                log::warn!("relay {}: {err}", self.shared.options.url.host);
                _ = self.events_tx.send(Event::Broker(false)); // the broadcaster outlives us
            }
            if !self.deadline_is_far() {
                if entry.has_clients() {
                    log::warn!("relay: the last lines of clients were not accepted by the broker");
                }
                return;
            }
            std::thread::sleep(RETRY_INTERVAL);
        }
        if self.shared.is_lost.swap(false, Ordering::Relaxed) {
            log::warn!("relay {}: back", self.shared.options.url.host);
            _ = self.events_tx.send(Event::Broker(true));
        }
    }

    fn try_append(&mut self, bytes: &[u8]) -> redis::RedisResult<()> {
        let options = self.shared.options;
        if self.broker.is_none() {
            self.broker = Some(Broker::connect(&options.url)?);
        }
        let broker = self.broker.as_mut().expect("it was connected just now");
        broker.append(bytes, options.n_entries)
    }
}
