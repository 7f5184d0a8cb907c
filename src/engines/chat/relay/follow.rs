//! Reads the stream and hands what is in it to the broadcaster, in its order.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use jiff::Timestamp;
use redis::RedisResult;

use super::broker::{Broker, EntryId};
use super::entry::{Entry, Item};
use super::shared::Shared;
use super::state_file::{self, Saved};
use crate::engines::chat::events::{Event, RelayEvent, RelayRequest};
use crate::engines::chat::ids::{ClientId, GlobalId, REMOTE_MIN, ServerId};
use crate::engines::chat::snapshot::Snapshot;
use crate::threads::lock;

/// Pause between two attempts to reach the broker.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// Own ticks without a word from a server that has the state, after which there is none.
const ALONE_TICKS: u32 = 3;
/// Own ticks after which a state that was promised is asked for again.
const ASK_AGAIN_TICKS: u32 = 6;
/// Age of the newest entry, in milliseconds, from which no server is there.
const DEAD_MS: u64 = 10_000;
/// Time from the start to the first write of the state file.
const FIRST_SAVE: Duration = Duration::from_secs(1);
/// Time between two writes of the state file.
const SAVE_INTERVAL: Duration = Duration::from_secs(5);

/// The thread that reads.
pub(super) struct Follower<'a> {
    shared: &'a Shared<'a>,
    events_tx: Sender<Event>,
    items_tx: Sender<Item>,
    requests: Receiver<RelayRequest>,
    returned_tx: Sender<()>,
    last_id: EntryId,
    /// The last sequence number read of each server.
    seqs: HashMap<ServerId, u64>,
    /// The numbers here of the clients of other servers.
    ids: HashMap<GlobalId, ClientId>,
    next_id: ClientId,
    phase: Phase,
    next_save: Instant,
    /// Whether this server's last entry has come back.
    is_over: bool,
}

/// How far this server has come.
enum Phase {
    /// It waits for its first entry to come back; whether another server has the state.
    Waiting(bool),
    /// It has asked for the state.
    Joining(Joining),
    /// It has the state.
    Following,
}

#[derive(Default)]
struct Joining {
    n_ticks: u32,
    /// Whether a server that has the state was heard of.
    has_giver: bool,
    has_founded: bool,
    /// What was read since this server asked.
    entries: Vec<(EntryId, Entry)>,
}

impl<'a> Follower<'a> {
    pub(super) fn new(
        shared: &'a Shared<'a>,
        events_tx: Sender<Event>,
        items_tx: Sender<Item>,
        requests: Receiver<RelayRequest>,
        returned_tx: Sender<()>,
    ) -> Self {
        Follower {
            shared,
            events_tx,
            items_tx,
            requests,
            returned_tx,
            last_id: EntryId::default(),
            seqs: HashMap::new(),
            ids: HashMap::new(),
            next_id: REMOTE_MIN,
            phase: Phase::Waiting(false),
            next_save: Instant::now() + FIRST_SAVE,
            is_over: false,
        }
    }

    /// Reads until this server's last entry has come back, or the broker is gone at the end.
    pub(super) fn run(mut self) {
        let mut is_started = false;
        while !self.is_finished() {
            match self.read_all(&mut is_started) {
                Ok(()) => return self.save_last(),
                Err(err) => {
                    log::debug!("relay {}: {err}", self.shared.options.url.host);
                    std::thread::sleep(RETRY_INTERVAL);
                }
            }
        }
    }

    fn is_finished(&self) -> bool {
        let is_ended = self.shared.is_ended.load(Ordering::Acquire);
        let is_late = self.shared.deadline.get().is_some_and(|end| Instant::now() >= *end);
        is_ended && (self.is_over || is_late)
    }

    /// Reads with one connection, until there is nothing more to read for this server.
    fn read_all(&mut self, is_started: &mut bool) -> RedisResult<()> {
        let mut broker = Broker::connect(&self.shared.options.url)?;
        let newest = broker.newest()?;
        if !std::mem::replace(is_started, true) {
            self.start(&mut broker, newest)?;
        } else if newest < self.last_id {
            self.report("The broker has lost what was said last: its entries went back.");
            self.last_id = EntryId::default();
        }
        while !self.is_finished() {
            for (id, entry) in broker.read(self.last_id)? {
                self.last_id = id;
                if let Some(entry) = entry.filter(|entry| self.is_new(entry)) {
                    self.take(id, entry);
                }
            }
            self.serve_requests();
            self.ask_for_save();
        }
        Ok(())
    }

    /// Finds the place to begin at, and says to the other servers that this one is there.
    fn start(&mut self, broker: &mut Broker<'_>, newest: EntryId) -> RedisResult<()> {
        if broker.is_durable() == Some(false) {
            log::warn!(
                "relay {}: the broker keeps no append-only file (--appendonly yes): what it has \
                 accepted is lost when it ends",
                self.shared.options.url.host
            );
        }
        let path = self.shared.options.state_file.as_deref();
        if let Some(saved) = path.and_then(state_file::read) {
            match EntryId::parse(&saved.last_id) {
                Some(last_id) if last_id <= newest => {
                    self.continue_from(last_id, saved);
                    return Ok(());
                }
                _ => log::warn!("relay: the stream is not the one of the state file"),
            }
        }
        self.last_id = newest;
        let is_dead = newest == EntryId::default() || broker.now_ms()? > newest.ms + DEAD_MS;
        self.append(if is_dead { Item::Founding } else { Item::Hello });
        Ok(())
    }

    fn continue_from(&mut self, last_id: EntryId, saved: Saved) {
        self.last_id = last_id;
        self.seqs = saved.seqs;
        self.restore(saved.state);
        self.append(Item::Gone(saved.server));
        self.follow();
    }

    /// Whether an entry was not read before; reports what is missing before it.
    fn is_new(&mut self, entry: &Entry) -> bool {
        let last = self.seqs.insert(entry.server, entry.seq).unwrap_or(0);
        if entry.seq <= last {
            self.seqs.insert(entry.server, last); // it was appended twice
            return false;
        }
        let is_known = last > 0 || entry.server == self.shared.server;
        if is_known && entry.seq > last + 1 {
            let n = entry.seq - last - 1;
            self.report(&format!("Lines are missing here: {n} parts of the stream were lost."));
        }
        if entry.server == self.shared.server {
            self.shared.last_returned.store(entry.seq, Ordering::Release);
            _ = self.returned_tx.try_send(()); // one word is enough
        }
        true
    }

    fn take(&mut self, id: EntryId, entry: Entry) {
        let is_own = entry.server == self.shared.server;
        let is_founded = entry.items.iter().any(|item| matches!(item, Item::Founding));
        match &mut self.phase {
            Phase::Following => self.apply(id, entry),
            Phase::Waiting(is_other_there) if !is_own => *is_other_there |= is_founded,
            Phase::Waiting(true) if is_founded => self.append(Item::Hello),
            Phase::Waiting(_) if is_founded => {
                self.follow();
                self.apply(id, entry);
            }
            Phase::Waiting(_) => {
                if entry.items.iter().any(|item| matches!(item, Item::Hello)) {
                    self.phase = Phase::Joining(Joining::default());
                }
            }
            Phase::Joining(_) => self.join(id, entry, is_own),
        }
    }

    /// Takes an entry while this server waits for the state.
    fn join(&mut self, id: EntryId, entry: Entry, is_own: bool) {
        let Phase::Joining(joining) = &mut self.phase else { return };
        let own = self.shared.server;
        if let Some(at) =
            entry.items.iter().position(|item| matches!(item, Item::Snapshot(to, _) if *to == own))
        {
            let mut entry = entry;
            let entries = std::mem::take(&mut joining.entries);
            let Item::Snapshot(_, state) = entry.items.remove(at) else { return };
            self.restore(*state);
            for (id, earlier) in entries {
                self.apply(id, earlier);
            }
            self.apply(id, entry);
            self.append(Item::Joined);
            return self.follow();
        }
        let has = |wanted: fn(&Item) -> bool| entry.items.iter().any(wanted);
        let is_founded = has(|item| matches!(item, Item::Founding));
        if is_own {
            joining.n_ticks += u32::from(has(|item| matches!(item, Item::Tick(_))));
            if is_founded && !joining.has_giver {
                self.follow();
                return self.apply(id, entry);
            }
            if has(|item| matches!(item, Item::Hello)) {
                *joining = Joining::default();
                return;
            }
            let n_ticks = joining.n_ticks;
            if n_ticks == ALONE_TICKS && !joining.has_giver && !joining.has_founded {
                joining.has_founded = true;
                self.append(Item::Founding);
            } else if n_ticks >= ASK_AGAIN_TICKS {
                joining.n_ticks = 0;
                self.append(Item::Hello);
            }
            return;
        }
        joining.has_giver |= is_founded
            || entry.has_clients()
            || has(|item| matches!(item, Item::Joined | Item::Snapshot(..) | Item::Tick(true)));
        joining.entries.push((id, entry));
        if is_founded {
            self.append(Item::Hello); // for the state that begins there
        }
    }

    fn follow(&mut self) {
        self.phase = Phase::Following;
        self.shared.is_joined.store(true, Ordering::Release);
        _ = self.returned_tx.try_send(()); // wakes the thread that appends
    }

    /// Hands an entry to the broadcaster.
    fn apply(&mut self, id: EntryId, entry: Entry) {
        let ms = i64::try_from(id.ms).unwrap_or(i64::MAX);
        let at = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
        let server = entry.server;
        self.send(Event::Relay(RelayEvent::Heard(server, at)));
        for item in entry.items {
            self.apply_item(server, item);
        }
    }

    fn apply_item(&mut self, server: ServerId, item: Item) {
        let event = match item {
            Item::Hello => Event::Relay(RelayEvent::Hello(server)),
            Item::Founding => Event::Relay(RelayEvent::Founded(server)),
            Item::Joined => Event::Relay(RelayEvent::Joined(server)),
            Item::Tick(is_joined) => Event::Relay(RelayEvent::Tick(server, is_joined)),
            Item::Bye => {
                self.is_over |= server == self.shared.server;
                self.ids.retain(|(other, _), _| *other != server);
                Event::Relay(RelayEvent::Gone(server))
            }
            Item::Gone(other) => {
                self.ids.retain(|(server, _), _| *server != other);
                Event::Relay(RelayEvent::Gone(other))
            }
            Item::Snapshot(..) => return, // for another server
            Item::Entering(client, peer, web) => {
                let (id, global) = (self.id(server, client), (server, client));
                let link = if server == self.shared.server {
                    lock(&self.shared.links).remove(&client)
                } else {
                    None
                };
                match link {
                    Some(link) => Event::Entering(id, link),
                    None => Event::EnteringElsewhere(id, global, peer, web.map(Arc::new)),
                }
            }
            Item::Lines(client, text) => Event::Lines(self.id(server, client), text.into_bytes()),
            Item::Login(client, login) => Event::Login(self.id(server, client), login),
            Item::IdleTimeout(client) => Event::IdleTimeout(self.id(server, client)),
            Item::Violation(client, code) => Event::Violation(self.id(server, client), code.into()),
            Item::Leaving(client) => {
                let id = self.id(server, client);
                self.ids.remove(&(server, client));
                Event::Leaving(id)
            }
        };
        self.send(event);
    }

    /// The number here of a client of any server.
    fn id(&mut self, server: ServerId, client: u64) -> ClientId {
        if server == self.shared.server {
            return client;
        }
        let next_id = &mut self.next_id;
        *self.ids.entry((server, client)).or_insert_with(|| {
            *next_id += 1;
            *next_id
        })
    }

    fn restore(&mut self, state: Snapshot) {
        let ids = state.clients().map(|(server, client)| self.id(server, client)).collect();
        self.send(Event::Relay(RelayEvent::Restore(Box::new(state), ids)));
    }

    /// Does what the broadcaster asks for.
    fn serve_requests(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            match request {
                RelayRequest::Give(to, state) => self.append(Item::Snapshot(to, state)),
                RelayRequest::Save(last_id, seqs, state) => self.save(last_id, seqs, *state),
            }
        }
    }

    /// Asks the broadcaster for the state at this place, to write it to the file.
    fn ask_for_save(&mut self) {
        let is_due = Instant::now() >= self.next_save && matches!(self.phase, Phase::Following);
        if is_due && self.shared.options.state_file.is_some() {
            self.next_save = Instant::now() + SAVE_INTERVAL;
            let (last_id, seqs) = (self.last_id.to_string(), self.seqs.clone());
            self.send(Event::Relay(RelayEvent::Save(last_id, seqs)));
        }
    }

    fn save(&self, last_id: String, seqs: HashMap<ServerId, u64>, state: Snapshot) {
        if let Some(path) = &self.shared.options.state_file {
            let server = self.shared.server;
            state_file::write(path, &Saved { last_id, seqs, server, state });
        }
    }

    fn save_last(&mut self) {
        self.next_save = Instant::now();
        if self.shared.options.state_file.is_some() && matches!(self.phase, Phase::Following) {
            self.ask_for_save();
            if let Ok(RelayRequest::Save(last_id, seqs, state)) =
                self.requests.recv_timeout(SAVE_INTERVAL)
            {
                self.save(last_id, seqs, *state);
            }
        }
    }

    /// Says something to all clients of this server, and in its log.
    fn report(&self, line: &str) {
        log::warn!("relay {}: {line}", self.shared.options.url.host);
        self.send(Event::Relay(RelayEvent::Report(line.to_owned())));
    }

    /// Has the other thread append an item.
    fn append(&self, item: Item) {
        _ = self.items_tx.send(item); // it receives until it ends; then nothing more is appended
    }

    fn send(&self, event: Event) {
        _ = self.events_tx.send(event); // the broadcaster outlives us
    }
}
