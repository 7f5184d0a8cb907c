//! The control connection: one thread reads it, any thread may reply.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::net::{RecvFlags, recv};
use rustls::ServerConnection;

use super::charset::Charset;
use super::logins::Resumable;
use super::reply::Reply;
use super::tls::Tls;
use super::transfer::Transfer;
use crate::net::Conn;
use crate::threads::lock;

/// The control connection of one session, shared by its threads.
#[derive(Debug)]
pub(super) struct Control {
    /// The number of the session, for the log.
    pub(super) id: u64,
    /// Whether TLS is used from the first byte.
    pub(super) is_implicit: bool,
    conn: Conn,
    output: Mutex<Output>,
    is_secure: AtomicBool,
    current: Mutex<Current>,
    /// The encoding of names, unless the client has chosen UTF-8.
    charset: Charset,
    is_utf8: AtomicBool,
}

/// What writing needs, behind one lock. A thread that blocks in reading does not hold it.
#[derive(Debug)]
struct Output {
    tls: Option<Box<ServerConnection>>,
    resumable: Option<Resumable>,
}

/// The transfer that is running, if any.
#[derive(Debug)]
struct Current {
    transfer: Option<Arc<Transfer>>,
    /// When the last transfer ended, or the session began.
    last_end: Instant,
}

impl Control {
    /// The control connection of session number `id`. If it `is_implicit`, TLS is started before the
    /// first reply, else at the client's request.
    pub(super) fn new(id: u64, conn: Conn, is_implicit: bool) -> Self {
        _ = socket2::SockRef::from(&*conn).set_out_of_band_inline(true); // Telnet marks
        Control {
            id,
            is_implicit,
            conn,
            output: Mutex::new(Output { tls: None, resumable: None }),
            is_secure: AtomicBool::new(false),
            current: Mutex::new(Current { transfer: None, last_end: Instant::now() }),
            charset: Charset::default(),
            is_utf8: AtomicBool::new(false),
        }
    }

    /// Encodes names as `charset`, until the client chooses UTF-8.
    pub(super) fn with_charset(self, charset: Charset) -> Self {
        Control { charset, ..self }
    }

    /// The encoding of names now.
    pub(super) fn charset(&self) -> Charset {
        if self.is_utf8.load(Ordering::Relaxed) { Charset::default() } else { self.charset }
    }

    /// Encodes names as UTF-8, or no longer.
    pub(super) fn set_utf8(&self, is_utf8: bool) {
        self.is_utf8.store(is_utf8, Ordering::Relaxed);
    }

    /// Sends `reason` as a line and closes, without blocking. With implicit TLS it only closes.
    pub(super) fn refuse(self, reason: &str) {
        if self.is_implicit {
            self.conn.mark_drained();
        } else {
            self.conn.refuse(reason);
        }
    }

    /// The client's address, and the server's address that it is connected to.
    ///
    /// # Errors
    /// When the client has disconnected.
    pub(super) fn ips(&self) -> io::Result<(IpAddr, IpAddr)> {
        let local = self.conn.local_addr()?.ip();
        Ok((self.conn.peer().ip().to_canonical(), local.to_canonical()))
    }

    /// The address of the client, IPv4 as that.
    pub(super) fn peer_ip(&self) -> IpAddr {
        self.conn.peer().ip().to_canonical()
    }

    /// The address and port of the client.
    pub(super) fn peer(&self) -> String {
        self.conn.peer().to_string()
    }

    /// Sends a reply.
    ///
    /// # Errors
    /// When the client has disconnected, or does not read.
    pub(super) fn reply(&self, reply: &Reply) -> io::Result<()> {
        self.output().write(&self.conn, &reply.encoded(self.charset()))
    }

    /// Reads what the client sent, as it was sent. Blocks for at most `timeout`, if there is one,
    /// without holding a lock.
    ///
    /// # Errors
    /// A [timeout](crate::net::is_timeout), or a broken connection.
    pub(super) fn read_raw(&self, buf: &mut [u8], timeout: Option<Duration>) -> io::Result<usize> {
        let timeout = timeout.map(|timeout| timeout.max(Duration::from_millis(1)));
        self.conn.set_read_timeout(timeout)?;
        self.stream().read(buf)
    }

    /// Decrypts bytes that were read; [`plaintext`](Self::plaintext) returns the result.
    ///
    /// # Errors
    /// When the client violates the protocol, or has disconnected.
    pub(super) fn decrypt(&self, bytes: &[u8]) -> io::Result<()> {
        self.output().decrypt(&self.conn, bytes)
    }

    /// Reads what was decrypted; `None` if nothing is left of it, or there is no TLS.
    ///
    /// # Errors
    /// Those of rustls.
    pub(super) fn plaintext(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        if self.is_secure() { self.output().plaintext(buf) } else { Ok(None) }
    }

    /// Whether the connection uses TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure.load(Ordering::Acquire)
    }

    /// Switches to TLS. Returns the session. The handshake takes place in [`read`](Self::read).
    ///
    /// # Errors
    /// When the system provides no random session id, or the configuration is invalid.
    pub(super) fn start_tls(&self, tls: &Tls) -> Result<Resumable, rustls::Error> {
        let resumable = Resumable::new()?;
        let mut tls = ServerConnection::new(Arc::new(tls.for_control(&resumable)))?;
        tls.set_resumption_data(&resumable.id);
        let tls = Some(Box::new(tls));
        *self.output() = Output { tls, resumable: Some(resumable.clone()) };
        self.is_secure.store(true, Ordering::Release);
        Ok(resumable)
    }

    /// The TLS session that data connections may resume.
    pub(super) fn resumable(&self) -> Option<Resumable> {
        let output = self.output();
        let version = output.tls.as_ref().and_then(|tls| tls.protocol_version());
        let mut resumable = output.resumable.clone()?;
        resumable.version = version;
        Some(resumable)
    }

    /// Makes `transfer` the current one.
    pub(super) fn begin_transfer(&self, transfer: &Arc<Transfer>) {
        self.current().transfer = Some(Arc::clone(transfer));
    }

    /// Ends the transfer and sends its last reply, before the reply to any later command.
    pub(super) fn end_transfer(&self, transfer: &Transfer, reply: &Reply) {
        let mut output = self.output();
        *self.current() = Current { transfer: None, last_end: Instant::now() };
        transfer.end();
        _ = output.write(&self.conn, &reply.encoded(self.charset())); // the session's thread notices errors too
    }

    /// The current transfer.
    pub(super) fn transfer(&self) -> Option<Arc<Transfer>> {
        self.current().transfer.clone()
    }

    /// When the last transfer ended, or the session began.
    pub(super) fn last_end(&self) -> Instant {
        self.current().last_end
    }

    /// Whether the client has disconnected and all its input was read.
    pub(super) fn is_disconnected(&self) -> bool {
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match recv(&*self.conn, &mut [0; 1], peek) {
            Ok((n, _)) => n == 0,
            Err(err) => err != rustix::io::Errno::AGAIN,
        }
    }

    /// Ends the output: a client that reads it to its end disconnects then.
    pub(super) fn end_output(&self) {
        _ = self.conn.shutdown(Shutdown::Write);
    }

    /// Wakes the thread that reads: it reads end of file.
    pub(super) fn wake_reader(&self) {
        _ = self.conn.shutdown(Shutdown::Read);
    }

    /// Aborts the connection: blocked reads and writes return, unsent replies are dropped.
    pub(super) fn abort(&self) {
        self.conn.abort();
    }

    /// Sends the end of the TLS connection (`close_notify`), if there is one.
    pub(super) fn close_tls(&self) {
        let mut output = self.output();
        if let Some(tls) = &mut output.tls {
            tls.send_close_notify();
            _ = output.flush(&self.conn); // the client may have disconnected
        }
    }

    fn stream(&self) -> &TcpStream {
        &self.conn
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        lock(&self.output)
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        lock(&self.current)
    }
}

impl Output {
    fn write(&mut self, mut stream: &TcpStream, bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return stream.write_all(bytes) };
        tls.writer().write_all(bytes)?;
        self.flush(stream)
    }

    fn flush(&mut self, mut stream: &TcpStream) -> io::Result<()> {
        let Some(tls) = &mut self.tls else { return Ok(()) };
        while tls.wants_write() {
            tls.write_tls(&mut stream)?;
        }
        Ok(())
    }

    fn decrypt(&mut self, stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(tls) = self.tls.as_mut().filter(|_| !bytes.is_empty()) {
            tls.read_tls(&mut bytes)?;
            let processed = tls.process_new_packets();
            self.flush(stream)?; // sends the alert after an error too
            processed.map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn plaintext(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let Some(tls) = &mut self.tls else { return Ok(None) };
        match tls.reader().read(buf) {
            Ok(n) => Ok(Some(n)),
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(err) => Err(err),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::BufRead;
    use std::thread;

    use super::*;
    use crate::net::{is_timeout, listen};

    /// Far longer than anything here takes.
    pub(in crate::engines::ftp) const DEADLINE: Duration = Duration::from_mins(1);

    /// A client's socket, and the control connection to it.
    pub(in crate::engines::ftp) fn pair() -> (TcpStream, Arc<Control>) {
        let listener = listen("127.0.0.1:0", 1).unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        let conn = listener.incoming().next().unwrap();
        (client, Arc::new(Control::new(1, conn, false)))
    }

    #[test]
    fn input_is_read_with_a_timeout() {
        let (mut client, control) = pair();
        let mut buf = [0; 10];
        assert!(is_timeout(&control.read_raw(&mut buf, Some(Duration::ZERO)).unwrap_err()));
        client.write_all(b"NOOP\r\n").unwrap();
        assert_eq!(control.read_raw(&mut buf, Some(DEADLINE)).unwrap(), 6);
        drop(client);
        assert_eq!(control.read_raw(&mut buf, Some(DEADLINE)).unwrap(), 0);
    }

    #[test]
    fn a_blocked_reader_can_be_woken() {
        let (client, control) = pair();
        thread::scope(|scope| {
            let reader = scope.spawn(|| control.read_raw(&mut [0; 10], None).unwrap());
            control.wake_reader();
            assert_eq!(reader.join().unwrap(), 0);
        });
        drop(client);
    }

    #[test]
    fn the_last_reply_of_a_transfer_ends_it() {
        let (client, control) = pair();
        let transfer = Arc::new(Transfer::new("RETR /a".to_owned(), None));
        control.begin_transfer(&transfer);
        assert!(Arc::ptr_eq(&control.transfer().unwrap(), &transfer));
        let begun = control.last_end();
        control.end_transfer(&transfer, &Reply::new(226, "Done."));
        assert!(control.transfer().is_none() && control.last_end() >= begun);
        transfer.wait_end();
        let mut line = String::new();
        io::BufReader::new(client).read_line(&mut line).unwrap();
        assert_eq!(line, "226 Done.\r\n");
    }

    #[test]
    fn a_client_is_disconnected_once_its_input_was_read() {
        let (mut client, control) = pair();
        assert!(!control.is_disconnected());
        client.write_all(b"QUIT\r\n").unwrap();
        drop(client);
        assert!(!control.is_disconnected());
        assert_eq!(control.read_raw(&mut [0; 10], None).unwrap(), 6);
        assert!(control.is_disconnected());
    }
}
