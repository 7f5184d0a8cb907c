//! A transfer as its session sees it: progress, stopping it, waiting for its end.

use std::io;
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crossbeam::channel::{Receiver, Sender, bounded};
use socket2::Socket;

use crate::threads::lock;

/// A running transfer, shared by the session and the job that does it.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The command with the resolved path, for STAT and the log.
    pub(super) title: String,
    n_bytes: AtomicU64,
    /// The size of a download.
    n_bytes_all: Option<u64>,
    state: Mutex<State>,
    /// Disconnected at the end of the transfer.
    pub(super) end: Receiver<()>,
    /// Disconnected when the transfer was stopped.
    stopped: Receiver<()>,
}

#[derive(Debug)]
struct State {
    /// The socket that the transfer may be blocked on.
    socket: Option<Arc<Socket>>,
    /// Dropped at the end.
    end_tx: Option<Sender<()>>,
    /// Dropped when the transfer is stopped.
    stopped_tx: Option<Sender<()>>,
}

impl Transfer {
    /// A transfer that has not begun. `n_bytes_all` is the size in bytes, if known.
    pub(super) fn new(title: String, n_bytes_all: Option<u64>) -> Self {
        let ((end_tx, end), (stopped_tx, stopped)) = (bounded(0), bounded(0));
        let state = State { socket: None, end_tx: Some(end_tx), stopped_tx: Some(stopped_tx) };
        Transfer {
            title,
            n_bytes: AtomicU64::new(0),
            n_bytes_all,
            state: Mutex::new(state),
            end,
            stopped,
        }
    }

    /// Makes [`stop`](Self::stop) shut this socket down.
    ///
    /// # Errors
    /// When the transfer was stopped already.
    pub(super) fn set_socket(&self, socket: &Arc<Socket>) -> io::Result<()> {
        let mut state = self.state();
        if state.stopped_tx.is_none() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        state.socket = Some(Arc::clone(socket));
        Ok(())
    }

    /// Stops the transfer: blocked calls on its socket return.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.stopped_tx = None;
        if let Some(socket) = &state.socket {
            _ = socket.shutdown(Shutdown::Both); // the peer may have closed it already
        }
    }

    /// Whether [`stop`](Self::stop) was called.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().stopped_tx.is_none()
    }

    /// Blocks until the transfer is stopped, at most for `timeout`. Returns whether it is.
    pub(super) fn wait_stopped(&self, timeout: Duration) -> bool {
        self.stopped.recv_timeout(timeout).is_err_and(|err| !err.is_timeout())
    }

    /// Records the end of the transfer, and wakes whoever waits for it.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.socket = None;
        state.end_tx = None;
    }

    /// Blocks until the transfer has ended.
    pub(super) fn wait_end(&self) {
        _ = self.end.recv(); // disconnected
    }

    /// Counts bytes that were sent or received.
    pub(super) fn add(&self, n_bytes: usize) {
        self.n_bytes.fetch_add(n_bytes as u64, Ordering::Relaxed);
    }

    /// Bytes sent or received so far.
    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes.load(Ordering::Relaxed)
    }

    /// The progress, for STAT: `RETR /a: 100 of 200 bytes`
    pub(super) fn progress(&self) -> String {
        let (title, n) = (&self.title, self.n_bytes());
        match self.n_bytes_all {
            Some(all) => format!("{title}: {n} of {all} bytes"),
            None => format!("{title}: {n} bytes"),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn the_end_wakes_waiting_threads() {
        let transfer = Transfer::new("RETR /a".to_owned(), Some(9));
        thread::scope(|scope| {
            scope.spawn(|| transfer.wait_end());
            transfer.add(4);
            assert_eq!(transfer.progress(), "RETR /a: 4 of 9 bytes");
            transfer.end();
        });
        transfer.wait_end();
    }

    #[test]
    fn a_stopped_transfer_takes_no_socket() {
        let transfer = Transfer::new("STOR /a".to_owned(), None);
        let socket =
            Arc::new(Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap());
        transfer.set_socket(&socket).unwrap();
        assert!(!transfer.wait_stopped(Duration::ZERO));
        transfer.stop();
        assert!(transfer.set_socket(&socket).is_err() && transfer.is_stopped());
        assert!(transfer.wait_stopped(Duration::ZERO));
    }
}
