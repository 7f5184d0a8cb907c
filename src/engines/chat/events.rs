//! What the readers report to the broadcaster.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tungstenite::protocol::frame::coding::CloseCode;

use super::ids::{ClientId, GlobalId, ServerId};
use super::link::Link;
use super::password_lines::Login;
use super::resume::Resume;
use super::snapshot::Snapshot;

/// An input of the broadcaster. The order of these in their one channel is the order in which every
/// client sees what happens.
pub(super) enum Event {
    /// A client has connected.
    Entering(ClientId, Link),
    /// A client has connected to another server of the relay.
    EnteringElsewhere(ClientId, GlobalId, SocketAddr, Option<Arc<Resume>>),
    /// A client sent these lines: printable text, each line with its newline.
    Lines(ClientId, Vec<u8>),
    /// A client sent a line above the limit, which was discarded.
    LineTooLong(ClientId),
    /// A client sends more than flood control allows: its lines are delayed, those received so far
    /// by this time.
    Flooding(ClientId, Duration),
    /// Bytes that a protocol below the lines has a client receive.
    Reply(ClientId, Vec<u8>),
    /// A client logs in as an operator, or fails to.
    Login(ClientId, Login),
    /// A client is idle and will be disconnected after this time.
    IdleWarning(ClientId, Duration),
    /// A client was idle for too long.
    IdleTimeout(ClientId),
    /// A web client broke the rules of its protocol, which closes the connection with this code.
    Violation(ClientId, CloseCode),
    /// A client's input has ended; its last event.
    Leaving(ClientId),
    /// The server shuts down.
    Shutdown,
    /// Whether the broker of the relay can be reached.
    Broker(bool),
    /// What happens among the servers of a relay.
    Relay(RelayEvent),
}

/// What happens among the servers of a relay.
pub(super) enum RelayEvent {
    /// What follows was appended by this server, at this time.
    Heard(ServerId, Timestamp),
    /// A server has started and needs the state.
    Hello(ServerId),
    /// A server has begun with an empty state, unless another one has a state.
    Founded(ServerId),
    /// A server has the state.
    Joined(ServerId),
    /// A second has passed for a server; whether it has the state.
    Tick(ServerId, bool),
    /// A server has ended.
    Gone(ServerId),
    /// The state, for this server that had none, and the numbers of its clients here.
    Restore(Box<Snapshot>, Vec<ClientId>),
    /// The state is to be saved with this place in the stream.
    Save(String, HashMap<ServerId, u64>),
    /// Something that all clients of this server are to know.
    Report(String),
}

/// What the broadcaster asks of the relay.
pub(super) enum RelayRequest {
    /// To give the state to a server that joins.
    Give(ServerId, Box<Snapshot>),
    /// To save the state with this place in the stream.
    Save(String, HashMap<ServerId, u64>, Box<Snapshot>),
}

impl Event {
    /// Whether it concerns one client of this server alone, so that it need not be relayed.
    pub(super) fn is_local(&self) -> bool {
        matches!(
            self,
            Event::LineTooLong(_)
                | Event::Flooding(..)
                | Event::Reply(..)
                | Event::IdleWarning(..)
                | Event::Shutdown
        )
    }
}
