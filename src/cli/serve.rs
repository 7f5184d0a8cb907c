//! Running a server until SIGINT or SIGTERM.

use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::args::Listen;
use super::signals::{signals, survive_file_size_limit};
use crate::net::{self, Listener};

/// Listens on `listen` and calls `serve` with the listener, which SIGINT and SIGTERM shut down:
/// `serve` then drains its clients and returns.
///
/// `threads_each` is the number of threads that each client will need.
///
/// # Errors
/// When the address cannot be listened on.
pub fn serve(
    listen: &Listen,
    threads_each: usize,
    serve: impl FnOnce(&Listener),
) -> anyhow::Result<()> {
    survive_file_size_limit()?;
    let mut signals = signals(&[SIGINT, SIGTERM])?; // before a client can connect
    let listener = net::listen(&listen.addr(), threads_each)?;
    let handle = signals.handle();
    thread::scope(|scope| {
        scope.spawn(|| signals.forever().for_each(|_| listener.shutdown()));
        serve(&listener);
        handle.close();
    });
    Ok(())
}
