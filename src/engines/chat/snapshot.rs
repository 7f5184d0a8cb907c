//! The state of a chat as data: what a server needs that joins others over a relay.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::bans::Bans;
use super::ids::{GlobalId, RoomId};
use super::servers::Servers;

/// The state of a chat, but for the lines of its rooms and what concerns one connection alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) run_id: u128,
    pub(super) next_room_id: RoomId,
    pub(super) rooms: BTreeMap<RoomId, RoomSnapshot>,
    pub(super) clients: Vec<ClientSnapshot>,
    pub(super) bans: Bans,
    pub(super) servers: Servers,
}

/// A room.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct RoomSnapshot {
    pub(super) name: String,
    pub(super) topic: String,
    pub(super) n_lines: u64,
}

/// A client of any server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ClientSnapshot {
    pub(super) id: GlobalId,
    pub(super) peer: SocketAddr,
    pub(super) name: String,
    pub(super) room: Option<RoomId>,
    pub(super) token: u128,
    pub(super) operator: Option<String>,
    pub(super) ignored_names: BTreeSet<String>,
}

impl Snapshot {
    /// The clients in it.
    pub(super) fn clients(&self) -> impl Iterator<Item = GlobalId> {
        self.clients.iter().map(|client| client.id)
    }
}
