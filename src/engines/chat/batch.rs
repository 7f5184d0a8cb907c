//! What the broadcaster gives the fan-outs: text for whole rooms, and what concerns one client.

use std::collections::BTreeMap;
use std::sync::Arc;

use memchr::memchr_iter;

use super::Id;
use crate::net::Conn;

/// A batch is full when its text has so many bytes.
const TEXT_MAX: usize = 32 << 10;
/// Or when it concerns so many clients.
const OPS_MAX: usize = 1_024;

pub(super) type RoomId = u64;

/// A piece of the one order, made of all that was pending.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rooms: BTreeMap<RoomId, Chunk>,
    pub(super) ops: Vec<Op>,
}

/// What everyone in a room gets.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) text: Arc<[u8]>,
    pub(super) n_lines: u64,
}

/// What happens to one client, after the first `at` bytes of its room's chunk.
#[derive(Debug)]
pub(super) struct Op {
    pub(super) client: Id,
    pub(super) at: usize,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// It is here, and in no room yet.
    Enter(Arc<Conn>),
    /// It alone is told this.
    Text(Arc<[u8]>),
    /// It hears this room now, from this byte of the room's chunk on.
    Room(RoomId, usize),
    /// It gets what waits for it, then the end.
    Finish,
    /// Nobody reads it any more; it gets what waits for it and is forgotten.
    Gone,
}

/// A [`Batch`] in the making.
#[derive(Default)]
pub(super) struct Builder {
    texts: BTreeMap<RoomId, Vec<u8>>,
    ops: Vec<Op>,
    n_bytes: usize,
}

impl Builder {
    /// The room's chunk, to append lines to; count what was appended with [`said`](Self::said).
    pub(super) fn room(&mut self, room: RoomId) -> &mut Vec<u8> {
        self.texts.entry(room).or_default()
    }

    pub(super) fn said(&mut self, n_bytes: usize) {
        self.n_bytes += n_bytes;
    }

    /// Where the room's chunk ends now.
    pub(super) fn at(&self, room: Option<RoomId>) -> usize {
        room.and_then(|room| self.texts.get(&room)).map_or(0, Vec::len)
    }

    /// Something happens to a client who is in `room`, after all that the room has heard.
    pub(super) fn op(&mut self, client: Id, room: Option<RoomId>, what: What) {
        let at = self.at(room);
        self.ops.push(Op { client, at, what });
    }

    pub(super) fn is_full(&self) -> bool {
        self.n_bytes >= TEXT_MAX || self.ops.len() >= OPS_MAX
    }

    pub(super) fn finish(&mut self) -> Batch {
        self.n_bytes = 0;
        let rooms = std::mem::take(&mut self.texts).into_iter();
        let rooms = rooms.filter(|(_, text)| !text.is_empty()).map(|(room, text)| {
            let n_lines = n_lines(&text);
            (room, Chunk { text: text.into(), n_lines })
        });
        Batch { rooms: rooms.collect(), ops: std::mem::take(&mut self.ops) }
    }
}

pub(super) fn n_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}
