//! TLS for servers: certificates that can be read again, and sessions of which one thread reads while
//! another writes without blocking.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection};

use super::certificate::{CertificateError, server_config};
use super::conn::Conn;
use super::outbox::Outbox;
use crate::threads::lock;

/// How long a client may take for the handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a session read from the connection at once.
const BUF_SIZE: usize = 4 << 10;
/// Most text encrypted before the kernel has accepted what was encrypted before: one record.
const RECORD_MAX: usize = 16 << 10;

/// The certificate of a server and its key, which can be read again while the server runs.
#[derive(Debug)]
pub struct Certificate {
    chain_path: PathBuf,
    key_path: PathBuf,
    config: Mutex<Arc<ServerConfig>>,
}

impl Certificate {
    /// Reads a certificate chain, the leaf first, and the private key of the leaf, both in PEM.
    ///
    /// # Errors
    /// When either file cannot be read, or the key does not belong to the certificate.
    pub fn read(chain: &Path, key: &Path) -> Result<Self, CertificateError> {
        let config = Mutex::new(Arc::new(server_config(chain, key)?));
        Ok(Certificate { chain_path: chain.to_owned(), key_path: key.to_owned(), config })
    }

    /// Reads both files again, for the sessions that begin from now on.
    ///
    /// # Errors
    /// As [`read`](Self::read); then the certificate stays as it was.
    pub fn read_again(&self) -> Result<(), CertificateError> {
        let config = server_config(&self.chain_path, &self.key_path)?;
        *lock(&self.config) = Arc::new(config);
        Ok(())
    }
}

/// The session of a connection. Its methods do not block but where they say so.
#[derive(Debug)]
pub struct TlsSession(Mutex<ServerConnection>);

impl TlsSession {
    /// Performs the handshake, blocking for at most ten seconds.
    ///
    /// # Errors
    /// When it fails, the client is too slow, or the connection breaks.
    pub fn accept(conn: &Conn, certificate: &Certificate) -> io::Result<Self> {
        let config = Arc::clone(&lock(&certificate.config));
        let mut session = ServerConnection::new(config).map_err(io::Error::other)?;
        let deadline = Instant::now() + HANDSHAKE_TIMEOUT;
        let mut stream = conn;
        while session.is_handshaking() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            conn.set_read_timeout(Some(left))?;
            if session.read_tls(&mut stream)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let result = session.process_new_packets();
            while session.wants_write() {
                session.write_tls(&mut stream)?; // the handshake, or an alert
            }
            result.map_err(io::Error::other)?;
        }
        conn.set_read_timeout(None)?;
        Ok(TlsSession(Mutex::new(session)))
    }

    /// Encrypts `text`; returns what is to be sent, after all that was encrypted before.
    ///
    /// # Panics
    /// Never: a session takes a record at any time, and writing to a vector does not fail.
    #[must_use]
    pub fn encrypt(&self, text: &[u8]) -> Vec<u8> {
        let mut session = lock(&self.0);
        let mut encrypted = Vec::with_capacity(text.len() + 64);
        for part in text.chunks(RECORD_MAX) {
            session.writer().write_all(part).expect("the session keeps a record");
            write_tls(&mut session, &mut encrypted);
        }
        encrypted
    }

    /// Returns the alert that announces the end of what is sent (RFC 8446, 6.1).
    ///
    /// # Panics
    /// Never: writing to a vector does not fail.
    #[must_use]
    pub fn close_notify(&self) -> Vec<u8> {
        let mut session = lock(&self.0);
        let mut encrypted = Vec::new();
        session.send_close_notify();
        write_tls(&mut session, &mut encrypted);
        encrypted
    }
}

fn write_tls(session: &mut ServerConnection, out: &mut Vec<u8>) {
    while session.wants_write() {
        session.write_tls(out).expect("writing to a vector does not fail");
    }
}

/// Reads the text of a session from its connection.
#[derive(Debug)]
pub struct TlsReader<'a> {
    conn: &'a Conn,
    session: &'a TlsSession,
    buf: Vec<u8>,
    /// The bytes in `buf` that the session has not taken yet.
    pending: Range<usize>,
}

impl<'a> TlsReader<'a> {
    /// Creates a reader of `session`, which is that of `conn`.
    #[must_use]
    pub fn new(conn: &'a Conn, session: &'a TlsSession) -> Self {
        TlsReader { conn, session, buf: vec![0; BUF_SIZE], pending: 0..0 }
    }

    /// Text that is decrypted already; `None` if more has to be read first.
    fn read_decrypted(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let mut session = lock(&self.session.0);
        loop {
            match session.reader().read(buf) {
                Ok(n) => return Ok(Some(n)),
                Err(err) if err.kind() == ErrorKind::WouldBlock => {}
                Err(err) => return Err(err), // cut off without an alert
            }
            if self.pending.is_empty() {
                return Ok(None);
            }
            let n = session.read_tls(&mut &self.buf[self.pending.clone()])?;
            self.pending.start += n;
            session.process_new_packets().map_err(io::Error::other)?;
        }
    }
}

impl Read for TlsReader<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(n) = self.read_decrypted(buf)? {
                return Ok(n);
            }
            match self.conn.read(&mut self.buf)? {
                0 => return Ok(0), // lines end with newlines: no text can be cut off unnoticed
                n => self.pending = 0..n,
            }
        }
    }
}

/// The queue of text to be sent in a session: an [`Outbox`] that encrypts no more than the kernel
/// is about to accept, so that the queue is still made of shared chunks.
#[derive(Debug)]
pub struct TlsOutbox {
    session: Arc<TlsSession>,
    queue: VecDeque<(Arc<[u8]>, Range<usize>)>,
    n_bytes: usize,
    encrypted: Outbox,
    /// Lines that end in `encrypted`.
    n_lines_encrypted: u64,
}

impl TlsOutbox {
    /// Creates an empty queue.
    #[must_use]
    pub fn new(conn: Arc<Conn>, session: Arc<TlsSession>) -> Self {
        let (queue, encrypted) = (VecDeque::new(), Outbox::new(conn));
        TlsOutbox { session, queue, n_bytes: 0, encrypted, n_lines_encrypted: 0 }
    }

    /// Returns the connection.
    #[must_use]
    pub fn conn(&self) -> &Conn {
        self.encrypted.conn()
    }

    /// Sends these bytes of `chunk`, or queues what the kernel does not accept at once.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(&mut self, chunk: &Arc<[u8]>, part: Range<usize>, now: Instant) -> io::Result<()> {
        self.n_bytes += part.len();
        self.queue.push_back((Arc::clone(chunk), part));
        self.flush(now)
    }

    /// Sends as much of the queue as the kernel accepts.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn flush(&mut self, now: Instant) -> io::Result<()> {
        loop {
            self.encrypted.flush(now)?;
            if self.encrypted.n_bytes() > 0 || self.queue.is_empty() {
                return Ok(());
            }
            let text = self.next_record();
            self.n_lines_encrypted = n_lines(&text);
            let bytes: Arc<[u8]> = self.session.encrypt(&text).into();
            self.encrypted.send(&bytes, 0..bytes.len(), now)?;
        }
    }

    /// Takes the text of one record off the queue.
    fn next_record(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        while let Some((chunk, part)) = self.queue.front_mut() {
            let n = part.len().min(RECORD_MAX - text.len());
            text.extend_from_slice(&chunk[part.start..part.start + n]);
            part.start += n;
            if part.start < part.end {
                break;
            }
            self.queue.pop_front();
        }
        self.n_bytes -= text.len();
        text
    }

    /// Announces the end of the session, if all before it has been sent.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn end(&mut self, now: Instant) -> io::Result<()> {
        let bytes: Arc<[u8]> = self.session.close_notify().into();
        self.encrypted.send(&bytes, 0..bytes.len(), now)
    }

    /// Returns the memory that the queue takes, in bytes; 0 if it is empty.
    #[must_use]
    pub fn n_bytes(&self) -> usize {
        self.n_bytes + self.encrypted.n_bytes()
    }

    /// Returns for how long the peer has accepted less than 16 KiB although more is queued.
    #[must_use]
    pub fn stalled_for(&self, now: Instant) -> Duration {
        self.encrypted.stalled_for(now)
    }

    /// Drops the queue. Returns the number of lines that end in it.
    pub fn clear(&mut self) -> u64 {
        let is_sent = self.encrypted.n_bytes() == 0;
        self.encrypted.clear();
        self.n_bytes = 0;
        let queued: u64 = self.queue.drain(..).map(|(chunk, part)| n_lines(&chunk[part])).sum();
        queued + if is_sent { 0 } else { self.n_lines_encrypted }
    }
}

fn n_lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}
