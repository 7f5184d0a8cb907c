//! What all sessions of a server share, and shutting it down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};

use super::control::Control;
use super::data::PassivePorts;
use super::logins::Logins;
use super::options::Options;
use super::rate::RateLimit;
use super::registry::SessionRegistry;
use super::ticket_time::TicketHabits;
use super::users::Users;
use crate::fs::jail::Jail;

/// How long sessions may take to end after their transfers were stopped.
const STOPPED_SESSIONS_TIMEOUT: Duration = Duration::from_secs(2);

/// What all sessions share.
pub(super) struct Server<'a> {
    pub(super) options: &'a Options,
    pub(super) jail: &'a Jail,
    pub(super) users: &'a Users,
    pub(super) ports: Option<PassivePorts>,
    /// The limit that all transfers share.
    pub(super) total_rate: Option<RateLimit>,
    pub(super) sessions: SessionRegistry,
    /// The TLS sessions of the users that are logged in.
    pub(super) logins: Arc<Logins>,
    /// When clients need the session tickets of uploads.
    pub(super) ticket_habits: Arc<TicketHabits>,
    /// Disconnected when the server shuts down.
    pub(super) done: Receiver<()>,
    is_shutting_down: AtomicBool,
}

impl<'a> Server<'a> {
    /// A server without sessions, and the sender whose drop cancels login delays.
    pub(super) fn new(
        jail: &'a Jail,
        users: &'a Users,
        options: &'a Options,
    ) -> (Server<'a>, Sender<()>) {
        let (done_tx, done) = bounded(0);
        let server = Server {
            options,
            jail,
            users,
            ports: options.passive_ports.map(|(first, last)| PassivePorts::new(first, last)),
            total_rate: options.total_rate.map(RateLimit::new),
            sessions: SessionRegistry::default(),
            logins: Arc::default(),
            ticket_habits: Arc::default(),
            done,
            is_shutting_down: AtomicBool::new(false),
        };
        (server, done_tx)
    }

    pub(super) fn is_shutting_down(&self) -> bool {
        self.is_shutting_down.load(Ordering::Acquire)
    }

    /// Ends all sessions: idle ones at once, others when their transfer has ended or the drain
    /// timeout has passed.
    ///
    /// Each session's own thread sends the last reply, so that a slow client delays nobody else.
    pub(super) fn shut_down(&self) {
        self.is_shutting_down.store(true, Ordering::Release);
        self.sessions.for_each(Control::wake_reader);
        self.sessions.wait_empty(self.options.drain_timeout);
        self.sessions.for_each(|control| {
            if let Some(transfer) = control.transfer() {
                transfer.stop();
            }
        });
        self.sessions.wait_empty(STOPPED_SESSIONS_TIMEOUT);
        self.sessions.for_each(Control::abort);
    }
}
