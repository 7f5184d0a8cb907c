//! Closing many connections gracefully, in parallel and within one timeout.

use std::io::{self, Read};
use std::net::Shutdown;
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::close::CLOSE_TIMEOUT;
use super::conn::Conn;
use crate::threads::lock;

/// Pause between two checks which connections have been closed.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Closes many connections gracefully at once, blocking for at most half a second in all.
///
/// For connections that no thread reads; see [`ConnRegistry`] for those that threads read.
pub fn close_all_gracefully(mut conns: Vec<Conn>) {
    conns.retain(|conn| {
        conn.mark_drained();
        conn.shutdown(Shutdown::Write).and_then(|()| conn.set_nonblocking(true)).is_ok()
    });
    wait_until_closed(&mut conns, discard_input);
}

/// Discards what has arrived on a non-blocking connection. Returns whether the peer has closed.
fn discard_input(conn: &Conn) -> bool {
    match conn.stream().read(&mut [0; 16 << 10]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(err) => err.kind() != io::ErrorKind::WouldBlock,
    }
}

/// The connections that the threads of a server read, so that its shutdown can end them all.
#[derive(Debug, Default)]
pub struct ConnRegistry(Mutex<Vec<Weak<Conn>>>);

impl ConnRegistry {
    /// Adds a connection, which leaves the registry when its last [`Arc`] is dropped.
    pub fn insert(&self, conn: &Arc<Conn>) {
        let mut conns = lock(&self.0);
        if conns.len() == conns.capacity() {
            conns.retain(is_open); // instead of growing with every client
        }
        conns.push(Arc::downgrade(conn));
    }

    /// Closes all connections gracefully, blocking for at most half a second in all.
    ///
    /// Ends the write halves, so that peers close and the reading threads reach the end of their
    /// input; after the timeout it ends the read halves too, which wakes threads that still read.
    pub fn close_gracefully(&self) {
        let mut conns = std::mem::take(&mut *lock(&self.0));
        shut_down(&conns, Shutdown::Write);
        wait_until_closed(&mut conns, |conn| !is_open(conn));
        shut_down(&conns, Shutdown::Both);
    }
}

fn is_open(conn: &Weak<Conn>) -> bool {
    conn.strong_count() > 0
}

fn shut_down(conns: &[Weak<Conn>], half: Shutdown) {
    for conn in conns.iter().filter_map(Weak::upgrade) {
        _ = conn.shutdown(half); // it may have ended already
    }
}

/// Removes connections as they are closed, until none is left or [`CLOSE_TIMEOUT`] has passed.
fn wait_until_closed<C>(conns: &mut Vec<C>, is_closed: impl Fn(&C) -> bool) {
    let deadline = Instant::now() + CLOSE_TIMEOUT;
    conns.retain(|conn| !is_closed(conn));
    while !conns.is_empty() && Instant::now() < deadline {
        thread::sleep(POLL_INTERVAL);
        conns.retain(|conn| !is_closed(conn));
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::net::conn::tests::pair;

    #[test]
    fn all_are_closed_within_one_timeout_and_their_last_bytes_arrive() {
        let (clients, conns): (Vec<_>, Vec<_>) = (0..5).map(|_| pair()).unzip();
        for (mut client, conn) in clients.iter().zip(&conns) {
            client.write_all(b"unread").unwrap();
            conn.write_line("last").unwrap();
        }
        let start = Instant::now();
        close_all_gracefully(conns); // the clients do not close
        assert!(start.elapsed() < CLOSE_TIMEOUT * 4, "one after the other would take five");
        for mut client in clients {
            let mut text = String::new();
            client.read_to_string(&mut text).unwrap();
            assert_eq!(text, "last\n");
        }
    }

    #[test]
    fn a_registry_ends_the_reading_threads() {
        let (registry, (client, conn)) = (ConnRegistry::default(), pair());
        let conn = Arc::new(conn);
        registry.insert(&conn);
        let reader = thread::spawn(move || (&*conn).read(&mut [0; 8]).unwrap());
        registry.close_gracefully(); // returns though the client does not close
        assert_eq!(reader.join().unwrap(), 0);
        drop(client);
    }

    #[test]
    fn a_registry_forgets_connections_that_are_gone() {
        let registry = ConnRegistry::default();
        for _ in 0..100 {
            let (_client, conn) = pair();
            conn.mark_drained();
            registry.insert(&Arc::new(conn));
        }
        assert!(lock(&registry.0).len() < 10);
    }
}
