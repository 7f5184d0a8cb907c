//! The broadcaster: the one thread that knows clients, names and rooms, and that turns all events
//! into one sequence of batches.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender};
use jiff::Timestamp;
use tungstenite::protocol::frame::coding::CloseCode;

use super::batch::{Batch, OpKind};
use super::commands;
use super::counters::{LogEvent, Monitor};
use super::events::{Event, RelayEvent, RelayRequest};
use super::execute::{NAME_RULE, taken};
use super::frame;
use super::ids::{ClientId, REMOTE_MIN, ServerId};
use super::link::Link;
use super::names;
use super::options::Options;
use super::resume::Resume;
use super::state::{Client, LOBBY, State};
use crate::threads;

const LAST_LINE: &str = "The server is shutting down.";
const NAME_PROMPT: &str = "What is your name?\n";

/// Handles events in their order.
pub(super) struct Broadcaster<'a> {
    state: State<'a>,
    relay: Option<RelayEnd>,
    is_closing: bool,
}

/// What the broadcaster of a relay needs.
pub(super) struct RelayEnd {
    pub(super) server: ServerId,
    pub(super) requests_tx: Sender<RelayRequest>,
}

impl<'a> Broadcaster<'a> {
    /// Creates a chat with an empty lobby.
    pub(super) fn new(
        options: &'a Options,
        monitor: &'a Monitor<'a>,
        relay: Option<RelayEnd>,
    ) -> Self {
        Broadcaster { state: State::new(options, monitor), relay, is_closing: false }
    }

    /// Handles events until their channel is closed; sends each batch to every fan-out.
    pub(super) fn run(mut self, events: &Receiver<Event>, fanouts: &[Sender<Arc<Batch>>]) {
        while let Ok(event) = threads::recv(events) {
            if self.relay.is_none() {
                self.state.now = Timestamp::now();
            }
            self.handle(event);
            while !self.state.batch.is_full() {
                let Ok(event) = events.try_recv() else { break };
                self.handle(event);
            }
            let batch = Arc::new(self.state.finish_batch());
            for fanout in fanouts {
                fanout.send(Arc::clone(&batch)).expect("a fan-out receives until we end");
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Entering(id, link) => self.enter_here(id, link),
            Event::EnteringElsewhere(id, global_id, peer, web) => {
                self.enter(id, Client::new(peer, web, global_id));
            }
            Event::Lines(id, text) => self.handle_lines(id, &text),
            Event::LineTooLong(id) => self.state.send_to(id, "line too long\n"),
            Event::Flooding(id, delay) => self.warn_flooding(id, delay),
            Event::Reply(id, bytes) => self.reply(id, bytes),
            Event::Login(id, login) => self.state.log_in_operator(id, login),
            Event::IdleWarning(id, left) => self.warn_idle(id, left),
            Event::IdleTimeout(id) => {
                self.state.send_to(id, "Disconnected: idle for too long.\n");
                self.state.remove(id, OpKind::Close(CloseCode::Normal));
            }
            Event::Violation(id, code) => self.state.remove(id, OpKind::Close(code)),
            Event::Leaving(id) => self.state.remove(id, OpKind::Remove),
            Event::Shutdown => self.shut_down(),
            Event::Broker(is_there) => self.report_broker(is_there),
            Event::Relay(event) => self.handle_relay(event),
        }
        let n_clients = self.state.clients.len() as u64;
        self.state.monitor.counters.clients.store(n_clients, Ordering::Relaxed);
    }

    fn enter_here(&mut self, id: ClientId, link: Link) {
        let server = self.relay.as_ref().map_or(0, |relay| relay.server);
        let client = Client::new(link.conn.peer(), link.web.clone(), (server, id));
        self.state.batch.add_op(id, None, OpKind::Add(link));
        if self.is_closing {
            return self.state.batch.add_op(id, None, OpKind::Close(CloseCode::Away));
        }
        self.enter(id, client);
    }

    fn enter(&mut self, id: ClientId, client: Client) {
        let (peer, web) = (client.peer, client.web.clone());
        self.state.clients.insert(id, client);
        if self.state.refuse_banned(id, None) {
            return;
        }
        if !self.state.options.names {
            self.state.send_to(id, format!("You are {peer}\n"));
            return self.arrive(id, peer.to_string(), "");
        }
        match web.filter(|resume| !resume.name.is_empty()) {
            Some(resume) => self.take_back_name(id, &resume),
            None => self.ask_name(id, ""),
        }
    }

    /// Gives a web client that comes back its name, which its broken connection may still have.
    fn take_back_name(&mut self, id: ClientId, resume: &Resume) {
        if let Some(owner) = self.state.names.owner(&resume.name)
            && resume.token != 0
            && self.state.clients.get(&owner).is_some_and(|other| other.token == resume.token)
        {
            self.state.send_to(owner, "You are connected from elsewhere now.\n");
            self.state.remove(owner, OpKind::Close(CloseCode::Normal));
        }
        self.log_in(id, &resume.name);
    }

    /// Moves a client that has just got its name into its room, which is the lobby for most.
    fn arrive(&mut self, id: ClientId, name: String, greeting: &str) {
        let Some(client) = self.state.clients.get_mut(&id) else { return };
        self.state.monitor.log(LogEvent::Arrived(format!("{name} from {}", client.peer)));
        client.name = name;
        let room = client.web.as_ref().map(|resume| resume.room.clone());
        self.state.send_name_frame(id);
        let room = room.and_then(|room| names::normalize(&room));
        let room = room.and_then(|room| {
            self.state.room_names.owner(&room).or_else(|| self.state.add_room(room))
        });
        self.state.move_to(id, room.unwrap_or(LOBBY), greeting);
    }

    /// Handles whole lines of printable text.
    fn handle_lines(&mut self, id: ClientId, text: &[u8]) {
        if !self.state.options.names {
            return self.state.send_lines(id, text);
        }
        let text = String::from_utf8_lossy(text); // the reader has replaced invalid UTF-8
        for line in text.split_terminator('\n') {
            match self.state.clients.get(&id) {
                None => return,
                Some(client) if client.name.is_empty() => self.log_in(id, line.trim()),
                Some(_) => self.state.execute(id, commands::parse(line)),
            }
        }
    }

    /// Gives a client its first name, or asks again.
    fn log_in(&mut self, id: ClientId, name: &str) {
        let Some(name) = names::normalize(name) else {
            return self.ask_name(id, NAME_RULE);
        };
        if self.state.refuse_banned(id, Some(&name)) {
            return;
        }
        if !self.state.names.try_take(&name, id) {
            return self.ask_name(id, &taken(&name));
        }
        if let Some(client) = self.state.clients.get_mut(&id) {
            client.token = client.web.as_ref().map_or(0, |web| web.new_token);
        }
        self.state.apply_ignores(id, &name);
        let greeting = format!("Welcome, {name}. Type /help for a list of commands.\n");
        self.arrive(id, name, &greeting);
    }

    /// Asks a client for its name, after what was wrong with the last one.
    fn ask_name(&mut self, id: ClientId, fault: &str) {
        self.state.send_to(id, format!("{fault}{NAME_PROMPT}"));
        if self.state.clients.get(&id).is_some_and(|client| client.web.is_some()) {
            self.state.send_frame(id, &[frame::ASK_NAME.as_bytes()]);
        }
    }

    fn reply(&mut self, id: ClientId, bytes: Vec<u8>) {
        let room = self.state.clients.get(&id).and_then(|client| client.room);
        self.state.batch.add_bytes(bytes.len());
        self.state.batch.add_op(id, room, OpKind::SendRaw(bytes.into()));
    }

    fn warn_idle(&mut self, id: ClientId, left: Duration) {
        let seconds = left.as_secs_f64().ceil();
        let line = format!("You will be disconnected in {seconds} s if you send nothing.\n");
        self.state.send_to(id, line);
    }

    fn warn_flooding(&mut self, id: ClientId, delay: Duration) {
        let (rate, seconds) = (self.state.options.flood, delay.as_secs_f64().ceil());
        let line = format!(
            "You send more than {rate} lines per second: your lines are delayed, and those \
             received so far are all out in about {seconds} s. None is lost.\n"
        );
        self.state.send_to(id, line);
    }

    /// Notifies and disconnects all clients. In a relay, they leave the chat when all servers know.
    fn shut_down(&mut self) {
        self.is_closing = true;
        if self.relay.is_some() {
            self.report(LAST_LINE);
            for (id, client) in &self.state.clients {
                self.state.batch.add_op(*id, client.room, OpKind::Close(CloseCode::Away));
            }
            return;
        }
        let clients = std::mem::take(&mut self.state.clients);
        for room in self.state.rooms.keys().copied().collect::<Vec<_>>() {
            self.state.send_to_room(Some(room), LAST_LINE);
        }
        for (id, client) in clients {
            self.state.batch.add_op(id, client.room, OpKind::Close(CloseCode::Away));
        }
    }

    fn report_broker(&mut self, is_there: bool) {
        self.report(if is_there {
            "The other servers are back."
        } else {
            "The other servers cannot be reached; what you send waits until they can."
        });
    }

    /// Sends a line to every client of this server, outside of what is common to all servers.
    fn report(&mut self, line: &str) {
        let here = self.state.clients.range(..REMOTE_MIN);
        for id in here.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.state.send_to(id, format!("{line}\n"));
        }
    }

    fn handle_relay(&mut self, event: RelayEvent) {
        let Some(relay) = &self.relay else { return };
        let requests_tx = relay.requests_tx.clone();
        match event {
            RelayEvent::Heard(server, at) => {
                self.state.now = at;
                self.state.servers.record_entry(server);
            }
            RelayEvent::Hello(server) => {
                self.state.servers.leave(server);
                if self.state.servers.giver() == Some(relay.server) {
                    let state = Box::new(self.state.snapshot());
                    _ = requests_tx.try_send(RelayRequest::Give(server, state)); // or asked again
                }
            }
            RelayEvent::Founded(server) if self.state.servers.giver().is_some() => {
                log::debug!("relay: server {server:x} has to ask for the state");
            }
            RelayEvent::Founded(server) | RelayEvent::Joined(server) => {
                self.state.servers.join(server);
            }
            RelayEvent::Tick(server, is_joined) => {
                if is_joined {
                    self.state.servers.join(server); // it may have been thought gone
                }
                for gone in self.state.servers.tick(server) {
                    self.state.remove_server(gone);
                }
            }
            RelayEvent::Gone(server) => self.state.remove_server(server),
            RelayEvent::Restore(state, ids) => self.state.restore(*state, &ids),
            RelayEvent::Save(last_id, seqs) => {
                let state = Box::new(self.state.snapshot());
                _ = requests_tx.try_send(RelayRequest::Save(last_id, seqs, state)); // or next time
            }
            RelayEvent::Report(line) => self.report(&line),
        }
    }
}
