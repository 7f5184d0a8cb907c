//! Network errors: an error that names action and address, and classes of I/O errors.

use std::io;

/// The cause of an error where a name resolves to no address at all.
pub(super) const NO_ADDRESS: &str = "no address found";

/// An error of listening or dialling, shown as `listen on localhost:80: Permission denied (os error
/// 13)`.
#[derive(Debug)]
pub struct Error {
    action: &'static str,
    addr: String,
    source: io::Error,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.action, self.addr, self.source)
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The error of `action`, such as `dial`, on `addr`.
    pub(crate) fn new(action: &'static str, addr: impl Into<String>, source: io::Error) -> Self {
        Error { action, addr: addr.into(), source }
    }

    /// Returns the underlying I/O error, without action and address.
    #[must_use]
    pub fn cause(&self) -> &io::Error {
        &self.source
    }
}

/// Whether an error of accept(2) concerns only one connection, so that the next can be accepted.
pub(super) fn is_transient(err: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, TimedOut};
    matches!(err.kind(), ConnectionAborted | ConnectionReset | Interrupted | TimedOut)
}

/// Whether a write failed because the peer has closed the connection.
#[must_use]
pub fn is_disconnect(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}
