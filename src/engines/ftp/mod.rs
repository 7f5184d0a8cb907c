//! An FTP server that keeps its word: a thread a session, another for its transfer.
//!
//! The session's thread (`session`) is always blocked in reading the control connection
//! (`control`, `input`), so that ABOR and STAT are heard at any time. A transfer (`job`) runs on a
//! pooled thread and says itself how it went; a mutex around the writer keeps replies whole.
//! Commands that come meanwhile wait in a short queue.
//!
//! Files are reached through [`Jail`] alone. An upload appears under its name when it is whole.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, bounded};

use crate::fs::jail::Jail;
use crate::machine::limits::Limits;
use crate::net::{Conn, Listener, PerIpLimit};
use crate::threads::{self, Semaphore, ThreadPool, lock};

mod about;
mod ascii;
mod command;
mod control;
mod data;
mod facts;
mod files;
mod input;
mod job;
mod listing;
mod login;
mod moves;
mod names;
mod passwords;
mod reply;
mod session;
mod settings;
mod tls;
mod transfer;
mod users;

pub use tls::{Error as TlsError, Tls};
pub use users::{Error as UsersError, Rights, Users, hash_password};

use control::Control;
use data::Ports;
use session::Session;

/// Descriptors of a session with a transfer: control, listener, data, file or directory.
const FILES_EACH: usize = 4;
/// How long stopped transfers may take to tell their clients so.
const FAREWELL: Duration = Duration::from_secs(2);

/// What may be chosen.
#[derive(Clone, Debug)]
pub struct Options {
    /// TLS, if there is any.
    pub tls: Option<Tls>,
    /// First and last port for passive data connections; without, the system chooses.
    pub passive_ports: Option<(u16, u16)>,
    /// What PASV says in place of our own address.
    pub public_address: Option<Ipv4Addr>,
    /// Sessions at once; zero for as many as the machine has room for.
    pub n_sessions: usize,
    /// Sessions from one address at once; zero for any number.
    pub per_address: usize,
    /// Bytes of a command line.
    pub line_max: usize,
    /// Wrong passwords before a session ends.
    pub n_tries: usize,
    /// How long a wrong password is thought about.
    pub login_delay: Duration,
    /// How long a session may be without a command.
    pub idle: Duration,
    /// How long a data connection may take to come, or stand still.
    pub data: Duration,
    /// Entries in one listing.
    pub list_max: usize,
    /// How long transfers may go on when the server ends.
    pub drain: Duration,
}

/// What all sessions share.
struct Server<'a> {
    options: &'a Options,
    jail: &'a Jail,
    users: &'a Users,
    ports: Option<Ports>,
    roster: Roster,
    is_closing: AtomicBool,
    /// Disconnected when the server ends.
    done: Receiver<()>,
}

/// Serves what is in `jail` until `listener` is shut down. Then idle sessions are told so,
/// transfers get their time, and it returns.
pub fn serve(listener: &Listener, jail: &Jail, users: &Users, options: &Options) {
    let (open, done) = bounded::<()>(0);
    let server = Server {
        options,
        jail,
        users,
        ports: options.passive_ports.map(|(first, last)| Ports::new(first, last)),
        roster: Roster::default(),
        is_closing: AtomicBool::new(false),
        done,
    };
    let places = Semaphore::new(n_sessions(options));
    let ip_limit = PerIpLimit::including_loopback(options.per_address);
    thread::scope(|scope| {
        let pool = Arc::new(ThreadPool::new(scope));
        for (id, conn) in (1..).zip(listener.incoming()) {
            admit(id, conn, &server, &pool, (&places, &ip_limit));
        }
        drop(open); // wakes those who think about a wrong password
        server.close();
    });
}

/// The listener has a bound too, but does not speak FTP; this one is lower.
fn n_sessions(options: &Options) -> usize {
    let limits = Limits::current();
    let room = (limits.clients(2) - 1).min(limits.free_fds() / FILES_EACH).max(1);
    if options.n_sessions == 0 { room } else { options.n_sessions.min(room) }
}

/// Gives a newcomer a thread, or turns it away.
fn admit<'env>(
    id: u64,
    conn: Conn,
    server: &'env Server<'env>,
    pool: &Arc<ThreadPool<'_, 'env>>,
    (places, ip_limit): (&Semaphore, &PerIpLimit),
) {
    let Some(in_all) = places.try_acquire() else {
        return conn.refuse("421 Too many sessions; try again later.\r");
    };
    let Some(from_address) = ip_limit.try_acquire(conn.peer().ip()) else {
        return conn.refuse("421 Too many sessions from your address.\r");
    };
    let control = Arc::new(Control::new(id, conn));
    let session = Session::new(server, Arc::clone(pool), Arc::clone(&control));
    server.roster.add(&control);
    drop(control);
    let run = move || {
        let _places = (in_all, from_address);
        session.run();
        server.roster.remove(id);
    };
    if pool.run(run).is_err() {
        log::warn!("no room for another thread");
        server.roster.refuse(id);
    }
}

impl Server<'_> {
    fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Every session's own thread says farewell, so that no slow client holds up the others.
    fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.roster.each(Control::wake);
        self.roster.wait_empty(self.options.drain);
        self.roster.each(|control| {
            if let Some(transfer) = control.transfer() {
                transfer.stop();
            }
        });
        self.roster.wait_empty(FAREWELL);
        self.roster.each(Control::abort);
    }
}

/// The sessions there are.
#[derive(Default)]
struct Roster {
    controls: Mutex<HashMap<u64, Arc<Control>>>,
    removed: Condvar,
}

impl Roster {
    fn add(&self, control: &Arc<Control>) {
        self.controls().insert(control.id, Arc::clone(control));
    }

    fn remove(&self, id: u64) {
        let control = self.controls().remove(&id);
        drop(control); // closing may take a moment: without the lock
        self.removed.notify_all();
    }

    /// Turns away a client that got as far as here.
    fn refuse(&self, id: u64) {
        let control = self.controls().remove(&id);
        if let Some(conn) = control.and_then(Arc::into_inner).map(Control::into_conn) {
            conn.refuse("421 No room for another session.\r");
        }
    }

    fn each(&self, act: impl Fn(&Control)) {
        let controls: Vec<_> = self.controls().values().cloned().collect();
        for control in &controls {
            act(control);
        }
    }

    fn wait_empty(&self, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        let mut controls = self.controls();
        while !controls.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            controls = threads::wait(&self.removed, controls, Some(left));
        }
    }

    fn controls(&self) -> MutexGuard<'_, HashMap<u64, Arc<Control>>> {
        lock(&self.controls)
    }
}
