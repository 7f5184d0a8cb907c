//! Many connections played by one thread.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;
use memchr::memchr;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Socket, Type};

/// What is read at once.
const BUF: usize = 256 << 10;

pub(crate) struct Crowd {
    members: Vec<Member>,
    buf: Vec<u8>,
}

struct Member {
    socket: TcpStream,
    /// The beginning of a line whose end has not come yet.
    partial: Vec<u8>,
    unsent: Vec<u8>,
    n_sent: usize,
    is_deaf: bool,
    closed: Option<Instant>,
    close_when_sent: bool,
}

/// Connects from one of the addresses 127.0.0.2, 127.0.0.3 …
pub(crate) fn connect(addr: SocketAddr, source: u8) -> anyhow::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    let source = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2 + source), 0));
    socket.bind(&source.into()).with_context(|| source.to_string())?;
    socket.connect(&addr.into()).with_context(|| addr.to_string())?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
}

impl Crowd {
    pub(crate) fn new() -> Self {
        Crowd { members: Vec::new(), buf: vec![0; BUF] }
    }

    pub(crate) fn join(&mut self, socket: TcpStream) -> io::Result<usize> {
        socket.set_nonblocking(true)?;
        self.members.push(Member {
            socket,
            partial: Vec::new(),
            unsent: Vec::new(),
            n_sent: 0,
            is_deaf: false,
            closed: None,
            close_when_sent: false,
        });
        Ok(self.members.len() - 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn deafen(&mut self, i: usize) {
        self.members[i].is_deaf = true;
    }

    /// When the server hung up on it.
    pub(crate) fn closed(&self, i: usize) -> Option<Instant> {
        self.members[i].closed
    }

    pub(crate) fn n_open(&self) -> usize {
        self.members.iter().filter(|member| member.closed.is_none()).count()
    }

    /// Bytes not yet taken by the kernel.
    pub(crate) fn n_unsent(&self, i: usize) -> usize {
        self.members[i].unsent.len() - self.members[i].n_sent
    }

    pub(crate) fn send(&mut self, i: usize, bytes: &[u8]) {
        self.members[i].unsent.extend_from_slice(bytes);
        self.members[i].flush();
    }

    /// Closes the write half once all is sent.
    pub(crate) fn close_write(&mut self, i: usize) {
        self.members[i].close_when_sent = true;
        self.members[i].flush();
    }

    /// Waits until something happens, then reads and writes all that goes; hands over each line.
    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        mut line: impl FnMut(usize, &[u8], Instant),
    ) -> anyhow::Result<()> {
        for (i, is_writable) in ready(&self.members, timeout)? {
            let member = &mut self.members[i];
            if is_writable {
                member.flush();
            }
            let now = Instant::now();
            if member.is_deaf {
                member.closed.get_or_insert(now); // nothing else wakes the deaf
            } else {
                member.read(&mut self.buf, |text| line(i, text, now));
            }
        }
        Ok(())
    }
}

/// Who can be read from, or was hung up on; and whether it can be written to.
fn ready(members: &[Member], timeout: Duration) -> anyhow::Result<Vec<(usize, bool)>> {
    let mut asked = Vec::with_capacity(members.len());
    let mut fds = Vec::with_capacity(members.len());
    for (i, member) in members.iter().enumerate() {
        if member.closed.is_some() {
            continue;
        }
        let mut wanted = if member.is_deaf { PollFlags::empty() } else { PollFlags::IN };
        if member.n_sent < member.unsent.len() {
            wanted |= PollFlags::OUT;
        }
        asked.push(i);
        fds.push(PollFd::new(&member.socket, wanted));
    }
    let timeout = Timespec::try_from(timeout)?;
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(err) => return Err(err.into()),
    }
    let events = asked.into_iter().zip(fds.iter().map(PollFd::revents));
    let found = events.filter(|(_, events)| !events.is_empty());
    Ok(found.map(|(i, events)| (i, events.contains(PollFlags::OUT))).collect())
}

impl Member {
    fn flush(&mut self) {
        while self.n_sent < self.unsent.len() {
            match (&self.socket).write(&self.unsent[self.n_sent..]) {
                Ok(n) => self.n_sent += n,
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => break, // reading will tell
            }
        }
        self.unsent.clear();
        self.n_sent = 0;
        if self.close_when_sent {
            _ = self.socket.shutdown(Shutdown::Write);
        }
    }

    /// Reads once: one that has more to say is ready again at the next poll.
    fn read(&mut self, buf: &mut [u8], mut line: impl FnMut(&[u8])) {
        let n = match (&self.socket).read(buf) {
            Ok(n @ 1..) => n,
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return,
            Ok(0) | Err(_) => {
                self.closed = Some(Instant::now());
                return;
            }
        };
        let mut rest = &buf[..n];
        while let Some(end) = memchr(b'\n', rest) {
            if self.partial.is_empty() {
                line(&rest[..end]);
            } else {
                self.partial.extend_from_slice(&rest[..end]);
                line(&self.partial);
                self.partial.clear();
            }
            rest = &rest[end + 1..];
        }
        self.partial.extend_from_slice(rest);
    }
}
