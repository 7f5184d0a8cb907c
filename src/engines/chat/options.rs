//! The options of the server.

use std::time::Duration;

/// Options of [`serve`](super::serve).
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to ask clients for a name and accept commands; otherwise clients are called by their
    /// addresses, as in the book (8.10).
    pub names: bool,
    /// Time after which a client that has sent no line is disconnected; zero for never.
    pub idle: Duration,
    /// Lines per second accepted from one client after a burst of 1,000; zero for no limit.
    pub flood: u32,
    /// Simultaneous connections accepted from one IP address, loopback excepted; zero for no limit.
    pub per_address: usize,
}
