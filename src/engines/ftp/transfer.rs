//! A transfer as its session sees it: progress, stopping it, waiting for its end.

use std::io::{self, PipeReader, PipeWriter};
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use socket2::Socket;

use crate::threads::{Condvar, lock, wait_while};

/// A running transfer, shared by the session and the job that does it.
#[derive(Debug)]
pub(super) struct Transfer {
    /// The command with the resolved path, for STAT and the log.
    pub(super) title: String,
    n_bytes: AtomicU64,
    /// The size of a download.
    n_bytes_all: Option<u64>,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The socket that the transfer may be blocked on.
    socket: Option<Arc<Socket>>,
    is_stopped: bool,
    has_ended: bool,
    /// Dropped at the end, which wakes whoever polls the other end of the pipe.
    end_tx: Option<PipeWriter>,
}

impl Transfer {
    /// A transfer that has not begun. `n_bytes_all` is the size in bytes, if known.
    pub(super) fn new(title: String, n_bytes_all: Option<u64>) -> Self {
        Transfer {
            title,
            n_bytes: AtomicU64::new(0),
            n_bytes_all,
            state: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// Makes [`stop`](Self::stop) shut this socket down.
    ///
    /// # Errors
    /// When the transfer was stopped already.
    pub(super) fn set_socket(&self, socket: &Arc<Socket>) -> io::Result<()> {
        let mut state = self.state();
        if state.is_stopped {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        state.socket = Some(Arc::clone(socket));
        Ok(())
    }

    /// Stops the transfer: blocked calls on its socket return.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        if let Some(socket) = &state.socket {
            _ = socket.shutdown(Shutdown::Both); // the peer may have closed it already
        }
    }

    /// Whether [`stop`](Self::stop) was called.
    pub(super) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Records the end of the transfer, and wakes whoever waits for it.
    pub(super) fn end(&self) {
        let mut state = self.state();
        state.has_ended = true;
        state.socket = None;
        state.end_tx = None;
        self.ended.notify_all();
    }

    /// Blocks until the transfer has ended.
    pub(super) fn wait_end(&self) {
        drop(wait_while(&self.ended, self.state(), |state| !state.has_ended));
    }

    /// A pipe that becomes readable at the end of the transfer; `None` if it has ended.
    ///
    /// # Errors
    /// When no pipe can be created.
    pub(super) fn end_pipe(&self) -> io::Result<Option<PipeReader>> {
        let mut state = self.state();
        if state.has_ended {
            return Ok(None);
        }
        let (end_rx, end_tx) = io::pipe()?;
        state.end_tx = Some(end_tx);
        Ok(Some(end_rx))
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
    use std::io::Read;
    use std::thread;

    #[test]
    fn the_end_wakes_waiting_threads() {
        let transfer = Transfer::new("RETR /a".to_owned(), Some(9));
        let mut end_rx = transfer.end_pipe().unwrap().expect("the transfer is running");
        thread::scope(|scope| {
            scope.spawn(|| transfer.wait_end());
            transfer.add(4);
            assert_eq!(transfer.progress(), "RETR /a: 4 of 9 bytes");
            transfer.end();
            assert_eq!(end_rx.read(&mut [0]).unwrap(), 0);
        });
        assert!(transfer.end_pipe().unwrap().is_none());
    }

    #[test]
    fn a_stopped_transfer_takes_no_socket() {
        let transfer = Transfer::new("STOR /a".to_owned(), None);
        let socket =
            Arc::new(Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap());
        transfer.set_socket(&socket).unwrap();
        transfer.stop();
        assert!(transfer.set_socket(&socket).is_err() && transfer.is_stopped());
    }
}
