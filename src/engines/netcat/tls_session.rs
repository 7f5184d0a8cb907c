//! A TLS session that one thread reads while another writes.
//!
//! rustls keeps the state of both directions in one value, so a lock guards it; no thread holds that
//! lock while it waits for the socket.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rustls::Connection;

use crate::net::{Stream, is_timeout};
use crate::threads::lock;

/// Bytes read from the socket at once: a record of the largest size fits.
const INPUT_SIZE: usize = 32 << 10;

/// The TLS session of a connection whose handshake is complete.
#[derive(Debug)]
pub(super) struct TlsSession {
    connection: Mutex<Connection>,
    /// Held while records are sent, so that they are sent in their order.
    sending: Mutex<()>,
    /// What was read from the socket and not decrypted yet; only the reading thread uses it.
    input: Mutex<Input>,
    /// Whether an end of the stream without `close_notify` is an error.
    is_strict: bool,
}

#[derive(Debug, Default)]
struct Input {
    buf: Vec<u8>,
    n_used: usize,
}

impl TlsSession {
    /// Performs the handshake; no step of it may take longer than `timeout`.
    pub(super) fn handshake(
        connection: Connection,
        stream: &Stream,
        timeout: Duration,
        is_strict: bool,
    ) -> io::Result<Self> {
        let (connection, sending) = (Mutex::new(connection), Mutex::new(()));
        let session = TlsSession { connection, sending, input: Mutex::default(), is_strict };
        stream.set_read_timeout(Some(timeout))?;
        session.shake_hands(stream).map_err(|err| {
            let err = if is_timeout(&err) { timed_out(stream) } else { err };
            io::Error::new(err.kind(), format!("TLS handshake: {err}"))
        })?;
        stream.set_read_timeout(None)?;
        Ok(session)
    }

    fn shake_hands(&self, stream: &Stream) -> io::Result<()> {
        loop {
            self.send_pending(stream)?;
            if !self.connection().is_handshaking() {
                return Ok(());
            }
            if self.receive(stream)? == 0 {
                let text = format!("{}: closed by the peer", stream.peer());
                return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
            }
        }
    }

    /// The version of TLS and the cipher suite.
    pub(super) fn description(&self) -> String {
        let connection = self.connection();
        let version = connection.protocol_version().map(|version| format!("{version:?}"));
        let suite = connection.negotiated_cipher_suite().map(|s| format!("{:?}", s.suite()));
        [version, suite].map(Option::unwrap_or_default).join(", ")
    }

    /// Reads decrypted bytes; 0 at the end of the stream.
    ///
    /// A peer that does not announce its end with `close_notify` may have died, or somebody may have
    /// cut the connection. That is an error if the session is strict, and a warning otherwise: ncat
    /// never announces it.
    pub(super) fn read(&self, stream: &Stream, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let result = self.connection().reader().read(buf);
            match result {
                Err(err) if err.kind() == ErrorKind::WouldBlock => _ = self.receive(stream)?,
                Err(err) if err.kind() == ErrorKind::UnexpectedEof => {
                    return self.unannounced_end(stream);
                }
                result => return result,
            }
        }
    }

    fn unannounced_end(&self, stream: &Stream) -> io::Result<usize> {
        let text = format!(
            "{}: closed without TLS close_notify; what was received may be incomplete",
            stream.peer()
        );
        if self.is_strict {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, text));
        }
        log::warn!("{text}");
        Ok(0)
    }

    /// Reads from the socket, unless there is input left, and decrypts it. Returns the number of bytes
    /// decrypted, 0 at the end of the stream.
    fn receive(&self, mut stream: &Stream) -> io::Result<usize> {
        let mut input = lock(&self.input);
        if input.n_used == input.buf.len() {
            input.buf.resize(INPUT_SIZE, 0);
            let n = stream.read(&mut input.buf);
            input.buf.truncate(*n.as_ref().unwrap_or(&0));
            input.n_used = 0;
            n?;
        }
        let mut connection = self.connection();
        let n = connection.read_tls(&mut &input.buf[input.n_used..])?;
        input.n_used += n;
        let result = connection.process_new_packets();
        drop(connection);
        let sent = self.send_pending_unless_busy(stream); // with an error it is the alert
        result.map_err(|err| with_peer(stream, &err))?;
        sent.map(|()| n)
    }

    /// Encrypts and sends all of `buf`.
    pub(super) fn write(&self, stream: &Stream, buf: &[u8]) -> io::Result<usize> {
        let n = self.connection().writer().write(buf)?;
        self.send_pending(stream).map(|()| n)
    }

    /// Announces the end of what is sent.
    pub(super) fn send_close_notify(&self, stream: &Stream) -> io::Result<()> {
        self.connection().send_close_notify();
        self.send_pending(stream)
    }

    /// Sends all records that are ready.
    fn send_pending(&self, stream: &Stream) -> io::Result<()> {
        let sending = lock(&self.sending);
        self.send_records(stream)?;
        drop(sending);
        self.send_pending_unless_busy(stream) // what the other thread left meanwhile
    }

    /// Sends the records that are ready; if another thread is sending, leaves them to that one.
    fn send_pending_unless_busy(&self, stream: &Stream) -> io::Result<()> {
        if !self.connection().wants_write() {
            return Ok(());
        }
        match self.sending.try_lock() {
            Ok(_sending) => self.send_records(stream),
            Err(_) => Ok(()),
        }
    }

    fn send_records(&self, mut stream: &Stream) -> io::Result<()> {
        let mut records = Vec::new();
        let mut connection = self.connection();
        while connection.wants_write() {
            connection.write_tls(&mut records)?;
        }
        drop(connection);
        stream.write_all(&records)
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        lock(&self.connection)
    }
}

fn timed_out(stream: &Stream) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("{}: timed out", stream.peer()))
}

fn with_peer(stream: &Stream, err: &rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, format!("{}: {err}", stream.peer()))
}
