//! What the broadcaster hands to the fan-out threads: text for whole rooms, and operations on
//! single clients.

use std::collections::BTreeMap;
use std::sync::Arc;

use memchr::memchr_iter;

use super::events::ClientId;
use crate::net::Conn;

/// Bytes of text from which a batch is full.
const TEXT_MAX: usize = 32 << 10;
/// Number of operations from which a batch is full.
const OPS_MAX: usize = 1_024;

/// Numbers rooms in the order in which they were created.
pub(super) type RoomId = u64;

/// All that was pending at one moment, in the order in which clients are to see it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rooms: BTreeMap<RoomId, RoomText>,
    pub(super) ops: Vec<ClientOp>,
}

/// The text that everyone in a room receives.
#[derive(Debug)]
pub(super) struct RoomText {
    pub(super) text: Arc<[u8]>,
    pub(super) n_lines: u64,
}

/// An operation on one client.
#[derive(Debug)]
pub(super) struct ClientOp {
    pub(super) client: ClientId,
    /// Bytes of its room's text that the client receives before the operation.
    pub(super) offset: usize,
    pub(super) kind: OpKind,
}

#[derive(Debug)]
pub(super) enum OpKind {
    /// Add the client, which is in no room yet.
    Add(Arc<Conn>),
    /// Send this text to the client alone.
    Send(Arc<[u8]>),
    /// Move the client to a room, whose text it receives from this byte offset on.
    Move(RoomId, usize),
    /// Send what is queued, then close the connection gracefully.
    Close,
    /// Send what is queued, then forget the client: its reader has ended.
    Remove,
}

/// A [`Batch`] being gathered.
#[derive(Default)]
pub(super) struct BatchBuilder {
    texts: BTreeMap<RoomId, Vec<u8>>,
    ops: Vec<ClientOp>,
    n_bytes: usize,
}

impl BatchBuilder {
    /// The room's text, to append lines to. The caller adds what it appended to the size of the
    /// batch with [`add_bytes`](Self::add_bytes).
    pub(super) fn text_of(&mut self, room: RoomId) -> &mut Vec<u8> {
        self.texts.entry(room).or_default()
    }

    /// Counts `n_bytes` towards the limit of the batch.
    pub(super) fn add_bytes(&mut self, n_bytes: usize) {
        self.n_bytes += n_bytes;
    }

    /// The length of the room's text so far, in bytes.
    pub(super) fn text_len(&self, room: Option<RoomId>) -> usize {
        room.and_then(|room| self.texts.get(&room)).map_or(0, Vec::len)
    }

    /// Adds an operation on a client in `room`, after all the text that the room has so far.
    pub(super) fn add_op(&mut self, client: ClientId, room: Option<RoomId>, kind: OpKind) {
        let offset = self.text_len(room);
        self.ops.push(ClientOp { client, offset, kind });
    }

    pub(super) fn is_full(&self) -> bool {
        self.n_bytes >= TEXT_MAX || self.ops.len() >= OPS_MAX
    }

    /// Takes the batch gathered so far and starts an empty one.
    pub(super) fn finish(&mut self) -> Batch {
        self.n_bytes = 0;
        let rooms = std::mem::take(&mut self.texts).into_iter();
        let rooms = rooms.filter(|(_, text)| !text.is_empty()).map(|(room, text)| {
            let n_lines = n_lines(&text);
            (room, RoomText { text: text.into(), n_lines })
        });
        Batch { rooms: rooms.collect(), ops: std::mem::take(&mut self.ops) }
    }
}

/// The number of newlines in `text`.
pub(super) fn n_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}
