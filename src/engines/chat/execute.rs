//! What each command does.

use std::collections::HashSet;

use tungstenite::protocol::frame::coding::CloseCode;

use super::batch::OpKind;
use super::commands::{Command, HELP, OPERATORS_HELP};
use super::counters::LogEvent;
use super::ids::ClientId;
use super::lists::{list, thousands};
use super::names;
use super::state::{LOBBY, State};

pub(super) const NAME_RULE: &str = "Names have 1 to 32 characters: letters and digits of any \
    script, dots, hyphens and underscores.\n";
/// Most names that one client can ignore.
const IGNORED_MAX: usize = 100;

impl State<'_> {
    pub(super) fn execute(&mut self, id: ClientId, command: Command<'_>) {
        match command {
            Command::Message(text) => self.send_lines(id, format!("{text}\n").as_bytes()),
            Command::Help => self.send_help(id),
            Command::Nick(name) => self.rename(id, name),
            Command::Who => self.send_user_list(id),
            Command::Me(text) => {
                let Some(client) = self.clients.get(&id) else { return };
                let (room, line) = (client.room, format!("* {} {text}", client.name));
                self.send_line(room, Some(id), &line);
            }
            Command::Msg(name, text) => self.send_private(id, name, text),
            Command::Join(room) => self.join(id, room),
            Command::Leave if self.is_in_lobby(id) => self.quit(id),
            Command::Leave => self.move_to(id, LOBBY, ""),
            Command::Rooms => self.send_room_list(id),
            Command::Quit => self.quit(id),
            Command::Ignore(name) => self.ignore_name(id, name),
            Command::Unignore(name) => self.unignore_name(id, name),
            Command::Ignored => self.send_ignored(id),
            Command::Timestamps => self.switch_timestamps(id),
            Command::Topic => self.send_topic(id),
            Command::Kick(..)
            | Command::Ban(..)
            | Command::Unban(_)
            | Command::Bans
            | Command::SetTopic(_)
            | Command::Announce(_) => self.operate(id, command),
            Command::Incomplete(usage) => self.send_to(id, format!("Usage: {usage}\n")),
            Command::Unknown(word) => {
                let line = format!("Unknown command /{word}. Type /help for a list of commands.\n");
                self.send_to(id, line);
            }
        }
    }

    /// Sends lines to the client's room, each after the client's name.
    pub(super) fn send_lines(&mut self, id: ClientId, text: &[u8]) {
        let Some(client) = self.clients.get(&id) else { return };
        let (name, Some(room)) = (&client.name, client.room) else { return };
        let room_text = self.batch.text_of(room);
        let len_before = room_text.len();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            room_text.append(Some(id), &[name.as_bytes(), b": ", line]);
        }
        let n_bytes = room_text.len() - len_before;
        self.batch.add_bytes(n_bytes);
    }

    fn send_help(&mut self, id: ClientId) {
        let is_operator = self.clients.get(&id).is_some_and(|client| client.operator.is_some());
        self.send_to(id, HELP);
        if is_operator {
            self.send_to(id, OPERATORS_HELP);
        }
    }

    fn send_topic(&mut self, id: ClientId) {
        let room = self.clients.get(&id).and_then(|client| client.room);
        let Some(room) = room.and_then(|room| self.rooms.get(&room)) else { return };
        let text = match &*room.topic {
            "" => format!("{} has no topic.\n", room.name),
            topic => format!("Topic: {topic}\n"),
        };
        self.send_to(id, text);
    }

    fn quit(&mut self, id: ClientId) {
        self.send_to(id, "Goodbye.\n");
        self.remove(id, OpKind::Close(CloseCode::Normal));
    }

    fn is_in_lobby(&self, id: ClientId) -> bool {
        self.clients.get(&id).is_some_and(|client| client.room == Some(LOBBY))
    }

    fn rename(&mut self, id: ClientId, name: &str) {
        let Some(name) = names::normalize(name) else { return self.send_to(id, NAME_RULE) };
        let old = self.name(id).to_owned();
        if self.refuse_banned(id, Some(&name)) {
            return;
        }
        if !self.names.try_replace(&old, &name, id) {
            return self.send_to(id, taken(&name));
        }
        let Some(client) = self.clients.get_mut(&id) else { return };
        client.name.clone_from(&name);
        let room = client.room;
        self.send_to_room(room, &format!("{old} is now {name}"));
        self.apply_ignores(id, &name);
        self.send_name_frame(id);
        self.monitor.log(LogEvent::Renamed(old, name));
    }

    fn send_private(&mut self, id: ClientId, name: &str, text: &str) {
        let from = self.name(id).to_owned();
        match self.names.owner(name) {
            Some(other) => {
                let name = self.name(other).to_owned();
                let is_ignored =
                    self.clients.get(&other).is_some_and(|client| client.ignored.contains(&id));
                if !is_ignored {
                    self.send_to(other, format!("{from} (to you): {text}\n"));
                }
                self.send_to(id, format!("(to {name}): {text}\n"));
            }
            None => self.send_to(id, format!("There is no user {name}.\n")),
        }
    }

    fn join(&mut self, id: ClientId, name: &str) {
        let Some(name) = names::normalize(name) else { return self.send_to(id, NAME_RULE) };
        let Some(room) = self.room_names.owner(&name).or_else(|| self.add_room(name.clone()))
        else {
            return self.send_to(id, format!("There is a room whose name looks like {name}.\n"));
        };
        if self.clients.get(&id).is_some_and(|client| client.room == Some(room)) {
            return self.send_to(id, "You are already in that room.\n");
        }
        self.move_to(id, room, "");
    }

    fn send_room_list(&mut self, id: ClientId) {
        let rooms = self.rooms.values();
        let rooms = rooms.map(|room| format!("{} ({})", room.name, thousands(room.members.len())));
        self.send_to(id, format!("Rooms: {}\n", list(rooms, self.rooms.len())));
    }

    fn ignore_name(&mut self, id: ClientId, name: &str) {
        let Some(name) = names::normalize(name) else { return self.send_to(id, NAME_RULE) };
        let folded = names::fold(&name);
        let owner = self.names.owner(&name);
        let Some(client) = self.clients.get_mut(&id) else { return };
        if owner == Some(id) {
            return self.send_to(id, "You cannot ignore yourself.\n");
        }
        if client.ignored_names.len() >= IGNORED_MAX {
            return self
                .send_to(id, format!("You ignore {IGNORED_MAX} names, which is the limit.\n"));
        }
        client.ignored_names.insert(folded.clone());
        self.ignoring.entry(folded).or_default().insert(id);
        if let Some(other) = owner {
            self.ignore(id, other);
        }
        self.send_to(id, format!("You no longer see what {name} says.\n"));
    }

    fn unignore_name(&mut self, id: ClientId, name: &str) {
        let folded = names::fold(name);
        let Some(client) = self.clients.get_mut(&id) else { return };
        if !client.ignored_names.remove(&folded) {
            return self.send_to(id, format!("You do not ignore {name}.\n"));
        }
        let left: Vec<String> = client.ignored_names.iter().cloned().collect();
        self.stop_ignoring(id, &folded);
        let owners: HashSet<ClientId> =
            left.iter().filter_map(|name| self.names.owner(name)).collect();
        self.set_ignored(id, owners);
        self.send_to(id, format!("You see again what {name} says.\n"));
    }

    fn send_ignored(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(&id) else { return };
        let names = &client.ignored_names;
        let text = match names.len() {
            0 => "You ignore nobody.\n".to_owned(),
            n => format!("You ignore: {}\n", list(names.iter().cloned(), n)),
        };
        self.send_to(id, text);
    }

    fn switch_timestamps(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        if client.web.is_some() {
            return self.send_to(id, "The page has a button for the times.\n");
        }
        client.is_stamped = !client.is_stamped;
        let zone = client.is_stamped.then(|| self.options.time_zone.clone());
        let word = if client.is_stamped { "on" } else { "off" };
        self.batch.add_op(id, client.room, OpKind::Stamp(zone));
        self.send_to(id, format!("Timestamps are {word}.\n"));
    }
}

/// The answer to a client that wants a name it cannot have.
pub(super) fn taken(name: &str) -> String {
    format!("The name {name} is taken.\n")
}
