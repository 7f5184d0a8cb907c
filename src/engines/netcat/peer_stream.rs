//! The connection to the peer, plain or with TLS.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};

use super::tls_session::TlsSession;
use crate::net::Stream;

/// A connection to a peer, shared by reference: one thread may read while another writes.
#[derive(Debug)]
pub struct PeerStream {
    stream: Stream,
    tls: Option<TlsSession>,
    /// Whether all data was acknowledged before `close_notify` was sent: a peer that closes without
    /// reading that has lost nothing.
    is_delivered: AtomicBool,
}

impl From<Stream> for PeerStream {
    fn from(stream: Stream) -> Self {
        PeerStream { stream, tls: None, is_delivered: AtomicBool::new(false) }
    }
}

impl PeerStream {
    pub(super) fn with_tls(stream: Stream, tls: TlsSession) -> Self {
        PeerStream { tls: Some(tls), ..stream.into() }
    }

    /// Returns the peer's address, or the path of the Unix-domain socket.
    #[must_use]
    pub fn peer(&self) -> &str {
        self.stream.peer()
    }

    /// Describes the protection, such as `TLSv1_3, TLS13_AES_256_GCM_SHA384`; `None` without TLS.
    #[must_use]
    pub fn protection(&self) -> Option<String> {
        self.tls.as_ref().map(TlsSession::description)
    }

    /// Ends the write half, with TLS after `close_notify`.
    ///
    /// # Errors
    /// When `close_notify` could not be sent behind data that may not have arrived either.
    pub(super) fn close_write(&self) -> io::Result<()> {
        let Some(tls) = &self.tls else {
            self.stream.shutdown(Shutdown::Write);
            return Ok(());
        };
        let is_delivered = self.stream.n_unacknowledged() == 0;
        self.is_delivered.store(is_delivered, Ordering::Release);
        let result = tls.send_close_notify(&self.stream);
        self.stream.shutdown(Shutdown::Write);
        result.or_else(|err| if is_delivered { Ok(()) } else { Err(err) })
    }

    /// With TLS: says with `close_notify` that nothing was cut off, unless that was said already.
    pub(super) fn announce_end(&self) {
        if let Some(tls) = &self.tls {
            _ = tls.send_close_notify(&self.stream); // the peer may have gone
        }
    }

    /// Shuts down both halves at once; blocked reads and writes return.
    pub(super) fn close(&self) {
        self.stream.shutdown(Shutdown::Both);
    }

    pub(super) fn n_unacknowledged(&self) -> u64 {
        self.stream.n_unacknowledged()
    }

    pub(super) fn is_peer_closed(&self) -> bool {
        self.stream.is_peer_closed()
    }

    /// Takes the error that the kernel has noted and that no read or write has returned, unless it can
    /// concern nothing but `close_notify`.
    pub(super) fn take_error(&self) -> Option<io::Error> {
        self.stream.take_error().filter(|_| !self.is_delivered.load(Ordering::Acquire))
    }

    /// As [`Stream::splice_to`]; with TLS there is nothing to splice.
    pub(super) fn splice_to(
        &self,
        output: impl AsFd,
        received: impl FnMut(usize),
    ) -> io::Result<Option<Vec<u8>>> {
        match self.tls {
            None => self.stream.splice_to(output, received),
            Some(_) => Ok(Some(Vec::new())),
        }
    }
}

impl Read for &PeerStream {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &self.tls {
            None => (&self.stream).read(buf),
            Some(tls) => tls.read(&self.stream, buf),
        }
    }
}

impl Write for &PeerStream {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &self.tls {
            None => (&self.stream).write(buf),
            Some(tls) => tls.write(&self.stream, buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
