//! The client connections of one thread.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;
use memchr::memchr;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, Socket, Type};

/// Bytes read at once.
const BUF_SIZE: usize = 256 << 10;

/// The connections, numbered from 0 in the order in which they were added.
pub(crate) struct Clients {
    clients: Vec<Client>,
    buf: Vec<u8>,
}

struct Client {
    socket: TcpStream,
    /// The beginning of a line whose end has not arrived yet.
    partial: Vec<u8>,
    unsent: Vec<u8>,
    n_sent: usize,
    /// Whether lines travel in the frames of a web socket.
    is_web: bool,
    never_reads: bool,
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

/// Turns a connection to chat's page into a web socket (RFC 6455, 4.1).
pub(crate) fn upgrade(mut socket: TcpStream, addr: SocketAddr) -> anyhow::Result<TcpStream> {
    write!(
        socket,
        "GET /chat HTTP/1.1\r\nHost: {addr}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?; // nothing of what follows the head
        head.extend(byte);
    }
    anyhow::ensure!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&head));
    Ok(socket)
}

impl Clients {
    pub(crate) fn new() -> Self {
        Clients { clients: Vec::new(), buf: vec![0; BUF_SIZE] }
    }

    /// Adds a connection and returns its number.
    pub(crate) fn add(&mut self, socket: TcpStream, is_web: bool) -> io::Result<usize> {
        socket.set_nonblocking(true)?;
        self.clients.push(Client {
            socket,
            partial: Vec::new(),
            unsent: Vec::new(),
            n_sent: 0,
            is_web,
            never_reads: false,
            closed: None,
            close_when_sent: false,
        });
        Ok(self.clients.len() - 1)
    }

    pub(crate) fn len(&self) -> usize {
        self.clients.len()
    }

    /// Reads no more from a connection, so that the server's buffers fill up.
    pub(crate) fn stop_reading(&mut self, i: usize) {
        self.clients[i].never_reads = true;
    }

    /// When the server closed the connection, if it has.
    pub(crate) fn closed(&self, i: usize) -> Option<Instant> {
        self.clients[i].closed
    }

    pub(crate) fn n_open(&self) -> usize {
        self.clients.iter().filter(|client| client.closed.is_none()).count()
    }

    /// Bytes that the kernel has not accepted yet.
    pub(crate) fn n_unsent(&self, i: usize) -> usize {
        self.clients[i].unsent.len() - self.clients[i].n_sent
    }

    pub(crate) fn send(&mut self, i: usize, bytes: &[u8]) {
        let client = &mut self.clients[i];
        if client.is_web {
            for line in bytes.split_inclusive(|&byte| byte == b'\n') {
                append_frame(&mut client.unsent, line.strip_suffix(b"\n").unwrap_or(line));
            }
        } else {
            client.unsent.extend_from_slice(bytes);
        }
        client.flush();
    }

    /// Closes the write half once all bytes have been sent.
    pub(crate) fn close_write(&mut self, i: usize) {
        self.clients[i].close_when_sent = true;
        self.clients[i].flush();
    }

    /// Waits until a connection is ready, then reads and writes without blocking. Calls `line` with
    /// the number of the connection, each line received, and the time.
    pub(crate) fn poll(
        &mut self,
        timeout: Duration,
        mut line: impl FnMut(usize, &[u8], Instant),
    ) -> anyhow::Result<()> {
        for (i, is_writable) in ready(&self.clients, timeout)? {
            let client = &mut self.clients[i];
            if is_writable {
                client.flush();
            }
            let now = Instant::now();
            if client.never_reads {
                client.closed.get_or_insert(now); // it waits for no other event
            } else {
                client.read(&mut self.buf, |text| line(i, text, now));
            }
        }
        Ok(())
    }
}

/// The connections that can be read or are closed, and whether each can be written.
fn ready(clients: &[Client], timeout: Duration) -> anyhow::Result<Vec<(usize, bool)>> {
    let mut indices = Vec::with_capacity(clients.len());
    let mut fds = Vec::with_capacity(clients.len());
    for (i, client) in clients.iter().enumerate() {
        if client.closed.is_some() {
            continue;
        }
        let mut events = if client.never_reads { PollFlags::empty() } else { PollFlags::IN };
        if client.n_sent < client.unsent.len() {
            events |= PollFlags::OUT;
        }
        indices.push(i);
        fds.push(PollFd::new(&client.socket, events));
    }
    let timeout = Timespec::try_from(timeout)?;
    match poll(&mut fds, Some(&timeout)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(err) => return Err(err.into()),
    }
    let events = indices.into_iter().zip(fds.iter().map(PollFd::revents));
    let ready = events.filter(|(_, events)| !events.is_empty());
    Ok(ready.map(|(i, events)| (i, events.contains(PollFlags::OUT))).collect())
}

impl Client {
    fn flush(&mut self) {
        while self.n_sent < self.unsent.len() {
            match (&self.socket).write(&self.unsent[self.n_sent..]) {
                Ok(n) => self.n_sent += n,
                Err(err) if err.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => break, // reading reports the error
            }
        }
        self.unsent.clear();
        self.n_sent = 0;
        if self.close_when_sent {
            _ = self.socket.shutdown(Shutdown::Write);
        }
    }

    /// Reads once: if there is more, the connection is ready again at the next poll.
    fn read(&mut self, buf: &mut [u8], mut line: impl FnMut(&[u8])) {
        let n = match (&self.socket).read(buf) {
            Ok(n @ 1..) => n,
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => return,
            Ok(0) | Err(_) => {
                self.closed = Some(Instant::now());
                return;
            }
        };
        if self.is_web {
            self.partial.extend_from_slice(&buf[..n]);
            let n_read = read_frames(&self.partial, &mut line);
            self.partial.drain(..n_read);
            return;
        }
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

/// Says in a frame's second byte that its length is in the next two (RFC 6455, 5.2).
const LEN_OF_TWO_BYTES: u8 = 0x7e;

/// Appends a frame of text with a mask of zeros, which leaves the payload as it is.
fn append_frame(out: &mut Vec<u8>, payload: &[u8]) {
    if let Ok(len @ ..126) = u8::try_from(payload.len()) {
        out.extend([0x81, 0x80 | len]);
    } else {
        let len = u16::try_from(payload.len()).expect("lines are short");
        out.extend([0x81, 0x80 | LEN_OF_TWO_BYTES]);
        out.extend(len.to_be_bytes());
    }
    out.extend([0; 4]);
    out.extend_from_slice(payload);
}

/// Calls `line` with every line behind the header of each whole frame; returns their bytes.
fn read_frames(bytes: &[u8], line: &mut impl FnMut(&[u8])) -> usize {
    let mut rest = bytes;
    while let [_, len, ..] = *rest {
        let (n_head, len) = match (len, rest) {
            (126, [_, _, a, b, ..]) => (4, usize::from(u16::from_be_bytes([*a, *b]))),
            (127, [_, _, 0, 0, 0, 0, a, b, c, d, ..]) => {
                (10, u32::from_be_bytes([*a, *b, *c, *d]) as usize)
            }
            (126 | 127, _) => break,
            (len, _) => (2, usize::from(len)),
        };
        let Some(payload) = rest.get(n_head..n_head + len) else { break };
        rest = &rest[n_head + len..];
        let Some(end) = memchr(0x1e, payload) else { continue };
        let lines = payload[end + 1..].split_inclusive(|&byte| byte == b'\n');
        lines.for_each(|text| line(text.strip_suffix(b"\n").unwrap_or(text)));
    }
    bytes.len() - rest.len()
}
