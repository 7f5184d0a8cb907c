//! One client: its outstanding echoes, and the outbox of what is still to be sent to it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use memchr::memchr_iter;

use super::echo::{N_ECHOES, echo};
use super::options::Options;
use super::task::{Schedule, TimerTask};
use crate::net::{Conn, Outbox};
use crate::threads::{Condvar, lock, wait_while};

/// Most shouts that a client may have outstanding: their last echo is still to come.
const SHOUTS_MAX: usize = 5_000;
/// Most bytes that a client may have outstanding or in its outbox, overhead included.
const BYTES_MAX: usize = 512 << 10;
/// Memory that an outstanding shout takes besides its text, in bytes.
const SHOUT_OVERHEAD: usize = 64;
/// A client that accepts next to nothing for this long is disconnected.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause before the first new attempt to send what the kernel did not accept; doubles each time.
const RETRY_MIN: Duration = Duration::from_millis(5);
/// Longest pause between two attempts.
const RETRY_MAX: Duration = Duration::from_millis(200);
/// Longest time between two echoes: one year, which cannot overflow an [`Instant`].
const DELAY_MAX: Duration = Duration::from_hours(24 * 365);

/// A client, shared by its reader and the timer.
///
/// A method that leaves something to do later returns a [`Schedule`] for the timer.
pub(super) struct Client {
    conn: Arc<Conn>,
    delay: Duration,
    sequential: bool,
    state: Mutex<State>,
    /// Notified when fewer shouts or bytes are outstanding, or the client is closed.
    changed: Condvar,
}

struct State {
    outbox: Outbox,
    /// Number of outstanding shouts.
    n_shouts: usize,
    /// Bytes of the outstanding shouts, overhead included.
    n_bytes: usize,
    /// With [`Options::sequential`]: shouts that wait for the last echo of the previous one.
    queued_shouts: VecDeque<Arc<[u8]>>,
    /// With [`Options::sequential`]: whether a shout has echoes still to come.
    is_echoing: bool,
    is_closed: bool,
    /// Whether a [`TimerTask::FlushOutbox`] is scheduled.
    is_flush_scheduled: bool,
    /// The pause before the next attempt to flush the outbox.
    retry_pause: Duration,
}

impl Client {
    pub(super) fn new(conn: Arc<Conn>, options: &Options) -> Arc<Self> {
        let state = State {
            outbox: Outbox::new(Arc::clone(&conn)),
            n_shouts: 0,
            n_bytes: 0,
            queued_shouts: VecDeque::new(),
            is_echoing: false,
            is_closed: false,
            is_flush_scheduled: false,
            retry_pause: RETRY_MIN,
        };
        let (delay, sequential) = (options.delay.min(DELAY_MAX), options.sequential);
        let (state, changed) = (Mutex::new(state), Condvar::new());
        Arc::new(Client { conn, delay, sequential, state, changed })
    }

    pub(super) fn conn(&self) -> &Conn {
        &self.conn
    }

    /// Sends the first echo of some lines; with [`Options::sequential`] only of those whose turn it
    /// is.
    pub(super) fn shout(&self, lines: Vec<u8>) -> Schedule {
        let (mut state, mut schedule) = (self.state(), Schedule::new());
        state.n_shouts += n_lines(&lines);
        state.n_bytes += cost(&lines);
        let now = Instant::now();
        if self.sequential {
            let each = lines.split_inclusive(|&byte| byte == b'\n');
            state.queued_shouts.extend(each.map(Arc::from));
            if !state.is_echoing {
                self.echo_next(&mut state, now, &mut schedule);
            }
        } else {
            self.echo(&mut state, lines.into(), 0, now, &mut schedule);
        }
        state.schedule_flush(&mut schedule);
        schedule
    }

    /// Runs a task that was due at `due`.
    pub(super) fn run_task(&self, task: TimerTask, due: Instant) -> Schedule {
        let (mut state, mut schedule) = (self.state(), Schedule::new());
        match task {
            TimerTask::Echo { lines, nth } => {
                self.echo(&mut state, lines, nth, due, &mut schedule);
            }
            TimerTask::FlushOutbox => self.flush(&mut state),
        }
        state.schedule_flush(&mut schedule);
        if state.is_closed || (state.n_shouts <= SHOUTS_MAX / 2 && state.load() <= BYTES_MAX / 2) {
            self.changed.notify_all(); // the reader may be waiting
        }
        schedule
    }

    /// Sends a line that is not an echo.
    pub(super) fn send_line(&self, line: &'static [u8]) -> Schedule {
        let (mut state, mut schedule) = (self.state(), Schedule::new());
        self.send(&mut state, &line.into(), Instant::now());
        state.schedule_flush(&mut schedule);
        schedule
    }

    /// Blocks while the client has as much outstanding as it may (back-pressure).
    pub(super) fn wait_for_room(&self) {
        let is_full = |state: &mut State| {
            !state.is_closed && (state.n_shouts >= SHOUTS_MAX || state.load() >= BYTES_MAX)
        };
        drop(wait_while(&self.changed, self.state(), is_full));
    }

    /// Blocks until every echo has been sent.
    pub(super) fn wait_until_sent(&self) {
        let is_unsent = |state: &mut State| !state.is_closed && state.n_shouts + state.load() > 0;
        drop(wait_while(&self.changed, self.state(), is_unsent));
    }

    /// Resets the connection and drops all outstanding echoes.
    pub(super) fn abort(&self) {
        self.close(&mut self.state());
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Sends one echo that was due at `due` and schedules the next.
    fn echo(
        &self,
        state: &mut State,
        lines: Arc<[u8]>,
        nth: u8,
        due: Instant,
        schedule: &mut Schedule,
    ) {
        if state.is_closed {
            return;
        }
        self.send(state, &echo(&lines, nth).into(), Instant::now());
        if nth + 1 < N_ECHOES {
            schedule.push((due + self.delay, TimerTask::Echo { lines, nth: nth + 1 }));
            return;
        }
        state.n_shouts = state.n_shouts.saturating_sub(n_lines(&lines));
        state.n_bytes = state.n_bytes.saturating_sub(cost(&lines));
        if state.is_echoing {
            self.echo_next(state, due, schedule);
        }
    }

    /// With [`Options::sequential`]: sends the first echo of the next shout.
    fn echo_next(&self, state: &mut State, due: Instant, schedule: &mut Schedule) {
        let next = state.queued_shouts.pop_front();
        state.is_echoing = next.is_some();
        if let Some(lines) = next {
            self.send(state, &echo(&lines, 0).into(), Instant::now());
            schedule.push((due + self.delay, TimerTask::Echo { lines, nth: 1 }));
        }
    }

    fn send(&self, state: &mut State, text: &Arc<[u8]>, now: Instant) {
        if !state.is_closed && state.outbox.send(text, 0..text.len(), now).is_err() {
            self.close(state);
        }
    }

    /// Sends from the outbox; disconnects a client that is broken or stalled.
    fn flush(&self, state: &mut State) {
        let (n_before, now) = (state.outbox.n_bytes(), Instant::now());
        let is_sent = state.outbox.flush(now).is_ok();
        if !is_sent || state.outbox.stalled_for(now) >= STALL_TIMEOUT {
            self.close(state);
        }
        let has_progressed = state.outbox.n_bytes() < n_before;
        let longer_pause = (state.retry_pause * 2).min(RETRY_MAX);
        state.retry_pause = if has_progressed { RETRY_MIN } else { longer_pause };
        state.is_flush_scheduled = false;
    }

    fn close(&self, state: &mut State) {
        self.conn.abort();
        state.outbox.clear();
        state.queued_shouts.clear();
        (state.is_closed, state.n_shouts, state.n_bytes) = (true, 0, 0);
    }
}

impl State {
    /// Schedules another attempt to send if the outbox is not empty.
    fn schedule_flush(&mut self, schedule: &mut Schedule) {
        if self.outbox.n_bytes() > 0 && !self.is_flush_scheduled {
            self.is_flush_scheduled = true;
            schedule.push((Instant::now() + self.retry_pause, TimerTask::FlushOutbox));
        }
    }

    /// Memory in bytes that the client's echoes take.
    fn load(&self) -> usize {
        self.n_bytes + self.outbox.n_bytes()
    }
}

fn n_lines(lines: &[u8]) -> usize {
    memchr_iter(b'\n', lines).count()
}

/// Memory in bytes that outstanding shouts take.
fn cost(lines: &[u8]) -> usize {
    lines.len() + n_lines(lines) * SHOUT_OVERHEAD
}
