//! What the broadcaster hands to the fan-out threads: text for whole rooms, and operations on
//! single clients.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tungstenite::protocol::frame::coding::CloseCode;

use super::form::{Author, Chunk, Form, Ignored, n_lines};
use super::frame::Age;
use super::ids::{ClientId, REMOTE_MIN, RoomId};
use super::link::Link;

/// Bytes of text from which a batch is full.
const TEXT_MAX: usize = 32 << 10;
/// Number of operations from which a batch is full.
const OPS_MAX: usize = 1_024;

/// All that was pending at one moment, in the order in which clients are to see it.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) rooms: BTreeMap<RoomId, RoomText>,
    pub(super) ops: Vec<ClientOp>,
}

/// The text that everyone in a room receives.
#[derive(Debug)]
pub(super) struct RoomText {
    pub(super) chunk: Chunk,
    /// The whole text as web clients receive it, once one is in the room.
    web: OnceLock<Arc<[u8]>>,
    /// The whole text with the time in front of each line, once a client wants that.
    stamped: OnceLock<Arc<[u8]>>,
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
    Add(Link),
    /// Send this text to the client alone.
    Send(Arc<[u8]>),
    /// Send these bytes to the client, in whatever form it receives lines.
    SendRaw(Arc<[u8]>),
    /// Put the time in front of each line from now on, or no longer.
    Stamp(Option<TimeZone>),
    /// Leave out what these clients say from now on.
    Ignore(Option<Ignored>),
    /// Move the client to a room, whose text it receives from this byte offset on.
    Move(RoomId, usize),
    /// Send what is queued, then close the connection gracefully; web clients get the reason.
    Close(CloseCode),
    /// Send what is queued, then forget the client: its reader has ended.
    Remove,
}

/// A [`Batch`] being gathered.
#[derive(Default)]
pub(super) struct BatchBuilder {
    texts: BTreeMap<RoomId, TextBuilder>,
    ops: Vec<ClientOp>,
    n_bytes: usize,
}

/// The text of a room being gathered.
#[derive(Default)]
pub(super) struct TextBuilder {
    text: Vec<u8>,
    authors: Vec<Author>,
}

impl RoomText {
    fn new(chunk: Chunk) -> Self {
        RoomText { chunk, web: OnceLock::new(), stamped: OnceLock::new() }
    }

    /// The whole text in a form that many clients share; `None` for one of a single client.
    pub(super) fn shared(&self, form: &Form) -> Option<&Arc<[u8]>> {
        let render = || self.chunk.render(0..self.chunk.text.len(), form, Age::New).0.into();
        match form {
            _ if form.is_plain() => Some(&self.chunk.text),
            Form { ignored: Some(_), .. } => None,
            Form { is_web: true, .. } => Some(self.web.get_or_init(render)),
            Form { .. } => Some(self.stamped.get_or_init(render)),
        }
    }
}

impl TextBuilder {
    /// Appends whole lines by `client`, or by the server, in parts.
    pub(super) fn append(&mut self, client: Option<ClientId>, parts: &[&[u8]]) {
        for part in parts {
            self.text.extend_from_slice(part);
        }
        let end = self.text.len();
        match self.authors.last_mut() {
            Some(last) if last.client == client => last.end = end,
            _ => self.authors.push(Author { end, client }),
        }
    }

    /// The length of the text so far, in bytes.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// The text so far as a chunk.
    fn chunk(&self, first_line: u64, at: Timestamp) -> Chunk {
        Chunk {
            text: self.text.as_slice().into(),
            n_lines: n_lines(&self.text),
            first_line,
            at,
            authors: self.authors.as_slice().into(),
        }
    }
}

impl BatchBuilder {
    /// The room's text, to append lines to. The caller adds what it appended to the size of the
    /// batch with [`add_bytes`](Self::add_bytes).
    pub(super) fn text_of(&mut self, room: RoomId) -> &mut TextBuilder {
        self.texts.entry(room).or_default()
    }

    /// Counts `n_bytes` towards the limit of the batch.
    pub(super) fn add_bytes(&mut self, n_bytes: usize) {
        self.n_bytes += n_bytes;
    }

    /// The length of the room's text so far, in bytes.
    pub(super) fn text_len(&self, room: Option<RoomId>) -> usize {
        room.and_then(|room| self.texts.get(&room)).map_or(0, |builder| builder.text.len())
    }

    /// The room's text so far, the first line of which has this number.
    pub(super) fn chunk(&self, room: RoomId, first_line: u64) -> Option<Chunk> {
        self.texts.get(&room).map(|builder| builder.chunk(first_line, Timestamp::now()))
    }

    /// Adds an operation on a client in `room`, after all the text that the room has so far.
    pub(super) fn add_op(&mut self, client: ClientId, room: Option<RoomId>, kind: OpKind) {
        if client >= REMOTE_MIN {
            return; // another server sends to it
        }
        let offset = self.text_len(room);
        self.ops.push(ClientOp { client, offset, kind });
    }

    pub(super) fn is_full(&self) -> bool {
        self.n_bytes >= TEXT_MAX || self.ops.len() >= OPS_MAX
    }

    /// Takes the batch gathered so far and starts an empty one. `n_lines_before` is the number of
    /// lines that a room has had before.
    pub(super) fn finish(&mut self, n_lines_before: impl Fn(RoomId) -> u64) -> Batch {
        self.n_bytes = 0;
        let at = Timestamp::now();
        let rooms = std::mem::take(&mut self.texts).into_iter();
        let rooms = rooms
            .filter(|(_, builder)| !builder.text.is_empty())
            .map(|(room, builder)| (room, RoomText::new(builder.chunk(n_lines_before(room), at))));
        Batch { rooms: rooms.collect(), ops: std::mem::take(&mut self.ops) }
    }
}
