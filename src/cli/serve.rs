//! Running a server until it is told to end.

use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::Listen;
use crate::net::{self, Listener};

/// Listens and serves. SIGINT and SIGTERM shut the listener down; `serve` then drains and returns.
///
/// `threads_each` is what a client will cost in threads.
///
/// # Errors
/// When the address cannot be listened on.
pub fn serve(
    listen: &Listen,
    threads_each: usize,
    serve: impl FnOnce(&Listener),
) -> anyhow::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?; // before anyone can know of us
    let listener = net::listen(&listen.addr(), threads_each)?;
    let handle = signals.handle();
    thread::scope(|scope| {
        scope.spawn(|| signals.forever().for_each(|_| listener.shutdown()));
        serve(&listener);
        handle.close();
    });
    Ok(())
}
