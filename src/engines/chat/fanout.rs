//! Sends batches to its share of the clients, and waits for none of them.
//!
//! What a socket does not take stays in the client's outbox and is tried again every few
//! milliseconds. A thread a client, or a wake-up a line, costs six times the CPU.

use std::collections::HashMap;
use std::net::Shutdown;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError};

use super::batch::{Batch, Op, RoomId, What, n_lines};
use super::{Id, Log, Notice, add};
use crate::net::Outbox;
use crate::threads;

/// Everyone waits for a client that has so much before it and is reading,
const BEHIND: usize = 256 << 10;
/// and for so long if it has stopped.
const PATIENCE: Duration = Duration::from_millis(250);
/// No more than this is kept for a client,
const WAITING_MAX: usize = 3 << 19;
/// which is hung up on if it reads nothing for so long with that much before it,
const STALLED_FULL: Duration = Duration::from_secs(1);
/// or for so long with anything.
const STALLED: Duration = Duration::from_secs(5);
/// How long a client may take to close, once it has been told the end.
const GRACE: Duration = Duration::from_secs(2);
/// Between two tries to send what waits; longer if trying takes long.
const PAUSE: Duration = Duration::from_millis(2);
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// What trying may take of a CPU: one part in so many.
const SHARE: u32 = 4;

pub(super) struct Fanout<'a> {
    nth: u64,
    of: u64,
    log: &'a Log<'a>,
    /// When the server has ended, whoever is still here; not set while it runs.
    deadline: &'a OnceLock<Instant>,
    members: HashMap<Id, Member>,
    /// Who has something waiting, or an end before them.
    waiting: Vec<Id>,
    turn: u64,
}

struct Member {
    outbox: Outbox,
    room: Option<RoomId>,
    /// Up to where it has its room's chunk, in the batch of that turn.
    turn: u64,
    upto: usize,
    end: End,
    is_waiting: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    No,
    /// When all is sent.
    Finish,
    /// It was told; it has until then to close.
    Told(Instant),
    /// Its reader will notice that nothing can be read any more.
    Cut,
    /// Its reader has ended.
    Gone,
}

impl<'a> Fanout<'a> {
    /// The `nth` of `of` threads that share the clients.
    pub(super) fn new(
        nth: u64,
        of: u64,
        log: &'a Log<'a>,
        deadline: &'a OnceLock<Instant>,
    ) -> Self {
        let (members, waiting) = (HashMap::new(), Vec::new());
        Fanout { nth, of, log, deadline, members, waiting, turn: 0 }
    }

    pub(super) fn run(mut self, to_send: &Receiver<Arc<Batch>>) {
        let mut pause = PAUSE;
        loop {
            match self.next(to_send, pause) {
                Ok(batch) => self.apply(&batch, Instant::now()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            pause = self.tend();
            while self.is_someone_behind() {
                thread::sleep(pause);
                pause = self.tend();
            }
        }
        while !self.waiting.is_empty() && !self.is_over(Instant::now()) {
            thread::sleep(pause);
            pause = self.tend();
        }
    }

    fn next(
        &self,
        to_send: &Receiver<Arc<Batch>>,
        pause: Duration,
    ) -> Result<Arc<Batch>, RecvTimeoutError> {
        if self.waiting.is_empty() {
            return threads::recv(to_send).map_err(RecvTimeoutError::from);
        }
        to_send.recv_timeout(pause)
    }

    fn apply(&mut self, batch: &Batch, now: Instant) {
        self.turn += 1;
        let mut n_delivered = 0;
        for op in &batch.ops {
            if op.client % self.of == self.nth {
                n_delivered += self.op(op, batch, now);
            }
        }
        for (id, member) in &mut self.members {
            n_delivered += member.catch_up(batch, None, self.turn, now);
            if !member.is_waiting && member.has_to_wait() {
                member.is_waiting = true;
                self.waiting.push(*id);
            }
        }
        add(&self.log.counters.delivered, n_delivered);
    }

    /// What happens to one client, after what it hears before. Returns lines delivered.
    fn op(&mut self, op: &Op, batch: &Batch, now: Instant) -> u64 {
        if let What::Enter(conn) = &op.what {
            self.members.insert(op.client, Member::new(Outbox::new(Arc::clone(conn))));
            return 0;
        }
        let Some(member) = self.members.get_mut(&op.client) else { return 0 };
        let mut n = member.catch_up(batch, Some(op.at), self.turn, now);
        match &op.what {
            What::Enter(_) => {}
            What::Text(text) => n += member.send(text, 0..text.len(), n_lines(text), now),
            What::Room(room, upto) => {
                (member.room, member.turn, member.upto) = (Some(*room), self.turn, *upto);
            }
            What::Finish => member.finish(End::Finish),
            What::Gone => member.finish(End::Gone),
        }
        if member.end == End::Gone && member.outbox.n_bytes() == 0 {
            self.members.remove(&op.client); // closes the connection
        }
        n
    }

    /// Tries to send what waits, ends what is to end; says when to do it again.
    fn tend(&mut self) -> Duration {
        let now = Instant::now();
        let is_over = self.is_over(now);
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|id| {
            let Some(member) = self.members.get_mut(id) else { return false };
            member.tend(now, self.log);
            if is_over {
                member.cut(self.log);
            }
            member.is_waiting = member.has_to_wait();
            if member.end == End::Gone && !member.is_waiting {
                self.members.remove(id);
                return false;
            }
            member.is_waiting
        });
        self.waiting = waiting;
        (now.elapsed() * SHARE).clamp(PAUSE, PAUSE_MAX)
    }

    fn is_someone_behind(&self) -> bool {
        let now = Instant::now();
        let mut waiting = self.waiting.iter().filter_map(|id| self.members.get(id));
        waiting.any(|member| {
            let n_bytes = member.outbox.n_bytes();
            let patience = if n_bytes > WAITING_MAX { STALLED_FULL } else { PATIENCE };
            member.end == End::No && n_bytes > BEHIND && member.outbox.stalled(now) < patience
        })
    }

    fn is_over(&self, now: Instant) -> bool {
        self.deadline.get().is_some_and(|deadline| now >= *deadline)
    }
}

impl Member {
    fn new(outbox: Outbox) -> Self {
        Member { outbox, room: None, turn: 0, upto: 0, end: End::No, is_waiting: false }
    }

    /// Sends what the room has heard in this batch up to `to`, or all. Returns the lines.
    fn catch_up(&mut self, batch: &Batch, to: Option<usize>, turn: u64, now: Instant) -> u64 {
        let chunk = self.room.and_then(|room| batch.rooms.get(&room));
        let Some(chunk) = chunk else { return 0 };
        let from = if self.turn == turn { self.upto } else { 0 };
        let to = to.unwrap_or(chunk.text.len());
        (self.turn, self.upto) = (turn, to);
        let is_whole = (from, to) == (0, chunk.text.len());
        let n = if is_whole { chunk.n_lines } else { n_lines(&chunk.text[from..to]) };
        self.send(&chunk.text, from..to, n, now)
    }

    fn send(
        &mut self,
        text: &Arc<[u8]>,
        part: std::ops::Range<usize>,
        n_lines: u64,
        now: Instant,
    ) -> u64 {
        if matches!(self.end, End::No) && self.outbox.send(text, part, now).is_ok() {
            return n_lines;
        }
        0 // a broken connection ends its reader, who says so
    }

    /// Nothing more is for it, except what waits.
    fn finish(&mut self, end: End) {
        self.room = None;
        self.end = end;
    }

    fn has_to_wait(&self) -> bool {
        self.outbox.n_bytes() > 0 || matches!(self.end, End::Finish | End::Told(_))
    }

    fn tend(&mut self, now: Instant, log: &Log<'_>) {
        let stalled = self.outbox.stalled(now);
        let is_too_much = self.outbox.n_bytes() > WAITING_MAX && stalled >= STALLED_FULL;
        if self.outbox.flush(now).is_err() {
            return self.cut(log);
        }
        if self.outbox.n_bytes() > 0 {
            if stalled > STALLED || is_too_much {
                add(&log.counters.evicted, 1);
                log.notice(Notice::Evicted(self.outbox.conn().peer().to_string()));
                self.cut(log);
            }
            return;
        }
        match self.end {
            End::Finish => {
                _ = self.outbox.conn().shutdown(Shutdown::Write); // its reader sees a failure too
                self.end = End::Told(now + GRACE);
            }
            End::Told(until) if now >= until => {
                _ = self.outbox.conn().shutdown(Shutdown::Read); // its reader reads no more
                self.end = End::Cut;
            }
            _ => {}
        }
    }

    /// Hangs up without waiting for anything.
    fn cut(&mut self, log: &Log<'_>) {
        add(&log.counters.dropped, self.outbox.clear());
        self.outbox.conn().abort();
        self.room = None;
        if self.end != End::Gone {
            self.end = End::Cut;
        }
    }
}
