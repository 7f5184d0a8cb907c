//! The numbers of clients, rooms and servers.

/// Numbers clients in the order in which they were accepted.
pub(super) type ClientId = u64;

/// Numbers rooms in the order in which they were created.
pub(super) type RoomId = u64;

/// Tells the servers of a relay apart; a new number at each start.
pub(super) type ServerId = u64;

/// A client as all servers of a relay know it: its server, and its number there.
pub(super) type GlobalId = (ServerId, u64);

/// The first number of clients that are connected to other servers.
pub(super) const REMOTE_MIN: ClientId = 1 << 63;
