//! What is observed of the servers.

use std::time::Duration;

use super::time::{Offset, TimeOfDay};

/// Something that was observed of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Index of the server among the sources.
    pub index: usize,
    /// What was observed.
    pub kind: EventKind,
}

/// What can be observed of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A connection is being established.
    Connecting,
    /// The connection is established.
    Connected,
    /// The server sent a time, with its offset to the local time.
    Time(TimeOfDay, Offset),
    /// The server sent a line in which no time was found: the beginning of that line.
    NoTime(String),
    /// The server sent one line and closed the connection, as daytime servers do (RFC 867): the
    /// beginning of that line, and the time until the next attempt.
    Served(String, Duration),
    /// The connection failed or was lost: the reason, and the time until the next attempt.
    Lost(String, Duration),
}
