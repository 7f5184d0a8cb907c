//! A transfer as the session sees it: how far it is, stopping it, waiting for its end.

use std::io::{self, PipeReader, PipeWriter};
use std::net::Shutdown;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use socket2::Socket;

use crate::threads::{lock, wait_while};

#[derive(Debug)]
pub(super) struct Transfer {
    /// The command, for STAT and the log.
    pub(super) title: String,
    n_bytes: AtomicU64,
    n_bytes_all: Option<u64>,
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What the transfer may be blocked on.
    socket: Option<Arc<Socket>>,
    is_stopped: bool,
    is_over: bool,
    /// Dropped when it is over: that wakes who polls the other end.
    waker: Option<PipeWriter>,
}

impl Transfer {
    pub(super) fn new(title: String, n_bytes_all: Option<u64>) -> Self {
        Transfer {
            title,
            n_bytes: AtomicU64::new(0),
            n_bytes_all,
            state: Mutex::default(),
            ended: Condvar::new(),
        }
    }

    /// From now on [`stop`](Self::stop) shuts this socket down.
    ///
    /// # Errors
    /// When it was stopped already.
    pub(super) fn blocks_on(&self, socket: &Arc<Socket>) -> io::Result<()> {
        let mut state = self.state();
        if state.is_stopped {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        state.socket = Some(Arc::clone(socket));
        Ok(())
    }

    /// Ends it early; whatever it is blocked on returns.
    pub(super) fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        if let Some(socket) = &state.socket {
            _ = socket.shutdown(Shutdown::Both); // it may be closed from the other side
        }
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    pub(super) fn end(&self) {
        let mut state = self.state();
        state.is_over = true;
        state.socket = None;
        state.waker = None;
        self.ended.notify_all();
    }

    pub(super) fn wait_end(&self) {
        drop(wait_while(&self.ended, self.state(), |state| !state.is_over));
    }

    /// Something to poll that becomes readable when it is over; `None` if it is.
    pub(super) fn over(&self) -> io::Result<Option<PipeReader>> {
        let mut state = self.state();
        if state.is_over {
            return Ok(None);
        }
        let (reader, writer) = io::pipe()?;
        state.waker = Some(writer);
        Ok(Some(reader))
    }

    pub(super) fn add(&self, n_bytes: usize) {
        self.n_bytes.fetch_add(n_bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes.load(Ordering::Relaxed)
    }

    /// `RETR /a: 100 of 200 bytes`
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
    fn its_end_wakes_who_waits() {
        let transfer = Transfer::new("RETR /a".to_owned(), Some(9));
        let mut over = transfer.over().unwrap().expect("it runs");
        thread::scope(|scope| {
            scope.spawn(|| transfer.wait_end());
            transfer.add(4);
            assert_eq!(transfer.progress(), "RETR /a: 4 of 9 bytes");
            transfer.end();
            assert_eq!(over.read(&mut [0]).unwrap(), 0);
        });
        assert!(transfer.over().unwrap().is_none());
    }

    #[test]
    fn what_was_stopped_blocks_no_more() {
        let transfer = Transfer::new("STOR /a".to_owned(), None);
        let socket =
            Arc::new(Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap());
        transfer.blocks_on(&socket).unwrap();
        transfer.stop();
        assert!(transfer.blocks_on(&socket).is_err() && transfer.is_stopped());
    }
}
