//! Reading a control connection on another thread, while the session waits for something else too.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Select, bounded};

use super::control::Control;
use crate::threads::ThreadPool;

/// Bytes read at once. The buffer is on the stack of a thread that is idle most of the time.
pub(super) const READ_SIZE: usize = 1024;

/// How long a client that was sent everything may take to disconnect.
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// A read that another thread has begun, and that ends when the client sends something.
pub(super) struct PendingRead {
    result: Receiver<io::Result<Vec<u8>>>,
}

impl PendingRead {
    /// Begins to read. `None` if the machine has no room for another thread.
    pub(super) fn begin(control: &Arc<Control>, pool: &ThreadPool<'_, '_>) -> Option<Self> {
        let (result_tx, result) = bounded(1);
        let control = Arc::clone(control);
        let read = move || {
            let mut buf = [0; READ_SIZE];
            let read = control.read_raw(&mut buf, None).map(|n| buf[..n].to_vec());
            drop(control); // first: the session's thread closes the connection
            _ = result_tx.send(read); // the channel has room
        };
        pool.run(read).is_ok().then_some(PendingRead { result })
    }

    /// Blocks until something was read, or `event` is disconnected. Returns whether something was
    /// read.
    pub(super) fn wait_or(&self, event: &Receiver<()>) -> bool {
        let mut select = Select::new();
        select.recv(&self.result);
        select.recv(event);
        _ = select.ready();
        !self.result.is_empty()
    }

    /// What was read, within `timeout`; it returns itself if that was too short.
    pub(super) fn finish(self, timeout: Duration) -> Result<io::Result<Vec<u8>>, Self> {
        match self.result.recv_timeout(timeout) {
            Ok(read) => Ok(read),
            Err(RecvTimeoutError::Timeout) => Err(self),
            Err(RecvTimeoutError::Disconnected) => Ok(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Ends the read at the end of a session, so that nobody uses the connection any more.
    pub(super) fn end(self, control: &Control) {
        control.end_output();
        if let Err(pending) = self.finish(END_TIMEOUT) {
            control.wake_reader();
            _ = pending.result.recv();
        }
    }
}
