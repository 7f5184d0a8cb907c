//! Taking a snapshot of the state, and beginning with one.

use std::collections::BTreeSet;

use tungstenite::protocol::frame::coding::CloseCode;

use super::batch::OpKind;
use super::ids::{ClientId, RoomId, ServerId};
use super::snapshot::{ClientSnapshot, RoomSnapshot, Snapshot};
use super::state::{Client, Room, State};

impl State<'_> {
    /// The state as data.
    pub(super) fn snapshot(&self) -> Snapshot {
        let room = |(id, room): (&RoomId, &Room)| {
            let unfinished = self.batch.chunk(*id, 0).map_or(0, |chunk| chunk.n_lines);
            let n_lines = self.history.n_lines(*id) + unfinished;
            let (name, topic) = (room.name.clone(), room.topic.clone());
            (*id, RoomSnapshot { name, topic, n_lines })
        };
        let client = |client: &Client| ClientSnapshot {
            id: client.global_id,
            peer: client.peer,
            name: client.name.clone(),
            room: client.room,
            token: client.token,
            operator: client.operator.clone(),
            ignored_names: client.ignored_names.clone(),
        };
        Snapshot {
            run_id: self.run_id,
            next_room_id: self.next_room_id,
            rooms: self.rooms.iter().map(room).collect(),
            clients: self.clients.values().map(client).collect(),
            bans: self.bans.clone(),
            servers: self.servers.clone(),
        }
    }

    /// Takes the state from `snapshot`, in place of that of an empty chat. `ids` are the numbers of
    /// its clients here.
    pub(super) fn restore(&mut self, snapshot: Snapshot, ids: &[ClientId]) {
        (self.run_id, self.next_room_id) = (snapshot.run_id, snapshot.next_room_id);
        (self.bans, self.servers) = (snapshot.bans, snapshot.servers);
        for (id, room) in snapshot.rooms {
            self.room_names.try_take(&room.name, id);
            self.history.restore_room(id, room.n_lines);
            let members = BTreeSet::new();
            self.rooms.insert(id, Room { name: room.name, members, topic: room.topic });
        }
        for (&id, client) in ids.iter().zip(snapshot.clients) {
            if !client.name.is_empty() && self.options.names {
                self.names.try_take(&client.name, id);
            }
            if let Some(room) = client.room.and_then(|room| self.rooms.get_mut(&room)) {
                room.members.insert(id);
            }
            for name in &client.ignored_names {
                self.ignoring.entry(name.clone()).or_default().insert(id);
            }
            let mut restored = Client::new(client.peer, None, client.id);
            (restored.name, restored.room) = (client.name, client.room);
            (restored.token, restored.operator) = (client.token, client.operator);
            restored.ignored_names = client.ignored_names;
            self.clients.insert(id, restored);
        }
    }

    /// Removes the clients of a server that is gone.
    pub(super) fn remove_server(&mut self, server: ServerId) {
        self.servers.remove(server);
        let clients = self.clients.iter().filter(|(_, client)| client.global_id.0 == server);
        for id in clients.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.send_to(id, "This server was cut off from the others; connect again.\n");
            self.remove(id, OpKind::Close(CloseCode::Away));
        }
    }
}
