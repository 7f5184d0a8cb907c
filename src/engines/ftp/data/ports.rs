//! Where a data connection is opened, and the ports for passive ones.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socket2::{Domain, Socket, Type};

/// Connections that the kernel queues for a passive port: strangers may connect before the client.
pub(super) const BACKLOG: i32 = 16;

/// Where the system can, without a system call of its own.
#[cfg(any(target_os = "android", target_os = "linux"))]
const NONBLOCKING: Type = Type::STREAM.nonblocking();
#[cfg(not(any(target_os = "android", target_os = "linux")))]
const NONBLOCKING: Type = Type::STREAM;

/// Where a data connection is opened.
#[derive(Debug)]
pub(crate) enum Endpoint {
    /// The client connects to this listening socket (PASV, EPSV), which does not block.
    Passive(Arc<Socket>),
    /// The server connects to this address (PORT, EPRT).
    Active(SocketAddr),
}

/// The ports that passive connections may use.
#[derive(Debug)]
pub(crate) struct PassivePorts {
    first: u16,
    n_ports: usize,
    next: AtomicUsize,
}

impl PassivePorts {
    /// The ports from `first` to `last`.
    pub(crate) fn new(first: u16, last: u16) -> Self {
        let n_ports = usize::from(last - first) + 1;
        PassivePorts { first, n_ports, next: AtomicUsize::new(0) }
    }

    /// A listening socket on the first free port behind the one that was tried last.
    fn listen(&self, ip: IpAddr) -> io::Result<Socket> {
        let mut last = io::ErrorKind::AddrInUse.into();
        for _ in 0..self.n_ports {
            let nth = self.next.fetch_add(1, Ordering::Relaxed) % self.n_ports;
            #[allow(clippy::cast_possible_truncation, reason = "less than the number of ports")]
            match listen_on(SocketAddr::new(ip, self.first + nth as u16)) {
                Ok(socket) => return Ok(socket),
                Err(err) => last = err,
            }
        }
        Err(last)
    }
}

/// Listens on `ip`, on one of `ports` or any port. Returns the port too.
///
/// # Errors
/// When no port is free, or there are no file descriptors left.
pub(crate) fn listen(ip: IpAddr, ports: Option<&PassivePorts>) -> io::Result<(Endpoint, u16)> {
    let socket = match ports {
        Some(ports) => ports.listen(ip)?,
        None => listen_on(SocketAddr::new(ip, 0))?,
    };
    let addr = socket.local_addr()?.as_socket();
    let port = addr.ok_or(io::ErrorKind::AddrNotAvailable)?.port();
    Ok((Endpoint::Passive(Arc::new(socket)), port))
}

fn listen_on(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), NONBLOCKING, None)?;
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    socket.set_nonblocking(true)?;
    if addr.port() != 0 {
        socket.set_reuse_address(true)?; // for ports with connections in TIME-WAIT
    }
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}
