//! The entries of the stream.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::super::ids::ServerId;
use super::super::password_lines::Login;
use super::super::resume::Resume;
use super::super::snapshot::Snapshot;

/// One entry: what one server appended at once.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) server: ServerId,
    /// 1 for the first entry of a server.
    pub(super) seq: u64,
    pub(super) items: Vec<Item>,
}

/// What happened at a server. Clients have the numbers that their server gave them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Item {
    /// The server has started and has no state.
    Hello,
    /// The server begins with an empty state, since no other has one.
    Founding,
    /// The server has the state now.
    Joined,
    /// A second has passed; whether the server has the state.
    Tick(bool),
    /// The server ends.
    Bye,
    /// Another server, an earlier one with the same state file, has ended.
    Gone(ServerId),
    /// The state at the `Hello` of another server.
    Snapshot(ServerId, Box<Snapshot>),
    Entering(u64, SocketAddr, Option<Resume>),
    Lines(u64, String),
    Login(u64, Login),
    IdleTimeout(u64),
    Violation(u64, u16),
    Leaving(u64),
}

impl Entry {
    /// Whether clients have a part in it.
    pub(super) fn has_clients(&self) -> bool {
        use Item::{Entering, IdleTimeout, Leaving, Lines, Login, Violation};
        let is_clients = |item: &Item| {
            matches!(
                item,
                Entering(..) | Lines(..) | Login(..) | IdleTimeout(_) | Violation(..) | Leaving(_)
            )
        };
        self.items.iter().any(is_clients)
    }
}
