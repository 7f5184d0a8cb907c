//! The options of the server.

use std::time::Duration;

/// Options of [`serve`](super::serve).
#[derive(Clone, Debug)]
pub struct Options {
    /// Time between two echoes of a shout.
    pub delay: Duration,
    /// Whether a client's next shout waits for the last echo of the previous one.
    pub sequential: bool,
    /// Time after which a client that has sent no line is disconnected; zero for never.
    pub idle: Duration,
    /// Whether to send back the bytes received, at once and unchanged (RFC 862), instead of echoes.
    pub raw: bool,
}
