//! What operators do: they remove and ban users, set topics and speak to all rooms.

use std::fmt::Write;
use std::time::Duration;

use tungstenite::protocol::frame::coding::CloseCode;

use super::bans::Target;
use super::batch::OpKind;
use super::commands::Command;
use super::counters::LogEvent;
use super::frame;
use super::ids::ClientId;
use super::lists::list;
use super::password_lines::Login;
use super::state::State;
use crate::net::NOTICE;
use crate::text::units;

/// How long a ban lasts if the operator says nothing else.
const BAN_DEFAULT: Duration = Duration::from_hours(1);
const NOT_AN_OPERATOR: &str = "Only operators can do that; /oper NAME makes you one.\n";

impl State<'_> {
    /// Reports to a client what became of its login as an operator.
    pub(super) fn log_in_operator(&mut self, id: ClientId, login: Login) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let is_web = client.web.is_some();
        match login {
            Login::Asked => {
                self.send_to(id, "Password:\n");
                if is_web {
                    self.send_frame(id, &[frame::ASK_PASSWORD.as_bytes()]);
                }
            }
            Login::Unsafe => self.send_to(
                id,
                "Operators log in over TLS, or from the server's own machine. \
                 Your next line is discarded.\n",
            ),
            Login::Cancelled => self.send_to(id, "Not logged in as an operator.\n"),
            Login::Granted(_) if client.name.is_empty() => {
                self.send_to(id, "Choose a name first.\n");
            }
            Login::Granted(operator) => {
                client.operator = Some(operator.clone());
                let act = format!("{} logs in as operator {operator}", self.described(id));
                self.log_act(act);
                self.send_to(id, "You are an operator now; /help lists what you can do.\n");
            }
            Login::Refused(operator, is_last) => {
                let act = format!("{} fails to log in as operator {operator}", self.described(id));
                self.log_act(act);
                self.send_to(id, "Wrong name or password.\n");
                if is_last {
                    self.remove(id, OpKind::Close(CloseCode::Policy));
                }
            }
        }
    }

    /// Executes a command that only operators have.
    pub(super) fn operate(&mut self, id: ClientId, command: Command<'_>) {
        if self.clients.get(&id).is_none_or(|client| client.operator.is_none()) {
            return self.send_to(id, NOT_AN_OPERATOR);
        }
        match command {
            Command::Kick(name, reason) => self.kick(id, name, reason),
            Command::Ban(target, time) => self.ban(id, target, time),
            Command::Unban(target) => self.unban(id, target),
            Command::Bans => self.send_bans(id),
            Command::SetTopic(topic) => self.set_topic(id, topic),
            Command::Announce(text) => self.announce(id, text),
            _ => {}
        }
    }

    fn kick(&mut self, id: ClientId, name: &str, reason: &str) {
        let Some(other) = self.names.owner(name) else {
            return self.send_to(id, format!("There is no user {name}.\n"));
        };
        let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        let (by, other_name) = (self.name(id).to_owned(), self.name(other).to_owned());
        self.log_act(format!("{} kicks {}{because}", self.described(id), self.described(other)));
        let room = self.clients.get(&other).and_then(|client| client.room);
        self.send_to_room(room, &format!("{by} kicks {other_name}{because}"));
        self.send_to(other, format!("You were removed by {by}{because}.\n"));
        if room != self.clients.get(&id).and_then(|client| client.room) {
            self.send_to(id, format!("{other_name} is removed.\n"));
        }
        self.remove(other, OpKind::Close(CloseCode::Policy));
    }

    fn ban(&mut self, id: ClientId, target: &str, time: &str) {
        let time = if time.is_empty() { Ok(BAN_DEFAULT) } else { units::duration(time) };
        let (Some(target), Ok(time)) = (Target::parse(target), time) else {
            let usage = "Usage: /ban NAME or ADDRESS, and how long: 30m, 24h (1h if not given)\n";
            return self.send_to(id, usage);
        };
        if matches!(target, Target::Addr(addr) if addr.is_loopback()) {
            return self.send_to(id, "The server's own machine cannot be banned.\n");
        }
        if !self.bans.add(target.clone(), time, self.now) {
            return self.send_to(id, "There are too many bans, or this one is too long.\n");
        }
        let act = format!("{} bans {target} for {}", self.described(id), readable(time));
        self.log_act(act);
        self.send_to(id, format!("{target} is banned for {}.\n", readable(time)));
        for other in self.banned_by(&target) {
            let (name, addr) = (self.name(other).to_owned(), self.address(other));
            self.send_to(other, format!("You are banned for {}.\n", readable(time)));
            if other != id {
                self.send_to(id, format!("{name} was here from {addr}.\n"));
            }
            self.remove(other, OpKind::Close(CloseCode::Policy));
        }
    }

    /// The clients whom a ban is for.
    fn banned_by(&self, target: &Target) -> Vec<ClientId> {
        let banned = self.clients.iter().filter(|(_, client)| {
            target.has_addr(client.peer.ip())
                || (!client.name.is_empty() && target.has_name(&client.name))
        });
        banned.map(|(id, _)| *id).collect()
    }

    fn unban(&mut self, id: ClientId, text: &str) {
        let target = Target::parse(text).filter(|target| self.bans.remove(target));
        let Some(target) = target else {
            return self.send_to(id, format!("There is no ban of {text}.\n"));
        };
        self.log_act(format!("{} lifts the ban of {target}", self.described(id)));
        self.send_to(id, format!("{target} is no longer banned.\n"));
    }

    fn send_bans(&mut self, id: ClientId) {
        let bans = self.bans.list(self.now);
        let bans: Vec<String> =
            bans.map(|(target, left)| format!("{target} ({})", readable(left))).collect();
        let n = bans.len();
        let text = if n == 0 { "none".to_owned() } else { list(bans.into_iter(), n) };
        self.send_to(id, format!("Bans: {text}\n"));
    }

    fn set_topic(&mut self, id: ClientId, topic: &str) {
        let Some(client) = self.clients.get(&id) else { return };
        let (room, by) = (client.room, client.name.clone());
        let Some(room_state) = room.and_then(|room| self.rooms.get_mut(&room)) else { return };
        topic.clone_into(&mut room_state.topic);
        let name = room_state.name.clone();
        self.log_act(format!("{} sets the topic of {name}: {topic}", self.described(id)));
        self.send_to_room(room, &format!("{by} sets the topic: {topic}"));
    }

    fn announce(&mut self, id: ClientId, text: &str) {
        self.log_act(format!("{} announces: {text}", self.described(id)));
        let line = format!("Announcement by {}: {text}", self.name(id));
        for room in self.rooms.keys().copied().collect::<Vec<_>>() {
            self.send_to_room(Some(room), &line);
        }
    }

    /// Disconnects a client whose address or name is banned; whether it did.
    pub(super) fn refuse_banned(&mut self, id: ClientId, name: Option<&str>) -> bool {
        let Some(client) = self.clients.get(&id) else { return false };
        let addr = client.peer.ip();
        let is_meant = |target: &Target| {
            target.has_addr(addr) || name.is_some_and(|name| target.has_name(name))
        };
        let Some(left) = self.bans.remaining(self.now, is_meant) else { return false };
        self.send_to(id, format!("You are banned for another {}.\n", readable(left)));
        self.remove(id, OpKind::Close(CloseCode::Policy));
        true
    }

    /// Name and address of a client, for the log.
    fn described(&self, id: ClientId) -> String {
        format!("{} ({})", self.name(id), self.address(id))
    }

    fn address(&self, id: ClientId) -> String {
        self.clients.get(&id).map_or_else(String::new, |client| client.peer.ip().to_string())
    }

    /// Logs an act of an operator, on stderr too: there may be no log file.
    fn log_act(&self, act: String) {
        log::info!(target: NOTICE, "{act}");
        self.monitor.log(LogEvent::Operator(act));
    }
}

/// A time in whole hours, minutes and seconds: `1h30m`.
fn readable(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let parts = [(seconds / 3_600, 'h'), (seconds / 60 % 60, 'm'), (seconds % 60, 's')];
    let parts = parts.iter().filter(|(n, _)| *n > 0);
    let mut text = String::new();
    for (n, unit) in parts {
        _ = write!(text, "{n}{unit}"); // to a String
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_readable() {
        let check = |seconds, expected: &str| {
            assert_eq!(readable(Duration::from_secs(seconds)), expected);
        };
        check(0, "0s");
        check(59, "59s");
        check(3_600, "1h");
        check(5_425, "1h30m25s");
        assert_eq!(readable(Duration::from_millis(59_001)), "1m");
    }
}
