//! Which servers of a relay are there.
//!
//! Every server appends a tick each second. A server is gone when another one has ticked
//! [`TICKS_MAX`] times since its last entry. That depends on the order of the entries alone, so all
//! servers find it at the same place, and nobody is gone while the broker is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ids::ServerId;

/// Ticks of one server during which another may be silent.
const TICKS_MAX: u32 = 5;

/// The servers of a relay.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Servers(BTreeMap<ServerId, Server>);

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Server {
    /// Whether it has the state, and can give it to others.
    is_joined: bool,
    /// How often each other server has ticked since its last entry.
    ticks: BTreeMap<ServerId, u32>,
}

impl Servers {
    /// Records an entry of a server.
    pub(super) fn record_entry(&mut self, server: ServerId) {
        self.0.entry(server).or_default().ticks.clear();
    }

    /// Records that a server has the state.
    pub(super) fn join(&mut self, server: ServerId) {
        self.0.entry(server).or_default().is_joined = true;
    }

    /// Records that a server has no state, and asks for it.
    pub(super) fn leave(&mut self, server: ServerId) {
        self.0.entry(server).or_default().is_joined = false;
    }

    /// Records a tick. Returns the servers that are gone now; the caller removes them.
    pub(super) fn tick(&mut self, by: ServerId) -> Vec<ServerId> {
        let others = self.0.iter_mut().filter(|(server, _)| **server != by);
        let gone = others.filter_map(|(server, state)| {
            let n = state.ticks.entry(by).or_default();
            *n += 1;
            (*n > TICKS_MAX).then_some(*server)
        });
        gone.collect()
    }

    pub(super) fn remove(&mut self, server: ServerId) {
        self.0.remove(&server);
        self.0.values_mut().for_each(|other| _ = other.ticks.remove(&server));
    }

    /// The one server that gives the state to a server that joins.
    pub(super) fn giver(&self) -> Option<ServerId> {
        self.0.iter().find(|(_, server)| server.is_joined).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_server_is_gone_and_a_slow_broker_removes_nobody() {
        let mut servers = Servers::default();
        for server in [1, 2, 3] {
            servers.record_entry(server);
        }
        servers.join(2);
        assert_eq!(servers.giver(), Some(2));
        for _ in 0..TICKS_MAX {
            for server in [1, 2] {
                servers.record_entry(server);
                assert!(servers.tick(server).is_empty(), "one is silent, but not for long");
            }
        }
        servers.record_entry(1);
        assert_eq!(servers.tick(1), [3]);
        servers.remove(3);
        servers.record_entry(2);
        assert!(servers.tick(2).is_empty());
    }
}
