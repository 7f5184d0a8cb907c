//! Listening TCP sockets that admit a limited number of clients.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::close::refuse;
use super::conn::{Conn, WRITE_TIMEOUT, tune};
use super::errors::{Error, is_transient};
use super::sockets::{self, ListeningSockets};
use crate::machine::limits::Limits;
use crate::threads::{Semaphore, lock};

/// On Linux an accepted connection inherits the options of the listening socket, which saves five
/// system calls per client.
const INHERITS_OPTIONS: bool = cfg!(target_os = "linux");
/// How long to wait before accepting again after descriptors or memory ran out.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Shortest time between two log lines about a lack of room.
const LOG_INTERVAL: Duration = Duration::from_mins(1);

/// Sockets that listen on every address of a name, and admit only as many simultaneous clients as the
/// machine has room for.
#[derive(Debug)]
pub struct Listener {
    sockets: ListeningSockets,
    clients: Semaphore,
    /// When a lack of room was last logged.
    last_logged: Mutex<Option<Instant>>,
}

/// Sockets that listen, from which nothing is accepted yet. They need no thread, so the process may
/// still change its user.
#[derive(Debug)]
pub struct BoundSockets {
    /// What was to be listened on, for errors.
    addr: String,
    sockets: Vec<TcpListener>,
}

/// Listens on every address that `addr` resolves to, as [`listen`] does, but accepts no client yet.
///
/// # Errors
/// Those of [`listen`].
pub fn bind(addr: &str) -> Result<BoundSockets, Error> {
    let error = |source| Error::new("listen on", addr, source);
    let addrs: Vec<SocketAddr> = addr.to_socket_addrs().map_err(error)?.collect();
    let sockets = sockets::bind(&addrs, Some(WRITE_TIMEOUT)).map_err(error)?;
    Ok(BoundSockets { addr: addr.to_owned(), sockets })
}

impl BoundSockets {
    /// Sockets on which another process listens, such as systemd; at least one.
    ///
    /// # Errors
    /// When one of them does not listen.
    pub fn inherited(sockets: Vec<TcpListener>) -> Result<Self, Error> {
        let addr = "an inherited socket".to_owned();
        let error = |source| Error::new("listen on", &addr, source);
        if sockets.is_empty() {
            return Err(error(io::ErrorKind::NotFound.into()));
        }
        for socket in &sockets {
            socket.set_nonblocking(false).map_err(error)?;
            if !SockRef::from(socket).is_listener().map_err(error)? {
                return Err(error(io::Error::other("it does not listen")));
            }
            tune(socket, Some(WRITE_TIMEOUT));
        }
        Ok(BoundSockets { addr, sockets })
    }

    /// Announces every address on the log target [`NOTICE`](super::NOTICE), and starts accepting.
    ///
    /// `threads_each` is the number of threads that the server uses for each client.
    ///
    /// # Errors
    /// When a thread that accepts cannot be started.
    pub fn listen(self, threads_each: usize) -> Result<Listener, Error> {
        let error = |source| Error::new("listen on", &self.addr, source);
        let sockets = ListeningSockets::new(self.sockets).map_err(error)?;
        let clients = Semaphore::new(Limits::current().clients(threads_each));
        sockets.announce().map_err(error)?;
        Ok(Listener { sockets, clients, last_logged: Mutex::new(None) })
    }
}

/// Listens on every address that `addr` (`HOST:PORT`) resolves to, IPv4 first and all on the same
/// port, and announces each on the log target [`NOTICE`](super::NOTICE).
///
/// An address that this machine does not have is skipped with a warning while another one works.
///
/// `threads_each` is the number of threads that the server uses for each client; together with the
/// machine's limits it determines how many clients are admitted at once.
///
/// # Errors
/// When the address cannot be resolved, one of its addresses is taken, or none can be bound.
///
/// ```
/// use std::io::Read;
/// use threadbare::net;
///
/// let listener = net::listen("127.0.0.1:0", 1)?; // port 0: the kernel chooses one
/// let addr = listener.local_addr()?.to_string();
/// let client = std::thread::spawn(move || {
///     let mut reply = String::new();
///     (&net::dial(&addr)?).read_to_string(&mut reply)?;
///     Ok::<_, Box<dyn std::error::Error + Send + Sync>>(reply)
/// });
/// for conn in listener.incoming() {
///     conn.write_line("hello")?;
///     listener.shutdown(); // ends the loop
/// }
/// assert_eq!(client.join().unwrap().unwrap(), "hello\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn listen(addr: &str, threads_each: usize) -> Result<Listener, Error> {
    bind(addr)?.listen(threads_each)
}

impl Listener {
    /// Returns an iterator over accepted connections, which ends after
    /// [`shutdown`](Self::shutdown).
    ///
    /// A client above the limit gets the line `server full` and is disconnected. When the process
    /// has no file descriptor left, accepting pauses until one is free.
    pub fn incoming(&self) -> impl Iterator<Item = Conn> + '_ {
        std::iter::from_fn(|| self.accept())
    }

    /// Returns the first address listened on, with the port that the kernel chose for port 0.
    ///
    /// # Errors
    /// Those of getsockname(2).
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.sockets.local_addr()
    }

    /// Stops accepting: a blocked [`incoming`](Self::incoming) wakes up and ends.
    pub fn shutdown(&self) {
        self.sockets.shutdown();
    }

    /// Returns the number of clients connected now.
    #[must_use]
    pub fn n_clients(&self) -> usize {
        self.clients.n_taken()
    }

    fn accept(&self) -> Option<Conn> {
        loop {
            match self.sockets.accept() {
                Ok((stream, peer)) => {
                    if let Some(permit) = self.clients.try_acquire() {
                        if !INHERITS_OPTIONS {
                            tune(&stream, Some(WRITE_TIMEOUT));
                        }
                        return Some(Conn::new(stream, peer, Some(permit)));
                    }
                    self.warn_rarely(&format!(
                        "server full at {} clients",
                        self.clients.capacity()
                    ));
                    refuse(&stream, "server full");
                }
                Err(err) if err.kind() == io::ErrorKind::InvalidInput => return None, // shut down
                Err(err) if is_transient(&err) => {}
                Err(err) => {
                    self.warn_rarely(&format!("accept: {err}; pausing until there is room"));
                    self.clients.wait_returned(ACCEPT_RETRY);
                }
            }
        }
    }

    fn warn_rarely(&self, message: &str) {
        let mut last_logged = lock(&self.last_logged);
        if last_logged.is_none_or(|last| last.elapsed() >= LOG_INTERVAL) {
            *last_logged = Some(Instant::now());
            log::warn!("{message}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::thread;

    use super::*;

    #[test]
    fn a_shut_down_listener_accepts_no_more() {
        let listener = listen("127.0.0.1:0", 1).unwrap();
        thread::scope(|s| {
            let accepting = s.spawn(|| listener.incoming().count());
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            listener.shutdown();
            assert!(accepting.join().unwrap() <= 1);
            drop(client);
        });
        assert_eq!(listener.n_clients(), 0);
    }

    #[test]
    fn errors_name_action_and_address() {
        assert!(listen("127.0.0.1:x", 1).unwrap_err().to_string().starts_with("listen on "));
    }
}
