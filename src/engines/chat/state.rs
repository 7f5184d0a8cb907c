//! The state of the chat: clients, names, rooms, and the batch of what they are sent next.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::bans::Bans;
use super::batch::{Batch, BatchBuilder, OpKind};
use super::counters::{LogEvent, Monitor};
use super::form::{Chunk, Form, n_lines};
use super::frame::{self, Age};
use super::history::History;
use super::ids::{ClientId, GlobalId, RoomId};
use super::lists::list;
use super::names::{self, Names};
use super::options::Options;
use super::random::random;
use super::resume::Resume;
use super::servers::Servers;

pub(super) const LOBBY: RoomId = 0;
/// Lines kept of each room for web clients that come back.
const RESUME_LINES: u64 = 1_000;

/// The state of the chat.
pub(super) struct State<'a> {
    pub(super) options: &'a Options,
    pub(super) monitor: &'a Monitor<'a>,
    pub(super) clients: BTreeMap<ClientId, Client>,
    pub(super) names: Names,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    pub(super) room_names: Names,
    pub(super) next_room_id: RoomId,
    pub(super) history: History,
    /// Who ignores a name, by its folded form.
    pub(super) ignoring: HashMap<String, BTreeSet<ClientId>>,
    pub(super) bans: Bans,
    /// The servers of the relay.
    pub(super) servers: Servers,
    pub(super) batch: BatchBuilder,
    /// When the event that is being handled happened.
    pub(super) now: Timestamp,
    /// Tells this run of the server from others.
    pub(super) run_id: u128,
}

pub(super) struct Client {
    pub(super) global_id: GlobalId,
    pub(super) peer: SocketAddr,
    /// Empty until the client has chosen one.
    pub(super) name: String,
    pub(super) room: Option<RoomId>,
    /// For a web client: who it was, if it has been here before.
    pub(super) web: Option<Arc<Resume>>,
    /// With it the client may take its name back from a connection that broke; 0 for none.
    pub(super) token: u128,
    pub(super) is_stamped: bool,
    /// The operator as whom it has logged in.
    pub(super) operator: Option<String>,
    /// The folded names of those it ignores.
    pub(super) ignored_names: BTreeSet<String>,
    pub(super) ignored: Arc<HashSet<ClientId>>,
}

pub(super) struct Room {
    pub(super) name: String,
    pub(super) members: BTreeSet<ClientId>,
    /// Empty until an operator sets it.
    pub(super) topic: String,
}

impl Client {
    pub(super) fn new(peer: SocketAddr, web: Option<Arc<Resume>>, global_id: GlobalId) -> Self {
        Client {
            global_id,
            peer,
            name: String::new(),
            room: None,
            web,
            token: 0,
            is_stamped: false,
            operator: None,
            ignored_names: BTreeSet::new(),
            ignored: Arc::default(),
        }
    }
}

impl<'a> State<'a> {
    /// Creates a chat with an empty lobby.
    pub(super) fn new(options: &'a Options, monitor: &'a Monitor<'a>) -> Self {
        let n_resume = if options.has_web { RESUME_LINES } else { 0 };
        let mut state = State {
            options,
            monitor,
            clients: BTreeMap::new(),
            names: Names::default(),
            rooms: BTreeMap::new(),
            room_names: Names::default(),
            next_room_id: LOBBY,
            history: History::new(options.history.max(n_resume)),
            ignoring: HashMap::new(),
            bans: Bans::default(),
            servers: Servers::default(),
            batch: BatchBuilder::default(),
            now: Timestamp::now(),
            run_id: random(),
        };
        state.add_room("lobby".to_owned());
        state
    }

    /// Adds a room; `None` if its name looks like that of another room.
    pub(super) fn add_room(&mut self, name: String) -> Option<RoomId> {
        let id = self.next_room_id;
        if !self.room_names.try_take(&name, id) {
            return None;
        }
        self.next_room_id += 1;
        self.rooms.insert(id, Room { name, members: BTreeSet::new(), topic: String::new() });
        self.history.add_room(id);
        Some(id)
    }

    /// Moves a client to another room, and sends it the list of users and the last lines there. The
    /// room is notified first, and the client receives only what comes after that.
    pub(super) fn move_to(&mut self, id: ClientId, room: RoomId, greeting: &str) {
        let last_lines = self.last_lines(id, room);
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (old, name) = (client.room.replace(room), client.name.clone());
        self.send_to_room(Some(room), &format!("{name} has arrived"));
        let offset = self.batch.text_len(Some(room));
        self.batch.add_op(id, old, OpKind::Move(room, offset));
        if let Some(new) = self.rooms.get_mut(&room) {
            new.members.insert(id);
        }
        self.leave_room(id, old, &name);
        self.send_room_frame(id, room);
        self.send_to(id, greeting);
        if self.options.names {
            self.send_user_list(id);
            self.send_topic_of(id, room);
        }
        self.send_last_lines(id, &last_lines);
        self.send_position(id, room);
    }

    /// The lines that a client is to receive when it enters a room: the last ones, or for a web
    /// client that comes back to it, those it has missed.
    fn last_lines(&mut self, id: ClientId, room: RoomId) -> Vec<Chunk> {
        let n_wanted = self.options.history;
        let Some(client) =
            self.clients.get(&id).filter(|client| n_wanted > 0 || client.web.is_some())
        else {
            return Vec::new();
        };
        let n_before = self.history.n_lines(room);
        let unfinished = self.batch.chunk(room, n_before);
        let n_lines = n_before + unfinished.as_ref().map_or(0, |chunk| chunk.n_lines);
        let resumed = client.web.as_ref().filter(|_| client.room.is_none()); // the first room alone
        let resumed = resumed.filter(|resume| resume.epoch == self.epoch(room));
        let resumed = resumed.map(|resume| resume.next).filter(|next| *next <= n_lines);
        let first = resumed.unwrap_or(n_lines.saturating_sub(n_wanted));
        let chunks = self.history.since(room, first, unfinished);
        if let Some(next) = resumed {
            let n_missed = chunks.first().map_or(n_lines, |chunk| chunk.first_line) - next;
            if n_missed > 0 {
                self.send_frame(id, &[frame::missed(n_missed).as_bytes()]);
            }
        }
        chunks
    }

    /// Shows a newcomer the topic of the room, if it has one.
    fn send_topic_of(&mut self, id: ClientId, room: RoomId) {
        let topic = self.rooms.get(&room).map(|room| room.topic.clone()).unwrap_or_default();
        if !topic.is_empty() {
            self.send_to(id, format!("Topic: {topic}\n"));
        }
    }

    fn send_last_lines(&mut self, id: ClientId, chunks: &[Chunk]) {
        let Some(client) = self.clients.get(&id) else { return };
        let form = Form {
            is_web: client.web.is_some(),
            stamps: Some(self.options.time_zone.clone()),
            ignored: (!client.ignored.is_empty()).then(|| Arc::clone(&client.ignored)),
        };
        let render = |chunk: &Chunk| chunk.render(0..chunk.text.len(), &form, Age::Old).0;
        let text = chunks.iter().map(render).collect::<Vec<_>>().concat();
        if text.is_empty() {
            return;
        }
        let room = client.room;
        if !form.is_web {
            let n = n_lines(&text);
            let plural = if n == 1 { "line" } else { "lines" };
            self.send_to(id, format!("The last {n} {plural} before you came:\n"));
        }
        self.batch.add_bytes(text.len());
        self.batch.add_op(id, room, OpKind::SendRaw(text.into()));
    }

    /// Takes a client out of a room and notifies the room; removes the room if it is empty now.
    pub(super) fn leave_room(&mut self, id: ClientId, room: Option<RoomId>, name: &str) {
        let Some(left) = room.and_then(|room| self.rooms.get_mut(&room)) else { return };
        left.members.remove(&id);
        let is_empty = left.members.is_empty();
        self.send_to_room(room, &format!("{name} has left"));
        if let Some(id) = room.filter(|&room| is_empty && room != LOBBY)
            && let Some(room) = self.rooms.remove(&id)
        {
            self.room_names.release(&room.name);
            self.history.remove_room(id);
        }
    }

    /// Takes a client out of the chat and notifies its room. `kind` says what becomes of its
    /// connection once it has received all text so far.
    pub(super) fn remove(&mut self, id: ClientId, kind: OpKind) {
        let Some(client) = self.clients.remove(&id) else {
            if matches!(kind, OpKind::Remove) {
                self.batch.add_op(id, None, kind);
            }
            return;
        };
        self.batch.add_op(id, client.room, kind);
        if self.options.names && !client.name.is_empty() {
            self.names.release(&client.name);
        }
        for name in &client.ignored_names {
            self.stop_ignoring(id, name);
        }
        self.leave_room(id, client.room, &client.name);
        if client.room.is_some() {
            self.monitor.log(LogEvent::Left(client.name));
        }
    }

    /// Records that a client no longer ignores a name.
    pub(super) fn stop_ignoring(&mut self, id: ClientId, folded_name: &str) {
        if let Some(clients) = self.ignoring.get_mut(folded_name) {
            clients.remove(&id);
            if clients.is_empty() {
                self.ignoring.remove(folded_name);
            }
        }
    }

    pub(super) fn send_to_room(&mut self, room: Option<RoomId>, line: &str) {
        self.send_line(room, None, line);
    }

    /// Sends a line of a client to a room.
    pub(super) fn send_line(&mut self, room: Option<RoomId>, from: Option<ClientId>, line: &str) {
        let Some(room) = room else { return };
        self.batch.text_of(room).append(from, &[line.as_bytes(), b"\n"]);
        self.batch.add_bytes(line.len() + 1);
    }

    /// Sends whole lines to one client.
    pub(super) fn send_to(&mut self, id: ClientId, text: impl AsRef<str>) {
        let text = text.as_ref();
        if text.is_empty() {
            return;
        }
        let Some(client) = self.clients.get(&id) else { return };
        self.batch.add_op(id, client.room, OpKind::Send(text.as_bytes().into()));
        self.batch.add_bytes(text.len());
    }

    /// Sends a message of the protocol below the lines to a web client.
    pub(super) fn send_frame(&mut self, id: ClientId, payload: &[&[u8]]) {
        let mut bytes = Vec::new();
        frame::append(&mut bytes, payload);
        let room = self.clients.get(&id).and_then(|client| client.room);
        self.batch.add_bytes(bytes.len());
        self.batch.add_op(id, room, OpKind::SendRaw(bytes.into()));
    }

    /// Tells a web client its name, and how to take it back after its connection broke.
    pub(super) fn send_name_frame(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(&id).filter(|client| client.web.is_some()) else {
            return;
        };
        let payload = frame::welcome(client.token, &client.name);
        self.send_frame(id, &[payload.as_bytes()]);
    }

    /// Takes the batch gathered so far, and adds its lines to the history.
    pub(super) fn finish_batch(&mut self) -> Batch {
        let batch = self.batch.finish(|room| self.history.n_lines(room));
        self.history.add(&batch);
        batch
    }

    /// Tells a web client in which room it is, and which lines it is about to get.
    fn send_room_frame(&mut self, id: ClientId, room: RoomId) {
        let is_web = self.clients.get(&id).is_some_and(|client| client.web.is_some());
        if let Some(name) = self.rooms.get(&room).map(|room| &room.name).filter(|_| is_web) {
            let payload = frame::room(self.epoch(room), name);
            self.send_frame(id, &[payload.as_bytes()]);
        }
    }

    /// Tells a web client which lines it has now: all that the room has had so far.
    fn send_position(&mut self, id: ClientId, room: RoomId) {
        if self.clients.get(&id).is_some_and(|client| client.web.is_some()) {
            let n_before = self.history.n_lines(room);
            let n = n_before + self.batch.chunk(room, n_before).map_or(0, |chunk| chunk.n_lines);
            self.send_frame(id, &[frame::position(n).as_bytes()]);
        }
    }

    /// Names a room's numbering of lines: no other room, here or in another run, has the same.
    fn epoch(&self, room: RoomId) -> u128 {
        self.run_id.wrapping_add(u128::from(room))
    }

    pub(super) fn send_user_list(&mut self, id: ClientId) {
        let room = self.clients.get(&id).and_then(|client| client.room);
        let Some(room) = room.and_then(|room| self.rooms.get(&room)) else { return };
        let names = room.members.iter().map(|&member| self.name(member).to_owned());
        let list = list(names, room.members.len());
        self.send_to(id, format!("In {}: {list}\n", room.name));
    }

    pub(super) fn name(&self, id: ClientId) -> &str {
        self.clients.get(&id).map_or("", |client| &client.name)
    }

    /// Lets those who ignore `name` also ignore this client, which has just taken it.
    pub(super) fn apply_ignores(&mut self, id: ClientId, name: &str) {
        let Some(clients) = self.ignoring.get(&names::fold(name)) else { return };
        for by in clients.clone() {
            self.ignore(by, id);
        }
    }

    /// Leaves out for one client what another says.
    pub(super) fn ignore(&mut self, by: ClientId, other: ClientId) {
        let Some(client) = self.clients.get(&by) else { return };
        let here = client.ignored.iter().filter(|id| self.clients.contains_key(id)).copied();
        let ignored: HashSet<ClientId> = here.chain([other]).collect();
        self.set_ignored(by, ignored);
    }

    pub(super) fn set_ignored(&mut self, by: ClientId, ignored: HashSet<ClientId>) {
        let Some(client) = self.clients.get_mut(&by) else { return };
        client.ignored = Arc::new(ignored);
        let sent = (!client.ignored.is_empty()).then(|| Arc::clone(&client.ignored));
        self.batch.add_op(by, client.room, OpKind::Ignore(sent));
    }
}
