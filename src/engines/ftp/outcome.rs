//! The outcome of a command.

#![allow(clippy::unnecessary_wraps, reason = "handlers return a Result, whether they fail or not")]

use super::reply::{Reply, ReplyError};

/// What follows a command that was carried out.
#[derive(Debug)]
pub(super) enum Next {
    Reply(Reply),
    /// The [job](super::session::Session::job) of a transfer, which sends its own replies.
    Transfer,
    /// The reply, and the end of the session.
    Close(Reply),
    /// The reply, and then the TLS handshake.
    StartTls(Reply),
}

/// The result of a command.
pub(super) type Outcome = Result<Next, ReplyError>;

/// The outcome of a command whose reply is one line.
pub(super) fn done(code: u16, text: impl AsRef<[u8]>) -> Outcome {
    Ok(Next::Reply(Reply::new(code, text)))
}

/// The outcome of a command whose reply has several lines.
pub(super) fn done_lines<T: AsRef<[u8]>>(
    code: u16,
    first: &str,
    between: impl IntoIterator<Item = T>,
    last: &str,
) -> Outcome {
    Ok(Next::Reply(Reply::lines(code, first, between, last)))
}

/// The outcome of a command that ends the session.
pub(super) fn close(code: u16, text: &str) -> Outcome {
    Ok(Next::Close(Reply::new(code, text)))
}
