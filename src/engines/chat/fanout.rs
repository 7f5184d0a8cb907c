//! Sends batches to a share of the clients without blocking on any of them.
//!
//! What a socket does not accept stays in the client's outbox and is retried every few
//! milliseconds. A writer thread per client, or a wake-up per line, costs six times the CPU.

use std::collections::HashMap;
use std::net::Shutdown;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, RecvTimeoutError};

use tungstenite::protocol::frame::coding::CloseCode;

use super::batch::{Batch, ClientOp, OpKind};
use super::counters::{LogEvent, Monitor, add};
use super::form::{Form, n_lines};
use super::frame::{self, Age};
use super::ids::{ClientId, RoomId};
use super::output::Output;
use crate::threads;

/// Bytes queued for one client above which no further batch is sent: back-pressure.
const BACK_PRESSURE_MIN: usize = 256 << 10;
/// How long a client that has stopped reading may delay the others by back-pressure.
const PROGRESS_TIMEOUT: Duration = Duration::from_millis(250);
/// Bytes (1.5 MiB) queued for one client above which [`FULL_STALL_TIMEOUT`] applies.
const QUEUE_MAX: usize = 3 << 19;
/// How long a client with a full queue may accept next to nothing before it is disconnected.
const FULL_STALL_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a client with anything queued may accept next to nothing before it is disconnected.
const STALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client may take to close its side after the server has closed the other.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Shortest pause between two attempts to send what is queued.
const RETRY_MIN: Duration = Duration::from_millis(2);
/// Longest pause between two attempts.
const RETRY_MAX: Duration = Duration::from_millis(50);
/// Length of a pause as a multiple of the time that the last attempt took: it bounds the CPU time.
const RETRY_FACTOR: u32 = 4;

/// One of the threads that send, with the clients whose numbers fall to it.
pub(super) struct Fanout<'a> {
    index: u64,
    n_fanouts: u64,
    monitor: &'a Monitor<'a>,
    /// When all remaining clients are disconnected; set when the server shuts down.
    deadline: &'a OnceLock<Instant>,
    recipients: HashMap<ClientId, Recipient>,
    /// The recipients with [`Recipient::is_pending`] set.
    pending: Vec<ClientId>,
    /// Sequence number of the last batch applied.
    batch_seq: u64,
}

/// A client as its sender sees it.
struct Recipient {
    outbox: Output,
    form: Form,
    room: Option<RoomId>,
    /// Sequence number of the batch that `sent_to` refers to.
    batch_seq: u64,
    /// Offset in its room's text up to which the client has received it.
    sent_to: usize,
    state: State,
    /// Whether [`Recipient::flush_pending`] has to be called again.
    is_pending: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The connection is closed once all that is queued has been sent.
    Closing,
    /// The write half is closed; the client has until then to close its half.
    HalfClosed(Instant),
    /// The connection is broken; its reader will report that the input has ended.
    Aborted,
    /// The reader has ended; the client is forgotten once all that is queued has been sent.
    ReaderEnded,
}

impl<'a> Fanout<'a> {
    /// Creates the fan-out that serves the clients whose number is `index` modulo `n_fanouts`.
    pub(super) fn new(
        index: u64,
        n_fanouts: u64,
        monitor: &'a Monitor<'a>,
        deadline: &'a OnceLock<Instant>,
    ) -> Self {
        let (recipients, pending) = (HashMap::new(), Vec::new());
        Fanout { index, n_fanouts, monitor, deadline, recipients, pending, batch_seq: 0 }
    }

    /// Sends batches until their channel is closed and nothing is queued, or the deadline passes.
    pub(super) fn run(mut self, batches: &Receiver<Arc<Batch>>) {
        let mut pause = RETRY_MIN;
        loop {
            match self.next_batch(batches, pause) {
                Ok(batch) => self.apply(&batch, Instant::now()),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            pause = self.flush_pending();
            while self.is_held_up() {
                thread::sleep(pause);
                pause = self.flush_pending();
            }
        }
        while !self.pending.is_empty() && !self.is_deadline_past(Instant::now()) {
            thread::sleep(pause);
            pause = self.flush_pending();
        }
    }

    /// Waits for a batch; at most for `pause` if anything is pending.
    fn next_batch(
        &self,
        batches: &Receiver<Arc<Batch>>,
        pause: Duration,
    ) -> Result<Arc<Batch>, RecvTimeoutError> {
        if self.pending.is_empty() {
            return threads::recv(batches).map_err(RecvTimeoutError::from);
        }
        batches.recv_timeout(pause)
    }

    fn apply(&mut self, batch: &Batch, now: Instant) {
        self.batch_seq += 1;
        let mut n_delivered = 0;
        for op in &batch.ops {
            if op.client % self.n_fanouts == self.index {
                n_delivered += self.apply_op(op, batch, now);
            }
        }
        for (id, recipient) in &mut self.recipients {
            n_delivered += recipient.send_room_text(batch, None, self.batch_seq, now);
            if !recipient.is_pending && recipient.has_pending_work() {
                recipient.is_pending = true;
                self.pending.push(*id);
            }
        }
        add(&self.monitor.counters.delivered, n_delivered);
    }

    /// Sends the room's text that precedes the operation, then applies it. Returns the number of
    /// lines sent or queued.
    fn apply_op(&mut self, op: &ClientOp, batch: &Batch, now: Instant) -> u64 {
        if let OpKind::Add(link) = &op.kind {
            let form = Form { is_web: link.is_web(), ..Form::default() };
            let recipient = Recipient::new(Output::new(link), form);
            self.recipients.insert(op.client, recipient);
            return 0;
        }
        let Some(recipient) = self.recipients.get_mut(&op.client) else { return 0 };
        let mut n = recipient.send_room_text(batch, Some(op.offset), self.batch_seq, now);
        match &op.kind {
            OpKind::Add(_) => {}
            OpKind::Send(text) => n += recipient.send_note(text, now),
            OpKind::SendRaw(bytes) => _ = recipient.send(bytes, 0..bytes.len(), 0, now),
            OpKind::Stamp(zone) => recipient.form.stamps.clone_from(zone),
            OpKind::Ignore(ignored) => recipient.form.ignored.clone_from(ignored),
            OpKind::Move(room, offset) => {
                recipient.room = Some(*room);
                (recipient.batch_seq, recipient.sent_to) = (self.batch_seq, *offset);
            }
            OpKind::Close(code) => {
                recipient.send_close(*code, now);
                recipient.finish(State::Closing);
            }
            OpKind::Remove => recipient.finish(State::ReaderEnded),
        }
        if recipient.state == State::ReaderEnded && recipient.outbox.n_bytes() == 0 {
            self.recipients.remove(&op.client); // closes the connection
        }
        n
    }

    /// Sends queued text and closes connections where it is time. Returns when to call it again.
    fn flush_pending(&mut self) -> Duration {
        let now = Instant::now();
        let is_deadline_past = self.is_deadline_past(now);
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|id| {
            let Some(recipient) = self.recipients.get_mut(id) else { return false };
            recipient.flush_pending(now, self.monitor);
            if is_deadline_past {
                recipient.abort(self.monitor);
            }
            recipient.is_pending = recipient.has_pending_work();
            if recipient.state == State::ReaderEnded && !recipient.is_pending {
                self.recipients.remove(id);
                return false;
            }
            recipient.is_pending
        });
        self.pending = pending;
        (now.elapsed() * RETRY_FACTOR).clamp(RETRY_MIN, RETRY_MAX)
    }

    /// Whether the next batch has to wait for a slow client (back-pressure).
    fn is_held_up(&self) -> bool {
        let now = Instant::now();
        let mut pending = self.pending.iter().filter_map(|id| self.recipients.get(id));
        pending.any(|recipient| {
            let n_bytes = recipient.outbox.n_bytes();
            let timeout = if n_bytes > QUEUE_MAX { FULL_STALL_TIMEOUT } else { PROGRESS_TIMEOUT };
            recipient.state == State::Open
                && n_bytes > BACK_PRESSURE_MIN
                && recipient.outbox.stalled_for(now) < timeout
        })
    }

    fn is_deadline_past(&self, now: Instant) -> bool {
        self.deadline.get().is_some_and(|deadline| now >= *deadline)
    }
}

impl Recipient {
    fn new(outbox: Output, form: Form) -> Self {
        let (state, is_pending) = (State::Open, false);
        Recipient { outbox, form, room: None, batch_seq: 0, sent_to: 0, state, is_pending }
    }

    /// Sends what it has not received yet of its room's text in this batch, up to the offset `to`
    /// or all of it. Returns the number of lines.
    fn send_room_text(
        &mut self,
        batch: &Batch,
        to: Option<usize>,
        batch_seq: u64,
        now: Instant,
    ) -> u64 {
        let room = self.room.and_then(|room| batch.rooms.get(&room));
        let Some(room) = room else { return 0 };
        let from = if self.batch_seq == batch_seq { self.sent_to } else { 0 };
        let chunk = &room.chunk;
        let to = to.unwrap_or(chunk.text.len());
        (self.batch_seq, self.sent_to) = (batch_seq, to);
        if from >= to {
            return 0;
        }
        let is_whole = (from, to) == (0, chunk.text.len());
        if let Some(text) = room.shared(&self.form).filter(|_| is_whole) {
            return self.send(text, 0..text.len(), chunk.n_lines, now);
        }
        if self.form.is_plain() {
            let n = n_lines(&chunk.text[from..to]);
            return self.send(&chunk.text, from..to, n, now);
        }
        let (bytes, n) = chunk.render(from..to, &self.form, Age::New);
        let len = bytes.len();
        self.send(&bytes.into(), 0..len, n, now)
    }

    /// Sends whole lines to this client alone. Returns their number.
    fn send_note(&mut self, text: &Arc<[u8]>, now: Instant) -> u64 {
        let n = n_lines(text);
        if !self.form.is_web {
            return self.send(text, 0..text.len(), n, now);
        }
        let mut bytes = Vec::with_capacity(text.len() + 16);
        frame::append(&mut bytes, &[frame::NOTE.as_bytes(), text]);
        let len = bytes.len();
        self.send(&bytes.into(), 0..len, n, now)
    }

    /// Announces to a web client that the connection is closed.
    fn send_close(&mut self, code: CloseCode, now: Instant) {
        if self.form.is_web {
            let bytes: Arc<[u8]> = frame::close(code).into();
            self.send(&bytes, 0..bytes.len(), 0, now);
        }
    }

    /// Sends or queues part of `text`. Returns `n_lines`, or 0 if the connection is closed.
    fn send(&mut self, text: &Arc<[u8]>, part: Range<usize>, n_lines: u64, now: Instant) -> u64 {
        if self.state == State::Open && self.outbox.send(text, part, now).is_ok() {
            return n_lines;
        }
        0 // a broken connection ends its reader, which reports it
    }

    /// Accepts no more text and goes to `state`.
    fn finish(&mut self, state: State) {
        self.room = None;
        self.state = state;
    }

    fn has_pending_work(&self) -> bool {
        self.outbox.n_bytes() > 0 || matches!(self.state, State::Closing | State::HalfClosed(_))
    }

    /// Sends what is queued, disconnects a stalled client, and takes the next step of closing.
    fn flush_pending(&mut self, now: Instant, monitor: &Monitor<'_>) {
        let stalled_for = self.outbox.stalled_for(now);
        let is_full = self.outbox.n_bytes() > QUEUE_MAX && stalled_for >= FULL_STALL_TIMEOUT;
        if self.outbox.flush(now).is_err() {
            return self.abort(monitor);
        }
        if self.outbox.n_bytes() > 0 {
            if is_full || stalled_for > STALL_TIMEOUT {
                self.evict(monitor);
            }
            return;
        }
        match self.state {
            State::Closing => {
                self.outbox.end(now);
                _ = self.outbox.conn().shutdown(Shutdown::Write); // its reader sees a failure too
                self.state = State::HalfClosed(now + CLOSE_TIMEOUT);
            }
            State::HalfClosed(until) if now >= until => {
                _ = self.outbox.conn().shutdown(Shutdown::Read); // wakes its reader
                self.state = State::Aborted;
            }
            _ => {}
        }
    }

    fn evict(&mut self, monitor: &Monitor<'_>) {
        add(&monitor.counters.evicted, 1);
        monitor.log(LogEvent::Evicted(self.outbox.conn().peer().to_string()));
        self.abort(monitor);
    }

    /// Drops what is queued and resets the connection.
    fn abort(&mut self, monitor: &Monitor<'_>) {
        add(&monitor.counters.dropped, self.outbox.clear());
        self.outbox.conn().abort();
        self.room = None;
        if self.state != State::ReaderEnded {
            self.state = State::Aborted;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpStream;

    use super::super::batch::BatchBuilder;
    use super::super::counters::Counters;
    use super::super::link::Link;
    use super::*;
    use crate::net::{Conn, listen};

    const LOBBY: RoomId = 0;

    /// Two connected clients, and their connections in the server.
    fn connect_two() -> [(TcpStream, Arc<Conn>); 2] {
        let listener = listen("127.0.0.1:0", 1).unwrap();
        [(); 2].map(|()| {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let conn = listener.incoming().next().unwrap();
            conn.mark_drained(); // dropping it then does not wait for the client to close
            (client, Arc::new(conn))
        })
    }

    fn entering(conn: Arc<Conn>) -> OpKind {
        OpKind::Add(Link { conn, tls: None, web: None })
    }

    /// Applies what `test` does to a fan-out of its own; returns the counters.
    fn with_fanout(test: impl FnOnce(&mut Fanout<'_>)) -> Counters {
        let (counters, deadline) = (Counters::default(), OnceLock::new());
        let monitor = Monitor { counters: &counters, log_events_tx: None };
        test(&mut Fanout::new(0, 1, &monitor, &deadline));
        counters
    }

    fn lines(client: &TcpStream) -> Vec<String> {
        BufReader::new(client).lines().map(Result::unwrap).collect()
    }

    #[test]
    fn a_client_receives_its_room_from_when_it_enters_to_when_it_leaves() {
        let [(ann, ann_conn), (bob, bob_conn)] = connect_two();
        let counters = with_fanout(|fanout| {
            let mut batch = BatchBuilder::default();
            batch.add_op(0, None, entering(ann_conn));
            batch.add_op(1, None, entering(bob_conn));
            batch.text_of(LOBBY).append(None, &[b"before\n"]);
            batch.add_op(0, None, OpKind::Move(LOBBY, batch.text_len(Some(LOBBY))));
            batch.text_of(LOBBY).append(None, &[b"ann only\n"]);
            batch.add_op(1, None, OpKind::Move(LOBBY, batch.text_len(Some(LOBBY))));
            fanout.apply(&batch.finish(|_| 0), Instant::now());
            batch.text_of(LOBBY).append(None, &[b"both\n"]);
            batch.add_op(1, Some(LOBBY), OpKind::Send(b"private\n".as_slice().into()));
            batch.add_op(1, Some(LOBBY), OpKind::Close(CloseCode::Normal));
            batch.text_of(LOBBY).append(None, &[b"after bob\n"]);
            batch.add_op(0, Some(LOBBY), OpKind::Close(CloseCode::Normal));
            fanout.apply(&batch.finish(|_| 0), Instant::now());
            fanout.flush_pending(); // closes the write halves
        });
        assert_eq!(lines(&ann), ["ann only", "both", "after bob"]);
        assert_eq!(lines(&bob), ["both", "private"]);
        assert_eq!(counters.now().delivered, 5);
    }

    #[test]
    fn a_client_that_does_not_read_is_evicted_and_its_lines_are_counted() {
        let [(client, conn), _] = connect_two();
        let counters = with_fanout(|fanout| {
            let mut batch = BatchBuilder::default();
            batch.add_op(0, None, entering(conn));
            batch.add_op(0, None, OpKind::Move(LOBBY, 0));
            fanout.apply(&batch.finish(|_| 0), Instant::now());
            while fanout.recipients[&0].outbox.n_bytes() <= QUEUE_MAX {
                batch.text_of(LOBBY).append(None, &[&b"a line\n".repeat(10_000)]);
                fanout.apply(&batch.finish(|_| 0), Instant::now());
            }
            assert!(fanout.is_held_up(), "it may still begin to read");
            let recipient = fanout.recipients.get_mut(&0).unwrap();
            recipient.flush_pending(Instant::now() + FULL_STALL_TIMEOUT, fanout.monitor);
            assert!(recipient.state == State::Aborted && recipient.outbox.n_bytes() == 0);
            assert!(!fanout.is_held_up());
        });
        let counts = counters.now();
        assert_eq!(counts.evicted, 1);
        assert!(counts.dropped > 0 && counts.dropped < counts.delivered, "{counts:?}");
        drop(client);
    }

    #[test]
    fn a_client_whose_reader_has_ended_is_forgotten() {
        let [(ann, ann_conn), (_bob, bob_conn)] = connect_two();
        with_fanout(|fanout| {
            let mut batch = BatchBuilder::default();
            batch.add_op(0, None, entering(ann_conn));
            batch.add_op(1, None, entering(bob_conn));
            batch.add_op(0, None, OpKind::Send(b"last\n".as_slice().into()));
            batch.add_op(0, None, OpKind::Remove);
            fanout.apply(&batch.finish(|_| 0), Instant::now());
            assert_eq!(fanout.recipients.keys().copied().collect::<Vec<_>>(), [1]);
        });
        assert_eq!(lines(&ann), ["last"]);
    }

    #[test]
    fn at_the_deadline_pending_clients_are_aborted() {
        let [(client, conn), _] = connect_two();
        let (counters, deadline) = (Counters::default(), OnceLock::new());
        let monitor = Monitor { counters: &counters, log_events_tx: None };
        let mut fanout = Fanout::new(0, 1, &monitor, &deadline);
        let mut batch = BatchBuilder::default();
        batch.add_op(0, None, entering(conn));
        batch.add_op(0, None, OpKind::Close(CloseCode::Normal));
        fanout.apply(&batch.finish(|_| 0), Instant::now());
        fanout.flush_pending();
        assert!(matches!(fanout.recipients[&0].state, State::HalfClosed(_)));
        deadline.set(Instant::now()).unwrap();
        fanout.flush_pending();
        assert!(fanout.recipients[&0].state == State::Aborted && fanout.pending.is_empty());
        drop(client);
    }
}
