//! What the readers report to the broadcaster.

use std::sync::Arc;
use std::time::Duration;

use crate::net::Conn;

/// Numbers clients in the order in which they were accepted.
pub(super) type ClientId = u64;

/// An input of the broadcaster. The order of these in their one channel is the order in which every
/// client sees what happens.
pub(super) enum Event {
    /// A client has connected.
    Entering(ClientId, Arc<Conn>),
    /// A client sent these lines: printable text, each line with its newline.
    Lines(ClientId, Vec<u8>),
    /// A client sent a line above the limit, which was discarded.
    LineTooLong(ClientId),
    /// A client is idle and will be disconnected after this time.
    IdleWarning(ClientId, Duration),
    /// A client was idle for too long.
    IdleTimeout(ClientId),
    /// A client's input has ended; its last event.
    Leaving(ClientId),
    /// The server shuts down.
    Shutdown,
}
