//! An FTP server (RFC 959) with TLS (RFC 4217): one thread per session, and another for its command
//! line during a transfer that takes longer than 10 ms.
//!
//! - The session's thread (`command_loop`) reads the control connection (`control`, `input`) and does
//!   a transfer (`job`) itself, which sends its own replies. If that takes longer, another thread of
//!   the pool takes the session over (`data::HandOver`), so ABOR and STAT work at any time. Other
//!   commands that arrive during a transfer wait in a bounded queue.
//! - The table of commands is `commands::verbs`; data connections are in `data`.
//!
//! Files are reached through a [`Jail`] only. An upload appears under its name when it is complete, but
//! for those that are written in place ([`Destination`](crate::fs::jail::Destination)).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::fs::jail::Jail;
use crate::machine::limits::Limits;
use crate::net::{Listener, PerIpLimit};
use crate::threads::{self, Semaphore, ThreadPool};

mod ascii;
mod audit;
mod charset;
mod command_loop;
mod commands;
mod completeness;
mod control;
mod data;
mod facts;
mod input;
mod job;
mod listing;
mod logins;
mod names;
mod options;
mod outcome;
mod pending_read;
mod rate;
mod registry;
mod reply;
mod server;
mod session;
mod ticket_time;
mod tls;
mod transfer;
mod users;
mod work;

pub use audit::{AuditFormat, AuditLog};
pub use charset::Charset;
pub use options::Options;
pub use tls::Tls;
pub use users::{Access, Error as UsersError, Rights, Users, hash_password};

use command_loop::{Admission, CommandLoop};
use control::Control;
use server::Server;
use session::Session;

/// File descriptors of a session with a transfer: control connection, listener, data connection,
/// file or directory; and the user's root directory.
const FDS_PER_SESSION: usize = 5;

/// Serves the files in `jail` until `listener` is shut down. Then it closes idle sessions, lets
/// transfers end within [`Options::drain_timeout`], and returns.
///
/// # Examples
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use std::net::TcpStream;
/// use std::thread;
///
/// use threadbare::engines::ftp::{self, Options, Rights, Users};
/// use threadbare::fs::jail::Jail;
/// use threadbare::net;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let dir = tempfile::tempdir()?;
/// let jail = Jail::new(dir.path())?;
/// let users = Users::new(Some(Rights::Read), 1); // anonymous users may read
/// let options = Options::default();
/// let listener = net::listen("127.0.0.1:0", 2)?;
///
/// thread::scope(|scope| -> std::io::Result<()> {
///     scope.spawn(|| ftp::serve(&listener, &jail, &users, &options));
///     let mut client = TcpStream::connect(listener.local_addr()?)?;
///     client.write_all(b"USER anonymous\r\nPASS guest\r\nPWD\r\nQUIT\r\n")?;
///     let replies = BufReader::new(client).lines().collect::<Result<Vec<_>, _>>()?;
///     assert_eq!(
///         replies,
///         [
///             "220 ftpd ready.",
///             "331 Anonymous login ok, any password is accepted.",
///             "230 Login successful.",
///             "257 \"/\" is the current directory.",
///             "221 Goodbye.",
///         ]
///     );
///     listener.shutdown();
///     Ok(())
/// })?;
/// # Ok(())
/// # }
/// ```
pub fn serve(listener: &Listener, jail: &Jail, users: &Users, options: &Options) {
    serve_all(listener, None, jail, users, options);
}

/// As [`serve`], also for clients of `implicit`, which use TLS from the first byte, if
/// [`Options::tls`] is set.
pub fn serve_all(
    listener: &Listener,
    implicit: Option<&Listener>,
    jail: &Jail,
    users: &Users,
    options: &Options,
) {
    let (server, done_tx) = Server::new(jail, users, options);
    let sessions = Semaphore::new(sessions_max(options));
    let per_ip = PerIpLimit::including_loopback(options.sessions_per_ip_max);
    let ids = AtomicU64::new(1);
    thread::scope(|scope| {
        let pool = Arc::new(ThreadPool::new(scope));
        let admit_all = |listener: &Listener, is_implicit| {
            for conn in listener.incoming() {
                let id = ids.fetch_add(1, Ordering::Relaxed);
                let control = Control::new(id, conn, is_implicit).with_charset(options.names);
                admit(control, &server, &pool, (&sessions, &per_ip));
            }
        };
        thread::scope(|accepting| {
            if let Some(implicit) = implicit
                && let Err(err) = threads::spawn_now(accepting, || admit_all(implicit, true))
            {
                log::warn!("no implicit TLS: {err}");
                implicit.shutdown();
            }
            admit_all(listener, false);
            if let Some(implicit) = implicit {
                implicit.shutdown();
            }
        });
        drop(done_tx); // ends the delays of failed logins
        server.shut_down();
    });
}

/// The listener refuses clients above its own limit with a line that is not FTP; this one is lower.
fn sessions_max(options: &Options) -> usize {
    let limits = Limits::current();
    let room = (limits.clients(2) - 1).min(limits.free_fds() / FDS_PER_SESSION).max(1);
    if options.sessions_max == 0 { room } else { options.sessions_max.min(room) }
}

/// Starts a session on a thread of its own, or refuses the client.
fn admit<'env>(
    control: Control,
    server: &'env Server<'env>,
    pool: &Arc<ThreadPool<'_, 'env>>,
    (sessions, per_ip): (&Semaphore, &PerIpLimit),
) {
    let Some(permit) = sessions.try_acquire() else {
        return control.refuse("421 Too many connected users, please try again later.\r");
    };
    let Some(ip_permit) = per_ip.try_acquire(control.peer_ip()) else {
        return control.refuse("421 Too many connections from your IP address.\r");
    };
    let control = Arc::new(control);
    let id = control.id;
    let session = Session::new(server, Arc::clone(pool), Arc::clone(&control));
    server.sessions.add(&control);
    drop(control);
    let run = move || {
        let admission = Admission { server, id, _permits: (permit, ip_permit) };
        CommandLoop::new(session, Some(admission)).run();
    };
    if pool.run(run).is_err() {
        log::warn!("client refused: the machine has no room for another thread");
        server.sessions.refuse(id, "421 Out of threads, please try again later.\r");
    }
}
