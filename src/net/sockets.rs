//! The listening TCP sockets of one name: one socket per address, all on the same port.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use rustix::io::Errno;
use socket2::{Domain, SockRef, Socket, Type};

use super::conn::tune;
use super::errors::NO_ADDRESS;
use crate::threads::recv;

/// Connections that the kernel queues until they are accepted: as in Go; std asks for 128.
const BACKLOG: i32 = 4096;
/// How many ports to try for port 0: the port that the kernel chose for the first address may be
/// taken at the others.
const PORT_TRIES: usize = 100;
/// Connections that wait outside the kernel: handing each over alone would cost two wake-ups.
const ACCEPTED_MAX: usize = 64;
/// Stack of a thread that only accepts, in bytes.
const ACCEPTOR_STACK: usize = 64 << 10;
/// Log target of the line `listening on ADDR`, which is shown at every log level.
pub const NOTICE: &str = "notice";

/// Sockets that listen on the addresses of one name, on the same port; IPv4 comes first.
///
/// A single socket is accepted from directly. With several, one thread per socket accepts and hands
/// its connections to whoever calls [`accept`](Self::accept).
#[derive(Debug)]
pub(super) struct ListeningSockets {
    sockets: Vec<Arc<TcpListener>>,
    is_closing: Arc<AtomicBool>,
    /// What the accepting threads hand over; `None` for a single socket, and while dropping.
    accepted: Option<Receiver<Accepted>>,
    acceptors: Vec<JoinHandle<()>>,
}

type Accepted = io::Result<(TcpStream, SocketAddr)>;

impl ListeningSockets {
    /// Listens on all of `addrs`, as [`bind`] does.
    pub(super) fn bind(addrs: &[SocketAddr], write_timeout: Option<Duration>) -> io::Result<Self> {
        ListeningSockets::new(bind(addrs, write_timeout)?)
    }

    /// Accepts from `sockets`, at least one.
    pub(super) fn new(sockets: Vec<TcpListener>) -> io::Result<Self> {
        let mut listening = ListeningSockets {
            sockets: sockets.into_iter().map(Arc::new).collect(),
            is_closing: Arc::default(),
            accepted: None,
            acceptors: Vec::new(),
        };
        if listening.sockets.len() > 1 {
            listening.start_acceptors()?;
        }
        Ok(listening)
    }

    /// Starts one thread per socket; they end at [`shutdown`](Self::shutdown) and are joined on drop.
    fn start_acceptors(&mut self) -> io::Result<()> {
        let (accepted_tx, accepted_rx) = bounded(ACCEPTED_MAX);
        self.accepted = Some(accepted_rx);
        for socket in &self.sockets {
            let (socket, accepted_tx) = (Arc::clone(socket), accepted_tx.clone());
            let is_closing = Arc::clone(&self.is_closing);
            let acceptor = Builder::new().name("accept".to_owned()).stack_size(ACCEPTOR_STACK);
            let acceptor =
                acceptor.spawn(move || accept_all(&socket, &is_closing, &accepted_tx))?;
            self.acceptors.push(acceptor);
        }
        Ok(())
    }

    /// Announces every address on the log target [`NOTICE`].
    pub(super) fn announce(&self, notice: impl Fn(SocketAddr) -> String) -> io::Result<()> {
        for socket in &self.sockets {
            log::info!(target: NOTICE, "{}", notice(socket.local_addr()?));
        }
        Ok(())
    }

    /// Waits for the next client of any address.
    ///
    /// # Errors
    /// Those of accept(2): `InvalidInput` after [`shutdown`](Self::shutdown).
    pub(super) fn accept(&self) -> Accepted {
        match &self.accepted {
            None => self.sockets[0].accept(),
            Some(accepted) => recv(accepted).unwrap_or(Err(io::ErrorKind::InvalidInput.into())),
        }
    }

    /// Returns the first address, with the port that the kernel chose for port 0.
    pub(super) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sockets[0].local_addr()
    }

    /// Wakes blocked [`accept`](Self::accept)s, which return `InvalidInput` from now on.
    pub(super) fn shutdown(&self) {
        self.is_closing.store(true, Ordering::Release);
        for socket in &self.sockets {
            _ = SockRef::from(&**socket).shutdown(Shutdown::Both);
            if cfg!(not(target_os = "linux")) {
                _ = socket.local_addr().and_then(TcpStream::connect); // wakes accept(2) there
            }
        }
    }
}

impl Drop for ListeningSockets {
    fn drop(&mut self) {
        if self.acceptors.is_empty() {
            return;
        }
        self.shutdown();
        self.accepted = None; // wakes a thread that hands over a connection
        for acceptor in self.acceptors.drain(..) {
            acceptor.join().expect("an accepting thread does not panic");
        }
    }
}

/// Accepts until the socket is shut down or nobody receives any more.
fn accept_all(socket: &TcpListener, is_closing: &AtomicBool, accepted: &Sender<Accepted>) {
    loop {
        match socket.accept() {
            _ if is_closing.load(Ordering::Acquire) => return,
            Err(err) if err.kind() == io::ErrorKind::InvalidInput => return, // shut down
            result => {
                if accepted.send(result).is_err() {
                    return;
                }
            }
        }
    }
}

/// Listens on all of `addrs`. Every accepted connection has `write_timeout`. No thread is started.
///
/// An address that the machine does not have is skipped with a warning if another one works. An
/// address that is taken fails the whole; for port 0 another port is tried.
pub(super) fn bind(
    addrs: &[SocketAddr],
    write_timeout: Option<Duration>,
) -> io::Result<Vec<TcpListener>> {
    let mut addrs = addrs.to_vec();
    addrs.sort_by_key(SocketAddr::is_ipv6); // stable: each family keeps the resolver's order
    let is_any_port = addrs.iter().all(|addr| addr.port() == 0);
    let n_tries = if is_any_port { PORT_TRIES } else { 1 };
    let (sockets, skipped) = try_ports(n_tries, || bind_all(&addrs, write_timeout))?;
    for (addr, err) in skipped {
        log::warn!("listen on {addr}: {err}; skipping this address");
    }
    Ok(sockets)
}

/// The listening sockets, at least one, and the addresses that this machine does not have.
type Bound = (Vec<TcpListener>, Vec<(SocketAddr, io::Error)>);

/// Calls `bind` up to `n_tries` times, until the port that the kernel chooses is free everywhere.
fn try_ports<T>(n_tries: usize, mut bind: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 1..n_tries {
        match bind() {
            Err(err) if err.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
    bind()
}

/// Listens on all of `addrs`; with port 0, on the port that the kernel chooses for the first.
fn bind_all(addrs: &[SocketAddr], write_timeout: Option<Duration>) -> io::Result<Bound> {
    let is_v6_only = addrs.iter().any(SocketAddr::is_ipv4); // `::` alone also takes IPv4 clients
    let (mut sockets, mut skipped) = (Vec::new(), Vec::new());
    let mut bound: Vec<SocketAddr> = Vec::new();
    for &addr in addrs {
        let port = bound.first().map_or(addr.port(), SocketAddr::port);
        let wanted = SocketAddr::new(addr.ip(), port);
        if bound.contains(&wanted) {
            continue; // a resolver may return an address twice
        }
        match bind_one(with_port(addr, port), is_v6_only, write_timeout) {
            Ok(socket) => {
                bound.push(SocketAddr::new(addr.ip(), socket.local_addr()?.port()));
                sockets.push(socket);
            }
            Err(err) if is_missing(&err) => skipped.push((addr, err)),
            Err(err) => return Err(err),
        }
    }
    match (sockets.is_empty(), skipped.pop()) {
        (true, Some((_, err))) => Err(err),
        (true, None) => Err(io::Error::other(NO_ADDRESS)),
        (false, last) => {
            skipped.extend(last);
            Ok((sockets, skipped))
        }
    }
}

/// `addr` with another port; an IPv6 scope stays.
fn with_port(mut addr: SocketAddr, port: u16) -> SocketAddr {
    addr.set_port(port);
    addr
}

fn bind_one(
    addr: SocketAddr,
    is_v6_only: bool,
    write_timeout: Option<Duration>,
) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() && is_v6_only {
        socket.set_only_v6(true)?;
    }
    tune(&socket, write_timeout); // before the first client can inherit the options
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whether this machine does not have the address, or not its family.
fn is_missing(err: &io::Error) -> bool {
    let missing = [Errno::ADDRNOTAVAIL, Errno::AFNOSUPPORT].map(Errno::raw_os_error);
    err.raw_os_error().is_some_and(|code| missing.contains(&code))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;

    /// Loopback addresses, of which Linux has 2^24 without configuration; 192.0.2.1 is nobody's
    /// (RFC 5737).
    fn addrs(hosts: &[[u8; 4]], port: u16) -> Vec<SocketAddr> {
        hosts.iter().map(|&host| (IpAddr::V4(Ipv4Addr::from(host)), port).into()).collect()
    }

    fn local_addrs(listening: &ListeningSockets) -> Vec<SocketAddr> {
        listening.sockets.iter().map(|socket| socket.local_addr().unwrap()).collect()
    }

    #[test]
    fn every_address_gets_the_same_port_and_its_clients() {
        let hosts = [[127, 0, 0, 1], [127, 0, 0, 2], [127, 0, 0, 1]];
        let listening = ListeningSockets::bind(&addrs(&hosts, 0), None).unwrap();
        let port = listening.local_addr().unwrap().port();
        let all = local_addrs(&listening);
        assert_eq!(all, addrs(&hosts[..2], port), "an address twice is one");
        let connect = |addr: &SocketAddr| TcpStream::connect(addr).unwrap();
        let clients: Vec<_> = [all[0], all[0], all[1]].iter().map(connect).collect();
        let accepted: Vec<_> = (0..3).map(|_| listening.accept().unwrap()).collect();
        let sorted = |mut addrs: Vec<SocketAddr>| {
            addrs.sort();
            addrs
        };
        let peers = accepted.iter().map(|(_, peer)| *peer).collect();
        let locals = clients.iter().map(|client| client.local_addr().unwrap()).collect();
        assert_eq!(sorted(peers), sorted(locals));
        listening.shutdown();
        assert_eq!(listening.accept().unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }

    #[test]
    fn dropping_wakes_and_joins_the_accepting_threads() {
        let listening = ListeningSockets::bind(&addrs(&[[127, 0, 0, 1], [127, 0, 0, 2]], 0), None);
        let listening = listening.unwrap();
        let addr = listening.local_addr().unwrap();
        let clients: Vec<_> = (0..4).map(|_| TcpStream::connect(addr).unwrap()).collect();
        drop(listening); // although threads wait to hand over connections
        assert!(TcpStream::connect(addr).is_err(), "nothing is left listening");
        drop(clients);
    }

    #[test]
    fn a_missing_address_is_skipped_and_a_taken_one_is_not() {
        let (here, other, nobody) = ([127, 0, 0, 1], [127, 0, 0, 3], [192, 0, 2, 1]);
        let first = ListeningSockets::bind(&addrs(&[nobody, here], 0), None).unwrap();
        let port = first.local_addr().unwrap().port();
        assert_eq!(local_addrs(&first), addrs(&[here], port));
        let err = ListeningSockets::bind(&addrs(&[nobody], 0), None).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::AddrNotAvailable);
        let err = ListeningSockets::bind(&addrs(&[other, here], port), None).unwrap_err();
        assert_eq!(err.kind(), io::ErrorKind::AddrInUse);
        assert!(TcpStream::connect(addrs(&[other], port)[0]).is_err(), "nothing is left listening");
    }

    #[test]
    fn no_address_is_an_error() {
        let err = ListeningSockets::bind(&[], None).unwrap_err();
        assert_eq!(err.to_string(), NO_ADDRESS);
    }

    #[test]
    fn port_0_tries_again_until_one_port_is_free_on_all() {
        let check = |n_tries, n_taken, n_called| {
            let mut n = 0;
            let bound = try_ports(n_tries, || {
                n += 1;
                if n > n_taken { Ok(n) } else { Err(io::ErrorKind::AddrInUse.into()) }
            });
            assert_eq!((bound.is_ok(), n), (n_called > n_taken, n_called));
        };
        check(100, 0, 1);
        check(100, 2, 3);
        check(100, 200, 100);
        check(1, 1, 1);
    }
}
