//! An open data connection, with or without TLS.

use std::io::{self, BufReader, Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConnection;
use socket2::Socket;

use super::waiting::WaitingSocket;
use crate::engines::ftp::ticket_time::UploadTicket;
use crate::net;

/// Encrypted bytes read at once. rustls itself reads 4 KiB, a quarter of a record.
const READ_SIZE: usize = 256 << 10;

/// An open data connection.
#[derive(Debug)]
pub(crate) struct DataStream<'h> {
    /// Without TLS nothing is buffered.
    socket: BufReader<WaitingSocket<'h>>,
    tls: Option<Box<ServerConnection>>,
    /// The ticket of an upload whose handshake began early.
    ticket: Option<UploadTicket>,
}

impl<'h> DataStream<'h> {
    pub(super) fn plain(socket: WaitingSocket<'h>) -> Self {
        DataStream { socket: BufReader::with_capacity(0, socket), tls: None, ticket: None }
    }

    pub(super) fn secure(
        socket: WaitingSocket<'h>,
        tls: Box<ServerConnection>,
        ticket: Option<UploadTicket>,
    ) -> Self {
        let socket = BufReader::with_capacity(READ_SIZE, socket);
        DataStream { socket, tls: Some(tls), ticket }
    }

    /// The socket, where nothing needs to be encrypted.
    pub(crate) fn plain_socket(&mut self) -> Option<&mut WaitingSocket<'h>> {
        self.tls.is_none().then_some(self.socket.get_mut())
    }

    /// Ends the write half: everything was sent.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn shut_down_write(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            while tls.wants_write() {
                tls.write_tls(self.socket.get_mut())?;
            }
        }
        self.socket.get_ref().shutdown(Shutdown::Write)
    }

    /// With TLS, ends the write half as [`shut_down_write`](Self::shut_down_write), which includes a
    /// ticket held back during an upload. Without, closing the socket after the last reply is enough.
    ///
    /// # Errors
    /// When the connection is broken.
    pub(crate) fn end_tls(&mut self) -> io::Result<()> {
        if self.tls.is_some() { self.shut_down_write() } else { Ok(()) }
    }

    /// Begins to count the time without progress anew: the server itself has waited.
    pub(crate) fn restart_timeout(&mut self) {
        self.socket.get_mut().restart_timeout();
    }

    /// Blocks until the client has closed the connection, or `timeout` has passed since it was opened.
    pub(crate) fn wait_closed(&mut self, timeout: Duration) {
        self.socket.get_mut().wait_closed(timeout);
    }

    /// Checks that the connection did not break after its last byte was read. With TLS, the end was
    /// announced by `close_notify`, and whatever the client does behind that is harmless.
    ///
    /// # Errors
    /// The pending error of the socket (`SO_ERROR`).
    pub(crate) fn check_unbroken(&self) -> io::Result<()> {
        if self.tls.is_some() {
            return Ok(());
        }
        self.socket.get_ref().take_error()?.map_or(Ok(()), Err)
    }

    /// Ends the use of the connection. Returns what is to be closed after the last reply.
    pub(crate) fn into_closing(self) -> ClosingStream {
        let socket = self.socket.into_inner().into_inner();
        ClosingStream { is_secure: self.tls.is_some(), socket }
    }
}

/// A data connection after its transfer.
#[derive(Debug)]
pub(crate) struct ClosingStream {
    socket: Arc<Socket>,
    is_secure: bool,
}

impl ClosingStream {
    /// Closes the connection. With TLS the client's `close_notify` is awaited for a bounded time:
    /// unread, it would reset the connection and destroy data on its way.
    pub(crate) fn close(self) {
        if self.is_secure {
            net::close_gracefully(&*self.socket);
        }
    }
}

impl Read for DataStream<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(buf),
            Some(tls) => {
                let read = read_tls(tls, &mut self.socket, buf);
                if let Some(ticket) = &self.ticket {
                    record(ticket, &read);
                }
                read
            }
        }
    }
}

fn record(ticket: &UploadTicket, read: &io::Result<usize>) {
    match read {
        Ok(0) => ticket.record_end(),
        Err(err) if err.kind() == io::ErrorKind::ConnectionReset => ticket.record_reset(),
        _ => {}
    }
}

/// Fills `buf` with decrypted data as far as that is possible without waiting again. Nothing is sent
/// meanwhile but an alert: tickets wait for the end.
fn read_tls(
    tls: &mut ServerConnection,
    socket: &mut BufReader<WaitingSocket<'_>>,
    buf: &mut [u8],
) -> io::Result<usize> {
    let mut n_read = 0;
    while n_read < buf.len() {
        match tls.reader().read(&mut buf[n_read..]) {
            Ok(0) => break, // reported again by the next call
            Ok(n) => n_read += n,
            Err(err) if err.kind() != io::ErrorKind::WouldBlock && n_read == 0 => return Err(err),
            Err(_) if n_read > 0 && socket.buffer().is_empty() => break,
            Err(_) => read_record(tls, socket)?,
        }
    }
    Ok(n_read)
}

fn read_record(
    tls: &mut ServerConnection,
    socket: &mut BufReader<WaitingSocket<'_>>,
) -> io::Result<()> {
    tls.read_tls(socket)?;
    tls.process_new_packets().map(drop).map_err(|err| {
        _ = tls.write_tls(socket.get_mut()); // the alert that tells the client why
        io::Error::other(err)
    })
}

impl Write for DataStream<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.get_mut().write(buf),
            Some(tls) => rustls::Stream::new(&mut **tls, self.socket.get_mut()).write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.tls {
            None => Ok(()),
            Some(tls) => rustls::Stream::new(&mut **tls, self.socket.get_mut()).flush(),
        }
    }
}
