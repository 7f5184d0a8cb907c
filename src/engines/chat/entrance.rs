//! Admits clients: limits, TLS, and the request of a web client come before the chat.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::ids::ClientId;
use super::port::{Port, Protocol};
use super::reader::Reader;
use super::transport::Transport;
use super::web;
use crate::net::tls::TlsSession;
use crate::net::{Conn, IpPermit, PerIpLimit};
use crate::threads::{self, ThreadPool};

/// How long a web client may take to send its first byte.
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(10);

/// What the accepting threads share.
pub(super) struct Entrance<'scope, 'env> {
    next_id: AtomicU64,
    /// Reads clients.
    pool: Arc<ThreadPool<'scope, 'env>>,
    /// Shakes hands with them before. Those threads need deep stacks, whose memory a thread keeps:
    /// the readers, of which there are thousands, do not.
    handshakes: ThreadPool<'scope, 'env>,
    ip_limit: PerIpLimit,
    reader: Reader<'scope>,
}

/// Accepts clients of the first port on this thread and of each other one on a thread of its own.
/// Returns when all listeners have been shut down.
pub(super) fn accept_all<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    ports: &'scope [Port<'_>],
    entrance: &Arc<Entrance<'scope, '_>>,
) -> io::Result<()> {
    let Some((first, others)) = ports.split_first() else { return Ok(()) };
    let accepting = others.iter().map(|port| {
        let entrance = Arc::clone(entrance);
        threads::spawn_now(scope, move || accept(port, &entrance))
    });
    let accepting: Vec<_> = accepting.collect::<io::Result<_>>()?;
    accept(first, entrance);
    for thread in accepting {
        thread.join().expect("an accepting thread does not panic");
    }
    Ok(())
}

fn accept(port: &Port<'_>, entrance: &Entrance<'_, '_>) {
    for conn in port.listener.incoming() {
        let id = entrance.next_id.fetch_add(1, Ordering::Relaxed);
        entrance.admit(id, conn, port.protocol);
    }
}

impl<'scope, 'env> Entrance<'scope, 'env> {
    pub(super) fn new(
        scope: &'scope thread::Scope<'scope, 'env>,
        per_address: usize,
        reader: Reader<'scope>,
    ) -> Self {
        Entrance {
            next_id: AtomicU64::new(0),
            pool: Arc::new(ThreadPool::new(scope)),
            handshakes: ThreadPool::new(scope),
            ip_limit: PerIpLimit::new(per_address),
            reader,
        }
    }

    /// Starts reading a client on a pooled thread, or refuses it.
    fn admit(&self, id: ClientId, conn: Conn, protocol: Protocol) {
        let Some(permit) = self.ip_limit.try_acquire(conn.peer().ip()) else {
            return conn.refuse("too many connections from your address");
        };
        let conn = Arc::new(conn);
        let newcomer =
            Newcomer { id, conn: Arc::clone(&conn), permit, reader: self.reader.clone() };
        let started = if protocol == Protocol::Lines {
            self.pool.run(move || newcomer.read_lines(None))
        } else {
            let pool = Arc::clone(&self.pool);
            self.handshakes.run(move || newcomer.shake_hands(protocol, &pool))
        };
        refuse_if_full(started.is_ok(), conn);
    }
}

/// A client that has been accepted.
struct Newcomer<'scope> {
    id: ClientId,
    conn: Arc<Conn>,
    /// Counts the client among those of its address.
    permit: IpPermit,
    reader: Reader<'scope>,
}

impl<'scope> Newcomer<'scope> {
    /// Performs the handshakes of the protocol, then starts reading the client.
    fn shake_hands(self, protocol: Protocol, pool: &ThreadPool<'scope, '_>) {
        let conn = Arc::clone(&self.conn);
        let Ok(session) = self.accept_tls(protocol) else { return };
        if protocol == Protocol::LinesOverTls {
            let started = pool.run(move || self.read_lines(session.as_ref()));
            return refuse_if_full(started.is_ok(), conn);
        }
        let mut transport = Transport::new(&conn, session.as_ref());
        let Some(upgrade) = web::shake_hands(&self.reader, &mut transport) else { return };
        drop(transport);
        let read = move || {
            let Newcomer { id, conn, permit, reader } = self;
            web::run(&reader, id, Transport::new(&conn, session.as_ref()), upgrade);
            drop(permit);
        };
        refuse_if_full(pool.run(read).is_ok(), conn);
    }

    /// Begins a session of TLS, where the protocol has one. The error has been handled.
    fn accept_tls(&self, protocol: Protocol) -> Result<Option<Arc<TlsSession>>, ()> {
        let certificate = self.reader.options.certificate.as_deref();
        let has_tls = protocol == Protocol::LinesOverTls || begins_with_tls(&self.conn);
        let Some(certificate) = certificate.filter(|_| has_tls) else { return Ok(None) };
        match TlsSession::accept(&self.conn, certificate) {
            Ok(session) => Ok(Some(Arc::new(session))),
            Err(err) => {
                log::info!("{}: TLS handshake: {err}", self.conn.peer());
                self.conn.close_gracefully(); // the client receives the alert
                Err(())
            }
        }
    }

    fn read_lines(self, session: Option<&Arc<TlsSession>>) {
        let Newcomer { id, conn, permit, reader } = self;
        reader.run(id, Transport::new(&conn, session));
        drop(permit);
    }
}

/// Tells a client for whom there is no thread that the server is full.
fn refuse_if_full(is_started: bool, conn: Arc<Conn>) {
    if !is_started {
        log::warn!("no thread for another client: the machine's limit is reached");
        if let Ok(conn) = Arc::try_unwrap(conn) {
            conn.refuse("server full");
        }
    }
}

/// Whether the first byte from a client is that of a TLS handshake, and not of HTTP (RFC 8446, 5.1).
fn begins_with_tls(conn: &Conn) -> bool {
    let mut first = [0];
    _ = conn.set_read_timeout(Some(FIRST_BYTE_TIMEOUT));
    let is_tls = matches!(conn.peek(&mut first), Ok(1)) && first == [22];
    _ = conn.set_read_timeout(None);
    is_tls
}
