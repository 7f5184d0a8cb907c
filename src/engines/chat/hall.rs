//! The broadcaster: owns who is here, under which name, in which room, and makes of all events one
//! order.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender};

use super::batch::{Batch, Builder, RoomId, What};
use super::commands::{self, Command, HELP};
use super::names::{Names, is_name};
use super::{Event, Id, Log, Notice, Options};
use crate::net::Conn;
use crate::threads;

const LOBBY: RoomId = 0;
const ASK: &str = "What is your name?\n";
const A_NAME: &str = "A name has 1 to 32 letters, digits, dots, hyphens and underscores.\n";
/// Names and rooms listed before it says how many more there are.
const LISTED: usize = 20;

pub(super) struct Hall<'a> {
    options: &'a Options,
    log: &'a Log<'a>,
    clients: BTreeMap<Id, Client>,
    names: Names,
    rooms: BTreeMap<RoomId, Room>,
    room_ids: HashMap<String, RoomId>,
    n_rooms_ever: RoomId,
    batch: Builder,
    is_closing: bool,
}

struct Client {
    peer: SocketAddr,
    /// Empty until it has one.
    name: String,
    room: Option<RoomId>,
}

struct Room {
    name: String,
    members: BTreeSet<Id>,
}

impl<'a> Hall<'a> {
    pub(super) fn new(options: &'a Options, log: &'a Log<'a>) -> Self {
        let lobby = Room { name: "lobby".to_owned(), members: BTreeSet::new() };
        Hall {
            options,
            log,
            clients: BTreeMap::new(),
            names: Names::default(),
            room_ids: HashMap::from([(lobby.name.clone(), LOBBY)]),
            rooms: BTreeMap::from([(LOBBY, lobby)]),
            n_rooms_ever: 1,
            batch: Builder::default(),
            is_closing: false,
        }
    }

    /// Hears until nobody is left to speak.
    pub(super) fn run(mut self, heard: &Receiver<Event>, fanouts: &[Sender<Arc<Batch>>]) {
        while let Ok(event) = threads::recv(heard) {
            self.handle(event);
            while !self.batch.is_full() {
                let Ok(event) = heard.try_recv() else { break };
                self.handle(event);
            }
            let batch = Arc::new(self.batch.finish());
            for fanout in fanouts {
                fanout.send(Arc::clone(&batch)).expect("a fan-out hears us to the end");
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Entering(id, conn) => self.enter(id, conn),
            Event::Heard(id, text) => self.hear(id, &text),
            Event::LineTooLong(id) => self.say(id, "line too long\n"),
            Event::Idle(id, left) => self.warn(id, left),
            Event::TimedOut(id) => {
                self.say(id, "You were silent for too long.\n");
                self.depart(id, What::Finish);
            }
            Event::Leaving(id) => self.depart(id, What::Gone),
            Event::Closing => self.close(),
        }
        self.log.counters.clients.store(self.clients.len() as u64, Ordering::Relaxed);
    }

    fn enter(&mut self, id: Id, conn: Arc<Conn>) {
        let peer = conn.peer();
        self.batch.op(id, None, What::Enter(conn));
        if self.is_closing {
            return self.batch.op(id, None, What::Finish);
        }
        let name = String::new();
        self.clients.insert(id, Client { peer, name, room: None });
        if self.options.names {
            self.say(id, ASK);
        } else {
            self.say(id, format!("You are {peer}\n"));
            self.arrive(id, peer.to_string());
        }
    }

    /// It has a name now, and comes into the lobby.
    fn arrive(&mut self, id: Id, name: String) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        self.log.notice(Notice::Arrived(format!("{name} from {}", client.peer)));
        client.name = name;
        self.go_to(id, LOBBY);
    }

    fn hear(&mut self, id: Id, text: &[u8]) {
        if !self.options.names {
            return self.relay(id, text);
        }
        let text = String::from_utf8_lossy(text); // it is clean
        for line in text.split_terminator('\n') {
            match self.clients.get(&id) {
                None => return,
                Some(client) if client.name.is_empty() => self.introduce(id, line.trim()),
                Some(_) => self.command(id, commands::parse(line)),
            }
        }
    }

    /// Lines as they are, after the name of who said them.
    fn relay(&mut self, id: Id, text: &[u8]) {
        let Some(Client { name, room: Some(room), .. }) = self.clients.get(&id) else { return };
        let chunk = self.batch.room(*room);
        let before = chunk.len();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            chunk.extend_from_slice(name.as_bytes());
            chunk.extend_from_slice(b": ");
            chunk.extend_from_slice(line);
        }
        let n = chunk.len() - before;
        self.batch.said(n);
    }

    fn introduce(&mut self, id: Id, name: &str) {
        if !is_name(name) {
            self.say(id, format!("{A_NAME}{ASK}"));
        } else if !self.names.take(name, id) {
            self.say(id, format!("{name} is taken.\n{ASK}"));
        } else {
            self.arrive(id, name.to_owned());
            self.say(id, format!("Welcome, {name}. /help lists the commands.\n"));
            self.say_who(id);
        }
    }

    fn command(&mut self, id: Id, command: Command<'_>) {
        let Some(client) = self.clients.get(&id) else { return };
        match command {
            Command::Say(text) => self.relay(id, format!("{text}\n").as_bytes()),
            Command::Help => self.say(id, HELP),
            Command::Nick(name) => self.rename(id, name),
            Command::Who => self.say_who(id),
            Command::Me(text) => {
                let (room, line) = (client.room, format!("* {} {text}", client.name));
                self.tell(room, &line);
            }
            Command::Msg(name, text) => self.whisper(id, name, text),
            Command::Join(room) => self.join(id, room),
            Command::Rooms => self.say_rooms(id),
            Command::Quit => {
                self.say(id, "Goodbye.\n");
                self.depart(id, What::Finish);
            }
            Command::Incomplete(usage) => self.say(id, format!("It goes {usage}\n")),
            Command::Unknown(word) => {
                self.say(id, format!("There is no /{word}. /help lists the commands.\n"));
            }
        }
    }

    fn rename(&mut self, id: Id, name: &str) {
        if !is_name(name) {
            return self.say(id, A_NAME);
        }
        if !self.names.take(name, id) {
            return self.say(id, format!("{name} is taken.\n"));
        }
        let Some(client) = self.clients.get_mut(&id) else { return };
        let old = std::mem::replace(&mut client.name, name.to_owned());
        if !old.eq_ignore_ascii_case(name) {
            self.names.free(&old);
        }
        let room = client.room;
        self.tell(room, &format!("{old} is now {name}"));
        self.log.notice(Notice::Renamed(old, name.to_owned()));
    }

    fn whisper(&mut self, id: Id, name: &str, text: &str) {
        let from = self.name(id).to_owned();
        match self.names.owner(name) {
            Some(other) => {
                let name = self.name(other).to_owned();
                self.say(other, format!("{from} (to you): {text}\n"));
                self.say(id, format!("(to {name}): {text}\n"));
            }
            None => self.say(id, format!("There is no {name} here.\n")),
        }
    }

    fn join(&mut self, id: Id, name: &str) {
        if !is_name(name) {
            return self.say(id, A_NAME);
        }
        let room = self.room(name);
        if self.clients.get(&id).is_some_and(|client| client.room == Some(room)) {
            return self.say(id, "You are there.\n");
        }
        self.go_to(id, room);
        self.say_who(id);
    }

    /// The room of that name, made if there is none.
    fn room(&mut self, name: &str) -> RoomId {
        let id = *self.room_ids.entry(name.to_ascii_lowercase()).or_insert(self.n_rooms_ever);
        if id == self.n_rooms_ever {
            self.n_rooms_ever += 1;
            let room = Room { name: name.to_owned(), members: BTreeSet::new() };
            self.rooms.insert(id, room);
        }
        id
    }

    /// Leaves the room it is in for another: that one hears it arrive before it hears that room.
    fn go_to(&mut self, id: Id, room: RoomId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let (old, name) = (client.room.replace(room), client.name.clone());
        self.tell(Some(room), &format!("{name} has arrived"));
        let upto = self.batch.at(Some(room));
        self.batch.op(id, old, What::Room(room, upto));
        if let Some(to) = self.rooms.get_mut(&room) {
            to.members.insert(id);
        }
        self.leave_room(id, old, &name);
    }

    fn leave_room(&mut self, id: Id, room: Option<RoomId>, name: &str) {
        let Some(from) = room.and_then(|room| self.rooms.get_mut(&room)) else { return };
        from.members.remove(&id);
        let is_empty = from.members.is_empty();
        self.tell(room, &format!("{name} has left"));
        if let Some(room) = room.filter(|&room| is_empty && room != LOBBY)
            && let Some(room) = self.rooms.remove(&room)
        {
            self.room_ids.remove(&room.name.to_ascii_lowercase());
        }
    }

    /// It gets what it was told so far; the others hear that it has left.
    fn depart(&mut self, id: Id, how: What) {
        let Some(client) = self.clients.remove(&id) else {
            if matches!(how, What::Gone) {
                self.batch.op(id, None, how);
            }
            return;
        };
        self.batch.op(id, client.room, how);
        if self.options.names {
            self.names.free(&client.name);
        }
        self.leave_room(id, client.room, &client.name);
        if client.room.is_some() {
            self.log.notice(Notice::Left(client.name));
        }
    }

    fn warn(&mut self, id: Id, left: Duration) {
        let seconds = left.as_secs_f64().ceil();
        self.say(id, format!("Still there? Say something within {seconds} s.\n"));
    }

    /// Everyone is told, and then the end.
    fn close(&mut self) {
        self.is_closing = true;
        let all = std::mem::take(&mut self.clients);
        for room in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.tell(Some(room), "The server is shutting down.");
        }
        for (id, client) in all {
            self.batch.op(id, client.room, What::Finish);
        }
    }

    fn tell(&mut self, room: Option<RoomId>, line: &str) {
        let Some(room) = room else { return };
        let chunk = self.batch.room(room);
        chunk.extend_from_slice(line.as_bytes());
        chunk.push(b'\n');
        self.batch.said(line.len() + 1);
    }

    fn say(&mut self, id: Id, text: impl AsRef<str>) {
        let Some(client) = self.clients.get(&id) else { return };
        let text = text.as_ref();
        self.batch.op(id, client.room, What::Text(text.as_bytes().into()));
        self.batch.said(text.len());
    }

    fn say_who(&mut self, id: Id) {
        let room = self.clients.get(&id).and_then(|client| client.room);
        let Some(room) = room.and_then(|room| self.rooms.get(&room)) else { return };
        let names = room.members.iter().map(|&member| self.name(member).to_owned());
        let list = list(names, room.members.len());
        self.say(id, format!("In {}: {list}\n", room.name));
    }

    fn say_rooms(&mut self, id: Id) {
        let rooms = self.rooms.values();
        let rooms = rooms.map(|room| format!("{} ({})", room.name, thousands(room.members.len())));
        self.say(id, format!("Rooms: {}\n", list(rooms, self.rooms.len())));
    }

    fn name(&self, id: Id) -> &str {
        self.clients.get(&id).map_or("", |client| &client.name)
    }
}

/// `a, b, c and 9,980 more`.
fn list(words: impl Iterator<Item = String>, n: usize) -> String {
    let listed: Vec<String> = words.take(LISTED).collect();
    let more = match n.saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {} more", thousands(more)),
    };
    listed.join(", ") + &more
}

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
