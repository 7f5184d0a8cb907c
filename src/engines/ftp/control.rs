//! The control connection: one thread reads it, any may reply.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustls::ServerConnection;

use super::reply::Reply;
use super::tls::{Resumable, Tls};
use super::transfer::Transfer;
use crate::net::Conn;
use crate::threads::lock;

/// How long the control connection of a dead client may outlast its data connection.
const FAREWELL_NS: i64 = 2_000_000;

/// What the threads of one session share.
#[derive(Debug)]
pub(super) struct Control {
    pub(super) id: u64,
    conn: Conn,
    out: Mutex<Out>,
    is_secure: AtomicBool,
    running: Mutex<Running>,
}

/// Whoever holds the lock may write. No thread reads from the network while it does.
#[derive(Debug)]
struct Out {
    tls: Option<Box<ServerConnection>>,
    resumable: Option<Resumable>,
}

#[derive(Debug)]
struct Running {
    transfer: Option<Arc<Transfer>>,
    ended: Instant,
}

impl Control {
    pub(super) fn new(id: u64, conn: Conn) -> Self {
        _ = socket2::SockRef::from(&*conn).set_out_of_band_inline(true); // Telnet marks come so
        Control {
            id,
            conn,
            out: Mutex::new(Out { tls: None, resumable: None }),
            is_secure: AtomicBool::new(false),
            running: Mutex::new(Running { transfer: None, ended: Instant::now() }),
        }
    }

    pub(super) fn into_conn(self) -> Conn {
        self.conn
    }

    /// The client's address, and ours as it sees it.
    pub(super) fn ips(&self) -> io::Result<(IpAddr, IpAddr)> {
        let ours = self.conn.local_addr()?.ip();
        Ok((self.conn.peer().ip().to_canonical(), ours.to_canonical()))
    }

    pub(super) fn peer(&self) -> String {
        self.conn.peer().to_string()
    }

    pub(super) fn reply(&self, reply: &Reply) -> io::Result<()> {
        self.out().write(&self.conn, reply.bytes())
    }

    /// Reads what the client sent, decrypted. Waits no longer than `timeout` for a packet.
    pub(super) fn read(&self, buf: &mut [u8], timeout: Duration) -> io::Result<usize> {
        loop {
            if let Some(n) = self.buffered(buf)? {
                return Ok(n);
            }
            self.conn.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
            let n = self.stream().read(buf)?; // blocked here, without the lock
            if n == 0 || !self.is_secure() {
                return Ok(n);
            }
            self.out().decrypt(&self.conn, &buf[..n])?;
        }
    }

    /// What was decrypted before and not read.
    pub(super) fn buffered(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        if self.is_secure() { self.out().plaintext(buf) } else { Ok(None) }
    }

    pub(super) fn is_secure(&self) -> bool {
        self.is_secure.load(Ordering::Acquire)
    }

    /// From here on all is TLS; the handshake is part of reading.
    pub(super) fn secure(&self, tls: &Tls) -> Result<(), rustls::Error> {
        let resumable = Resumable::new()?;
        let mut tls = ServerConnection::new(Arc::new(tls.for_control(&resumable)))?;
        tls.set_resumption_data(&resumable.id);
        *self.out() = Out { tls: Some(Box::new(tls)), resumable: Some(resumable) };
        self.is_secure.store(true, Ordering::Release);
        Ok(())
    }

    pub(super) fn resumable(&self) -> Option<Resumable> {
        self.out().resumable.clone()
    }

    pub(super) fn start(&self, transfer: &Arc<Transfer>) {
        self.running().transfer = Some(Arc::clone(transfer));
    }

    /// Says how the transfer went. No reply to a later command can get before this one.
    pub(super) fn finish(&self, transfer: &Transfer, reply: &Reply) {
        let mut out = self.out();
        *self.running() = Running { transfer: None, ended: Instant::now() };
        transfer.end();
        _ = out.write(&self.conn, reply.bytes()); // the session's thread will notice too
    }

    pub(super) fn transfer(&self) -> Option<Arc<Transfer>> {
        self.running().transfer.clone()
    }

    /// When the last transfer ended, or the session began.
    pub(super) fn last_end(&self) -> Instant {
        self.running().ended
    }

    /// Waits until the client has sent something or the transfer is over; true for the former.
    pub(super) fn wait(&self, transfer: &Transfer) -> io::Result<bool> {
        if self.out().has_plaintext() {
            return Ok(true);
        }
        let Some(over) = transfer.over()? else { return Ok(false) };
        let mut both = [
            PollFd::from_borrowed_fd(self.conn.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(over.as_fd(), PollFlags::IN),
        ];
        match poll(&mut both, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(both[1].revents().is_empty()),
            Err(err) => Err(err.into()),
        }
    }

    /// Whether the client has hung up, with nothing left to be read. The connections of a client
    /// that dies end one after the other, so it waits a moment for this one.
    pub(super) fn is_lost(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        use rustix::net::{RecvFlags, recv};
        let moment = Timespec { tv_sec: 0, tv_nsec: FAREWELL_NS };
        _ = poll(&mut [PollFd::new(&*self.conn, PollFlags::IN)], Some(&moment)); // else: see below
        let peek = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        match recv(&*self.conn, &mut [0; 1], peek) {
            Ok((n, _)) => n == 0,
            Err(err) => err != rustix::io::Errno::AGAIN,
        }
    }

    /// Wakes the thread that reads, as if the client had hung up.
    pub(super) fn wake(&self) {
        _ = self.conn.shutdown(Shutdown::Read);
    }

    /// Ends everything, whatever was still to be said.
    pub(super) fn abort(&self) {
        self.conn.abort();
    }

    /// Tells a TLS client that there is no more to come.
    pub(super) fn close(&self) {
        let mut out = self.out();
        if let Some(tls) = &mut out.tls {
            tls.send_close_notify();
            _ = out.flush(&self.conn); // it may have gone
        }
    }

    fn stream(&self) -> &TcpStream {
        &self.conn
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        lock(&self.out)
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        lock(&self.running)
    }
}

impl Out {
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
            self.flush(stream)?; // an alert, if it went wrong
            processed.map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn has_plaintext(&mut self) -> bool {
        let state = self.tls.as_mut().map(|tls| tls.process_new_packets());
        state.is_some_and(|state| state.is_ok_and(|state| state.plaintext_bytes_to_read() > 0))
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
