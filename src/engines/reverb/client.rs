//! One client: what it has outstanding, and what waits to be sent to it.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use memchr::memchr_iter;

use super::Options;
use super::echo::{N_ECHOES, echo};
use super::timer::What;
use crate::net::{Conn, Outbox};
use crate::threads::lock;

/// Shouts a client may have outstanding.
const SHOUTS_MAX: usize = 5_000;
/// Bytes it may have outstanding or unread, overhead included.
const BYTES_MAX: usize = 512 << 10;
/// What an outstanding shout costs beside its text.
const SHOUT: usize = 64;
/// A client that takes next to nothing for so long is hung up on.
const STALLED: Duration = Duration::from_secs(30);
/// Between two tries to send what waits; longer and longer while nothing goes.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// Later than this nobody listens, and an instant still has room for it.
const DELAY_MAX: Duration = Duration::from_hours(24 * 365);

/// What follows from what was done, and when.
pub(super) type Plan = Vec<(Instant, What)>;

pub(super) struct Client {
    conn: Arc<Conn>,
    delay: Duration,
    sequential: bool,
    state: Mutex<State>,
    /// There is room again, or nothing outstanding, or the client is gone.
    changed: Condvar,
}

struct State {
    outbox: Outbox,
    n_shouts: usize,
    n_bytes: usize,
    /// One after the other: who has not had its turn, and whether one is in the air.
    waiting: VecDeque<Arc<[u8]>>,
    is_busy: bool,
    is_gone: bool,
    /// Whether another try to send is planned, and the pause before it.
    is_retrying: bool,
    pause: Duration,
}

impl Client {
    pub(super) fn new(conn: Arc<Conn>, options: &Options) -> Arc<Self> {
        let state = State {
            outbox: Outbox::new(Arc::clone(&conn)),
            n_shouts: 0,
            n_bytes: 0,
            waiting: VecDeque::new(),
            is_busy: false,
            is_gone: false,
            is_retrying: false,
            pause: PAUSE,
        };
        let (delay, sequential) = (options.delay.min(DELAY_MAX), options.sequential);
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Arc::new(Client { conn, delay, sequential, state, changed })
    }

    pub(super) fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Echoes some lines for the first time, or one after the other, when it is their turn.
    pub(super) fn shout(&self, lines: Vec<u8>) -> Plan {
        let (mut state, mut plan) = (self.state(), Plan::new());
        state.n_shouts += n_lines(&lines);
        state.n_bytes += cost(&lines);
        let now = Instant::now();
        if self.sequential {
            let each = lines.split_inclusive(|&byte| byte == b'\n');
            state.waiting.extend(each.map(Arc::from));
            if !state.is_busy {
                self.take_turn(&mut state, now, &mut plan);
            }
        } else {
            self.echo(&mut state, lines.into(), 0, now, &mut plan);
        }
        state.retry(&mut plan);
        plan
    }

    /// Does what was planned for `due`.
    pub(super) fn go_on(&self, what: What, due: Instant) -> Plan {
        let (mut state, mut plan) = (self.state(), Plan::new());
        match what {
            What::Echo { lines, nth } => self.echo(&mut state, lines, nth, due, &mut plan),
            What::Retry => {
                let n_before = state.outbox.n_bytes();
                let now = Instant::now();
                let is_sent = state.outbox.flush(now).is_ok();
                if !is_sent || state.outbox.stalled(now) >= STALLED {
                    self.cut(&mut state);
                }
                let is_moving = state.outbox.n_bytes() < n_before;
                state.pause = if is_moving { PAUSE } else { (state.pause * 2).min(PAUSE_MAX) };
                state.is_retrying = false;
            }
        }
        state.retry(&mut plan);
        if state.is_gone || (state.n_shouts <= SHOUTS_MAX / 2 && state.load() <= BYTES_MAX / 2) {
            self.changed.notify_all(); // the reader, if it waits
        }
        plan
    }

    /// Tells the client something that is no echo.
    pub(super) fn tell(&self, line: &'static [u8]) -> Plan {
        let (mut state, mut plan) = (self.state(), Plan::new());
        self.send(&mut state, &line.into(), Instant::now());
        state.retry(&mut plan);
        plan
    }

    /// Waits until the client may shout again.
    pub(super) fn wait_for_room(&self) {
        let is_full = |state: &mut State| {
            !state.is_gone && (state.n_shouts >= SHOUTS_MAX || state.load() >= BYTES_MAX)
        };
        drop(self.changed.wait_while(self.state(), is_full));
    }

    /// Waits until every echo has been sent.
    pub(super) fn wait_for_silence(&self) {
        let is_loud = |state: &mut State| !state.is_gone && state.n_shouts + state.load() > 0;
        drop(self.changed.wait_while(self.state(), is_loud));
    }

    /// Gives up what is outstanding.
    pub(super) fn give_up(&self) {
        self.cut(&mut self.state());
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn echo(&self, state: &mut State, lines: Arc<[u8]>, nth: u8, due: Instant, plan: &mut Plan) {
        if state.is_gone {
            return;
        }
        self.send(state, &echo(&lines, nth).into(), Instant::now());
        if nth + 1 < N_ECHOES {
            plan.push((due + self.delay, What::Echo { lines, nth: nth + 1 }));
            return;
        }
        state.n_shouts = state.n_shouts.saturating_sub(n_lines(&lines));
        state.n_bytes = state.n_bytes.saturating_sub(cost(&lines));
        if state.is_busy {
            self.take_turn(state, due, plan);
        }
    }

    /// The next of those who shout one after the other.
    fn take_turn(&self, state: &mut State, due: Instant, plan: &mut Plan) {
        let next = state.waiting.pop_front();
        state.is_busy = next.is_some();
        if let Some(lines) = next {
            self.send(state, &echo(&lines, 0).into(), Instant::now());
            plan.push((due + self.delay, What::Echo { lines, nth: 1 }));
        }
    }

    fn send(&self, state: &mut State, text: &Arc<[u8]>, now: Instant) {
        if !state.is_gone && state.outbox.send(text, 0..text.len(), now).is_err() {
            self.cut(state);
        }
    }

    fn cut(&self, state: &mut State) {
        self.conn.abort();
        state.outbox.clear();
        state.waiting.clear();
        (state.is_gone, state.n_shouts, state.n_bytes) = (true, 0, 0);
    }
}

impl State {
    /// Plans another try if something waits to be sent.
    fn retry(&mut self, plan: &mut Plan) {
        if self.outbox.n_bytes() > 0 && !self.is_retrying {
            self.is_retrying = true;
            plan.push((Instant::now() + self.pause, What::Retry));
        }
    }

    /// What the client costs in memory.
    fn load(&self) -> usize {
        self.n_bytes + self.outbox.n_bytes()
    }
}

fn n_lines(lines: &[u8]) -> usize {
    memchr_iter(b'\n', lines).count()
}

fn cost(lines: &[u8]) -> usize {
    lines.len() + n_lines(lines) * SHOUT
}
