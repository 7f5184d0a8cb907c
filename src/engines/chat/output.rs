//! What is sent to one client, with or without TLS.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::link::Link;
use crate::net::tls::TlsOutbox;
use crate::net::{Conn, Outbox};

/// The queue of bytes to be sent to one client; see [`Outbox`].
pub(super) enum Output {
    Plain(Outbox),
    Tls(TlsOutbox),
}

impl Output {
    pub(super) fn new(link: &Link) -> Self {
        let conn = Arc::clone(&link.conn);
        match &link.tls {
            None => Output::Plain(Outbox::new(conn)),
            Some(session) => Output::Tls(TlsOutbox::new(conn, Arc::clone(session))),
        }
    }

    pub(super) fn conn(&self) -> &Conn {
        match self {
            Output::Plain(outbox) => outbox.conn(),
            Output::Tls(outbox) => outbox.conn(),
        }
    }

    pub(super) fn send(
        &mut self,
        chunk: &Arc<[u8]>,
        part: Range<usize>,
        now: Instant,
    ) -> io::Result<()> {
        match self {
            Output::Plain(outbox) => outbox.send(chunk, part, now),
            Output::Tls(outbox) => outbox.send(chunk, part, now),
        }
    }

    pub(super) fn flush(&mut self, now: Instant) -> io::Result<()> {
        match self {
            Output::Plain(outbox) => outbox.flush(now),
            Output::Tls(outbox) => outbox.flush(now),
        }
    }

    /// Announces that nothing more will be sent, where the protocol has a word for it.
    pub(super) fn end(&mut self, now: Instant) {
        if let Output::Tls(outbox) = self {
            _ = outbox.end(now); // a broken connection has ended already
        }
    }

    pub(super) fn n_bytes(&self) -> usize {
        match self {
            Output::Plain(outbox) => outbox.n_bytes(),
            Output::Tls(outbox) => outbox.n_bytes(),
        }
    }

    pub(super) fn stalled_for(&self, now: Instant) -> Duration {
        match self {
            Output::Plain(outbox) => outbox.stalled_for(now),
            Output::Tls(outbox) => outbox.stalled_for(now),
        }
    }

    pub(super) fn clear(&mut self) -> u64 {
        match self {
            Output::Plain(outbox) => outbox.clear(),
            Output::Tls(outbox) => outbox.clear(),
        }
    }
}
