//! Copies datagrams between an input and an output and a peer. UDP promises nothing: neither that a
//! datagram arrives, nor in which order, nor that there is an end.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender, after, bounded, never};
use crossbeam::select;

use super::options::Error;
use crate::net::{self, Endpoint, NOTICE, is_timeout};
use crate::threads;

/// Bytes of the input sent in one datagram.
const INPUT_SIZE: usize = 16 << 10;
/// The largest datagram there is.
const DATAGRAM_MAX: usize = 64 << 10;
/// How often a receiving thread checks whether it is to end.
const DONE_INTERVAL: Duration = Duration::from_millis(100);
/// How long to wait for answers after the end of the input, if no other time is asked for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);
/// Longer times count as none; an [`Instant`] may not be able to represent their end.
const TIME_MAX: Duration = Duration::from_hours(24 * 365);

/// Which way datagrams are copied, and when that ends.
#[derive(Clone, Copy, Debug)]
pub struct UdpOptions {
    /// Whether the input is sent.
    pub send: bool,
    /// Whether received datagrams are written to the output.
    pub receive: bool,
    /// With several peers: answers whoever sent the last datagram. Otherwise only the first is heard.
    pub keep: bool,
    /// Ends when nothing was sent or received for this long.
    pub idle: Option<Duration>,
    /// Ends when nothing was sent or received for this long after the end of the input: by default one
    /// second, or never for a listener.
    pub quit_after: Option<Duration>,
}

/// The sockets of one name, connected to a peer or waiting for one.
#[derive(Debug)]
pub struct UdpSockets {
    sockets: Vec<UdpSocket>,
    /// The socket and address to send to.
    peer: Option<(usize, SocketAddr)>,
    is_listening: bool,
}

impl UdpSockets {
    /// A socket that sends to the first address of `endpoint` from `source_port` (0 for any).
    ///
    /// # Errors
    /// When there is no address, or no route to it.
    pub fn dial(endpoint: &Endpoint, source_port: u16) -> Result<Self, net::Error> {
        let addrs = endpoint.addrs()?;
        let error = |err| net::Error::new("dial", endpoint.to_string(), err);
        let peer = *addrs.first().expect("there is an address");
        let socket = UdpSocket::bind(local_addr(peer, source_port)).map_err(error)?;
        socket.connect(peer).map_err(error)?;
        Ok(UdpSockets { sockets: vec![socket], peer: Some((0, peer)), is_listening: false })
    }

    /// Sockets that wait for datagrams at every address of `endpoint`, IPv4 first. Each is announced
    /// on the log target [`NOTICE`].
    ///
    /// # Errors
    /// When there is no address, or one is taken.
    pub fn listen(endpoint: &Endpoint) -> Result<Self, net::Error> {
        let error = |err| net::Error::new("listen on", endpoint.to_string(), err);
        let mut addrs = endpoint.addrs()?;
        addrs.sort_by_key(SocketAddr::is_ipv6);
        let mut sockets: Vec<UdpSocket> = Vec::new();
        for mut addr in addrs {
            if let (0, Some(first)) = (addr.port(), sockets.first()) {
                addr.set_port(first.local_addr().map_err(error)?.port());
            }
            match UdpSocket::bind(addr) {
                Ok(socket) => sockets.push(socket),
                Err(err) if err.kind() == ErrorKind::AddrNotAvailable && !sockets.is_empty() => {
                    log::warn!("listen on {addr}: {err}; skipping this address");
                }
                Err(err) => return Err(error(err)),
            }
        }
        for socket in &sockets {
            log::info!(target: NOTICE, "listening on {}", socket.local_addr().map_err(error)?);
        }
        Ok(UdpSockets { sockets, peer: None, is_listening: true })
    }
}

/// The unspecified address of the family of `peer`, with a port.
pub(super) fn local_addr(peer: SocketAddr, port: u16) -> SocketAddr {
    let any: IpAddr =
        if peer.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    (any, port).into()
}

/// A datagram: the index of the socket that received it, its sender and its bytes.
type Datagram = (usize, io::Result<(SocketAddr, Vec<u8>)>);

/// Copies both ways until nothing more is to be expected, see [`UdpOptions`]. Each read of the input
/// becomes one datagram. `connected` is called when a peer is known.
///
/// # Errors
/// When the peer's host says that nobody listens there, or input or output fail.
pub fn relay_datagrams<R: Read + Send + 'static>(
    mut sockets: UdpSockets,
    options: &UdpOptions,
    input: R,
    output: &mut impl Write,
    mut connected: impl FnMut(SocketAddr),
) -> Result<(), Error> {
    let input = start_reading(input, options.send).map_err(Error::Input)?;
    let receivers: io::Result<Vec<_>> = sockets.sockets.iter().map(UdpSocket::try_clone).collect();
    let receivers = receivers.map_err(Error::Peer)?;
    let (is_done, (received_tx, received)) = (AtomicBool::new(false), bounded(1));
    thread::scope(|scope| {
        for (index, socket) in receivers.iter().enumerate() {
            let (received_tx, is_done) = (received_tx.clone(), &is_done);
            threads::spawn(scope, move || receive(index, socket, &received_tx, is_done));
        }
        let result = sockets.copy(options, input, &received, output, &mut connected);
        is_done.store(true, Ordering::Release);
        drop(received); // wakes a thread that hands over a datagram
        result
    })
}

/// Starts the thread that reads the input; at its end the channel closes. The thread is not joined: a
/// read of an input that never ends cannot be woken.
fn start_reading(
    mut input: impl Read + Send + 'static,
    send: bool,
) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    if !send {
        return Ok(never());
    }
    let (input_tx, input_rx) = bounded(1);
    Builder::new().spawn(move || {
        let mut buf = vec![0; INPUT_SIZE];
        loop {
            let read = match input.read(&mut buf) {
                Ok(0) => return,
                Ok(n) => Ok(buf[..n].to_vec()),
                Err(err) if err.kind() == ErrorKind::Interrupted => continue,
                Err(err) => Err(err),
            };
            let has_failed = read.is_err();
            if input_tx.send(read).is_err() || has_failed {
                return;
            }
        }
    })?;
    Ok(input_rx)
}

/// Receives datagrams until it is done.
fn receive(index: usize, socket: &UdpSocket, received: &Sender<Datagram>, is_done: &AtomicBool) {
    let mut buf = vec![0; DATAGRAM_MAX];
    _ = socket.set_read_timeout(Some(DONE_INTERVAL));
    while !is_done.load(Ordering::Acquire) {
        let datagram = match socket.recv_from(&mut buf) {
            Ok((n, from)) => Ok((from, buf[..n].to_vec())),
            Err(err) if is_timeout(&err) || err.kind() == ErrorKind::Interrupted => continue,
            Err(err) => Err(err),
        };
        if received.send((index, datagram)).is_err() {
            return;
        }
    }
}

impl UdpSockets {
    fn copy(
        &mut self,
        options: &UdpOptions,
        mut input: Receiver<io::Result<Vec<u8>>>,
        received: &Receiver<Datagram>,
        output: &mut impl Write,
        connected: &mut impl FnMut(SocketAddr),
    ) -> Result<(), Error> {
        let (nothing, mut has_ended, mut last) = (never(), false, Instant::now());
        loop {
            let input_if_peer = if self.peer.is_some() { &input } else { &nothing };
            let timeout = self.timeout(options, has_ended).map_or_else(never, |timeout| {
                after((last + timeout).saturating_duration_since(Instant::now()))
            });
            select! {
                recv(input_if_peer) -> read => match read {
                    Ok(bytes) => self.send(&bytes.map_err(Error::Input)?)?,
                    Err(_) => (input, has_ended) = (never(), true),
                },
                recv(received) -> datagram => {
                    let (index, datagram) = datagram.expect("a receiver ends after the copying");
                    let (from, bytes) = datagram.map_err(|err| self.error(&err))?;
                    if self.accept(index, from, options.keep, connected) && options.receive {
                        let written = output.write_all(&bytes).and_then(|()| output.flush());
                        written.map_err(Error::Output)?;
                    }
                }
                recv(timeout) -> _ => return Ok(()),
            }
            last = Instant::now();
        }
    }

    /// How long nothing may happen before the copying ends. A first peer is waited for for ever.
    fn timeout(&self, options: &UdpOptions, has_ended: bool) -> Option<Duration> {
        self.peer?;
        let quit_after = options.quit_after.filter(|_| has_ended);
        let default = (has_ended && !self.is_listening).then_some(ANSWER_TIMEOUT);
        quit_after.or(options.idle).or(default).filter(|timeout| *timeout < TIME_MAX)
    }

    fn send(&self, bytes: &[u8]) -> Result<(), Error> {
        let Some((index, peer)) = self.peer else { return Ok(()) };
        let socket = &self.sockets[index];
        let is_connected = socket.peer_addr().is_ok();
        let sent = if is_connected { socket.send(bytes) } else { socket.send_to(bytes, peer) };
        sent.map(drop).map_err(|err| self.error(&err))
    }

    /// Whether a datagram is for us. The first peer of a listener becomes the only one, unless `keep`.
    fn accept(
        &mut self,
        index: usize,
        from: SocketAddr,
        keep: bool,
        connected: &mut impl FnMut(SocketAddr),
    ) -> bool {
        if self.peer == Some((index, from)) {
            return true;
        }
        if !self.is_listening || (self.peer.is_some() && !keep) {
            return false;
        }
        connected(from);
        self.peer = Some((index, from));
        if !keep {
            _ = self.sockets[index].connect(from); // the kernel then reports a refusal
        }
        true
    }

    fn error(&self, err: &io::Error) -> Error {
        let peer = self.peer.map_or_else(String::new, |(_, peer)| format!("{peer}: "));
        Error::Peer(io::Error::new(err.kind(), format!("{peer}{err}")))
    }
}
