//! The broadcaster: the one thread that knows clients, names and rooms, and that turns all events
//! into one sequence of batches.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender};

use super::batch::{Batch, BatchBuilder, OpKind, RoomId};
use super::commands::{self, Command, HELP};
use super::counters::{LogEvent, Monitor};
use super::events::{ClientId, Event};
use super::names::{self, Names};
use super::options::Options;
use crate::net::Conn;
use crate::threads;

const LOBBY: RoomId = 0;
const NAME_PROMPT: &str = "What is your name?\n";
const NAME_RULE: &str =
    "Names have 1 to 32 characters: letters, digits, dots, hyphens and underscores.\n";
/// Most names or rooms in a list; of the others the list gives the number.
const LISTED_MAX: usize = 20;

/// The state of the chat.
pub(super) struct Broadcaster<'a> {
    options: &'a Options,
    monitor: &'a Monitor<'a>,
    clients: BTreeMap<ClientId, Client>,
    names: Names,
    rooms: BTreeMap<RoomId, Room>,
    room_ids: HashMap<String, RoomId>,
    next_room_id: RoomId,
    batch: BatchBuilder,
    is_closing: bool,
}

struct Client {
    peer: SocketAddr,
    /// Empty until the client has chosen one.
    name: String,
    room: Option<RoomId>,
}

struct Room {
    name: String,
    members: BTreeSet<ClientId>,
}

impl<'a> Broadcaster<'a> {
    /// Creates a chat with an empty lobby.
    pub(super) fn new(options: &'a Options, monitor: &'a Monitor<'a>) -> Self {
        let lobby = Room { name: "lobby".to_owned(), members: BTreeSet::new() };
        Broadcaster {
            options,
            monitor,
            clients: BTreeMap::new(),
            names: Names::default(),
            room_ids: HashMap::from([(lobby.name.clone(), LOBBY)]),
            rooms: BTreeMap::from([(LOBBY, lobby)]),
            next_room_id: 1,
            batch: BatchBuilder::default(),
            is_closing: false,
        }
    }

    /// Handles events until their channel is closed; sends each batch to every fan-out.
    pub(super) fn run(mut self, events: &Receiver<Event>, fanouts: &[Sender<Arc<Batch>>]) {
        while let Ok(event) = threads::recv(events) {
            self.handle(event);
            while !self.batch.is_full() {
                let Ok(event) = events.try_recv() else { break };
                self.handle(event);
            }
            let batch = Arc::new(self.batch.finish());
            for fanout in fanouts {
                fanout.send(Arc::clone(&batch)).expect("a fan-out receives until we end");
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Entering(id, conn) => self.enter(id, conn),
            Event::Lines(id, text) => self.handle_lines(id, &text),
            Event::LineTooLong(id) => self.send_to(id, "line too long\n"),
            Event::IdleWarning(id, left) => self.warn_idle(id, left),
            Event::IdleTimeout(id) => {
                self.send_to(id, "Disconnected: idle for too long.\n");
                self.remove(id, OpKind::Close);
            }
            Event::Leaving(id) => self.remove(id, OpKind::Remove),
            Event::Shutdown => self.shut_down(),
        }
        self.monitor.counters.clients.store(self.clients.len() as u64, Ordering::Relaxed);
    }

    fn enter(&mut self, id: ClientId, conn: Arc<Conn>) {
        let peer = conn.peer();
        self.batch.add_op(id, None, OpKind::Add(conn));
        if self.is_closing {
            return self.batch.add_op(id, None, OpKind::Close);
        }
        let name = String::new();
        self.clients.insert(id, Client { peer, name, room: None });
        if self.options.names {
            self.send_to(id, NAME_PROMPT);
        } else {
            self.send_to(id, format!("You are {peer}\n"));
            self.arrive(id, peer.to_string());
        }
    }

    /// Moves a client that has just got its name into the lobby.
    fn arrive(&mut self, id: ClientId, name: String) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        self.monitor.log(LogEvent::Arrived(format!("{name} from {}", client.peer)));
        client.name = name;
        self.move_to(id, LOBBY);
    }

    /// Handles whole lines of printable text.
    fn handle_lines(&mut self, id: ClientId, text: &[u8]) {
        if !self.options.names {
            return self.relay(id, text);
        }
        let text = String::from_utf8_lossy(text); // the reader has replaced invalid UTF-8
        for line in text.split_terminator('\n') {
            match self.clients.get(&id) {
                None => return,
                Some(client) if client.name.is_empty() => self.log_in(id, line.trim()),
                Some(_) => self.execute(id, commands::parse(line)),
            }
        }
    }

    /// Sends lines to the client's room, each after the client's name.
    fn relay(&mut self, id: ClientId, text: &[u8]) {
        let Some(Client { name, room: Some(room), .. }) = self.clients.get(&id) else { return };
        let room_text = self.batch.text_of(*room);
        let len_before = room_text.len();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            room_text.extend_from_slice(name.as_bytes());
            room_text.extend_from_slice(b": ");
            room_text.extend_from_slice(line);
        }
        let n_bytes = room_text.len() - len_before;
        self.batch.add_bytes(n_bytes);
    }

    /// Gives a client its first name, or asks again.
    fn log_in(&mut self, id: ClientId, name: &str) {
        if !names::is_valid(name) {
            self.send_to(id, format!("{NAME_RULE}{NAME_PROMPT}"));
        } else if !self.names.try_take(name, id) {
            self.send_to(id, format!("The name {name} is taken.\n{NAME_PROMPT}"));
        } else {
            self.arrive(id, name.to_owned());
            self.send_to(id, format!("Welcome, {name}. Type /help for a list of commands.\n"));
            self.send_user_list(id);
        }
    }

    fn execute(&mut self, id: ClientId, command: Command<'_>) {
        let Some(client) = self.clients.get(&id) else { return };
        match command {
            Command::Message(text) => self.relay(id, format!("{text}\n").as_bytes()),
            Command::Help => self.send_to(id, HELP),
            Command::Nick(name) => self.rename(id, name),
            Command::Who => self.send_user_list(id),
            Command::Me(text) => {
                let (room, line) = (client.room, format!("* {} {text}", client.name));
                self.send_to_room(room, &line);
            }
            Command::Msg(name, text) => self.send_private(id, name, text),
            Command::Join(room) => self.join(id, room),
            Command::Rooms => self.send_room_list(id),
            Command::Quit => {
                self.send_to(id, "Goodbye.\n");
                self.remove(id, OpKind::Close);
            }
            Command::Incomplete(usage) => self.send_to(id, format!("Usage: {usage}\n")),
            Command::Unknown(word) => {
                let line = format!("Unknown command /{word}. Type /help for a list of commands.\n");
                self.send_to(id, line);
            }
        }
    }

    fn rename(&mut self, id: ClientId, name: &str) {
        if !names::is_valid(name) {
            return self.send_to(id, NAME_RULE);
        }
        if !self.names.try_take(name, id) {
            return self.send_to(id, format!("The name {name} is taken.\n"));
        }
        let Some(client) = self.clients.get_mut(&id) else { return };
        let old = std::mem::replace(&mut client.name, name.to_owned());
        if !old.eq_ignore_ascii_case(name) {
            self.names.release(&old);
        }
        let room = client.room;
        self.send_to_room(room, &format!("{old} is now {name}"));
        self.monitor.log(LogEvent::Renamed(old, name.to_owned()));
    }

    fn send_private(&mut self, id: ClientId, name: &str, text: &str) {
        let from = self.name(id).to_owned();
        match self.names.owner(name) {
            Some(other) => {
                let name = self.name(other).to_owned();
                self.send_to(other, format!("{from} (to you): {text}\n"));
                self.send_to(id, format!("(to {name}): {text}\n"));
            }
            None => self.send_to(id, format!("There is no user {name}.\n")),
        }
    }

    fn join(&mut self, id: ClientId, name: &str) {
        if !names::is_valid(name) {
            return self.send_to(id, NAME_RULE);
        }
        let room = self.find_or_create_room(name);
        if self.clients.get(&id).is_some_and(|client| client.room == Some(room)) {
            return self.send_to(id, "You are already in that room.\n");
        }
        self.move_to(id, room);
        self.send_user_list(id);
    }

    fn find_or_create_room(&mut self, name: &str) -> RoomId {
        let id = *self.room_ids.entry(name.to_ascii_lowercase()).or_insert(self.next_room_id);
        if id == self.next_room_id {
            self.next_room_id += 1;
            let room = Room { name: name.to_owned(), members: BTreeSet::new() };
            self.rooms.insert(id, room);
        }
        id
    }

    /// Moves a client to another room. The room is notified first, and the client receives only
    /// what comes after that.
    fn move_to(&mut self, id: ClientId, room: RoomId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (old, name) = (client.room.replace(room), client.name.clone());
        self.send_to_room(Some(room), &format!("{name} has arrived"));
        let offset = self.batch.text_len(Some(room));
        self.batch.add_op(id, old, OpKind::Move(room, offset));
        if let Some(new) = self.rooms.get_mut(&room) {
            new.members.insert(id);
        }
        self.leave_room(id, old, &name);
    }

    /// Takes a client out of a room and notifies the room; removes the room if it is empty now.
    fn leave_room(&mut self, id: ClientId, room: Option<RoomId>, name: &str) {
        let Some(left) = room.and_then(|room| self.rooms.get_mut(&room)) else { return };
        left.members.remove(&id);
        let is_empty = left.members.is_empty();
        self.send_to_room(room, &format!("{name} has left"));
        if let Some(room) = room.filter(|&room| is_empty && room != LOBBY)
            && let Some(room) = self.rooms.remove(&room)
        {
            self.room_ids.remove(&room.name.to_ascii_lowercase());
        }
    }

    /// Takes a client out of the chat and notifies its room. `kind` says what becomes of its
    /// connection once it has received all text so far.
    fn remove(&mut self, id: ClientId, kind: OpKind) {
        let Some(client) = self.clients.remove(&id) else {
            if matches!(kind, OpKind::Remove) {
                self.batch.add_op(id, None, kind);
            }
            return;
        };
        self.batch.add_op(id, client.room, kind);
        if self.options.names {
            self.names.release(&client.name);
        }
        self.leave_room(id, client.room, &client.name);
        if client.room.is_some() {
            self.monitor.log(LogEvent::Left(client.name));
        }
    }

    fn warn_idle(&mut self, id: ClientId, left: Duration) {
        let seconds = left.as_secs_f64().ceil();
        self.send_to(id, format!("You will be disconnected in {seconds} s if you send nothing.\n"));
    }

    /// Notifies and disconnects all clients.
    fn shut_down(&mut self) {
        self.is_closing = true;
        let clients = std::mem::take(&mut self.clients);
        for room in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.send_to_room(Some(room), "The server is shutting down.");
        }
        for (id, client) in clients {
            self.batch.add_op(id, client.room, OpKind::Close);
        }
    }

    fn send_to_room(&mut self, room: Option<RoomId>, line: &str) {
        let Some(room) = room else { return };
        let text = self.batch.text_of(room);
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
        self.batch.add_bytes(line.len() + 1);
    }

    /// Sends whole lines to one client.
    fn send_to(&mut self, id: ClientId, text: impl AsRef<str>) {
        let Some(client) = self.clients.get(&id) else { return };
        let text = text.as_ref();
        self.batch.add_op(id, client.room, OpKind::Send(text.as_bytes().into()));
        self.batch.add_bytes(text.len());
    }

    fn send_user_list(&mut self, id: ClientId) {
        let room = self.clients.get(&id).and_then(|client| client.room);
        let Some(room) = room.and_then(|room| self.rooms.get(&room)) else { return };
        let names = room.members.iter().map(|&member| self.name(member).to_owned());
        let list = list(names, room.members.len());
        self.send_to(id, format!("In {}: {list}\n", room.name));
    }

    fn send_room_list(&mut self, id: ClientId) {
        let rooms = self.rooms.values();
        let rooms = rooms.map(|room| format!("{} ({})", room.name, thousands(room.members.len())));
        self.send_to(id, format!("Rooms: {}\n", list(rooms, self.rooms.len())));
    }

    fn name(&self, id: ClientId) -> &str {
        self.clients.get(&id).map_or("", |client| &client.name)
    }
}

/// Joins up to [`LISTED_MAX`] of `n` words: `a, b, c and 9,980 more`.
fn list(words: impl Iterator<Item = String>, n: usize) -> String {
    let listed: Vec<String> = words.take(LISTED_MAX).collect();
    let more = match n.saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {} more", thousands(more)),
    };
    listed.join(", ") + &more
}

/// `n` with a comma between groups of three digits.
fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_capped() {
        let words = |n: usize| list((0..n).map(|i| i.to_string()), n);
        assert_eq!(words(3), "0, 1, 2");
        assert!(words(20).ends_with(", 19"));
        assert!(words(10_000).ends_with(", 19 and 9,980 more"));
    }

    #[test]
    fn large_numbers_are_readable() {
        let check = |n, expected: &str| assert_eq!(thousands(n), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }
}
