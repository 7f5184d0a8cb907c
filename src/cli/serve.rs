//! Running a server until SIGINT or SIGTERM.

use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::args::Listen;
use super::logger::stamp_lines;
use super::signals::{signals, survive_file_size_limit};
use crate::net::{self, Listener};
use crate::threads;

/// Listens on `listen` and calls `serve` with the listener, which SIGINT and SIGTERM shut down:
/// `serve` then drains its clients and returns. Meanwhile, lines on stderr start with the time.
///
/// `threads_each` is the number of threads that each client will need.
///
/// # Errors
/// When the address cannot be listened on, or the system refuses a thread.
pub fn serve(
    listen: &Listen,
    threads_each: usize,
    serve: impl FnOnce(&Listener) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    survive_file_size_limit()?;
    let mut signals = signals(&[SIGINT, SIGTERM])?; // before a client can connect
    let listener = net::listen(&listen.addr(), threads_each)?;
    stamp_lines();
    let handle = signals.handle();
    thread::scope(|scope| {
        let wait = || signals.forever().for_each(|_| listener.shutdown());
        threads::spawn_now(scope, wait)?;
        let result = serve(&listener);
        handle.close();
        result
    })
}
