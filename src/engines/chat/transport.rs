//! How bytes travel between a client and the thread that reads it, with or without TLS.

use std::io::{self, Read, Write};
use std::sync::Arc;

use crate::net::Conn;
use crate::net::tls::{TlsReader, TlsSession};

/// The connection to a client, for the one thread that reads it.
pub(super) struct Transport<'a> {
    pub(super) conn: &'a Arc<Conn>,
    session: Option<&'a Arc<TlsSession>>,
    input: Option<TlsReader<'a>>,
}

impl<'a> Transport<'a> {
    pub(super) fn new(conn: &'a Arc<Conn>, session: Option<&'a Arc<TlsSession>>) -> Self {
        let input = session.map(|session| TlsReader::new(conn, session));
        Transport { conn, session, input }
    }

    /// The session of TLS, if there is one.
    pub(super) fn session(&self) -> Option<Arc<TlsSession>> {
        self.session.map(Arc::clone)
    }

    /// Whether nobody else can read what travels: it is encrypted, or stays within this machine.
    pub(super) fn is_safe(&self) -> bool {
        self.session.is_some() || self.is_own_machine()
    }

    /// Whether the client is on the server's own machine.
    pub(super) fn is_own_machine(&self) -> bool {
        self.conn.peer().ip().to_canonical().is_loopback()
    }
}

impl Read for Transport<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.input {
            None => (&**self.conn).read(buf),
            Some(input) => input.read(buf),
        }
    }
}

impl Write for Transport<'_> {
    /// Writes all of `buf`, blocking; only for what comes before the client is in the chat.
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self.session {
            None => (&**self.conn).write_all(buf)?,
            Some(session) => (&**self.conn).write_all(&session.encrypt(buf))?,
        }
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
