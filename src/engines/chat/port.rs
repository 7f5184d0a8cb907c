//! Where clients connect.

use crate::net::Listener;

/// Where clients connect, and how they speak there.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// Accepts the clients.
    pub listener: &'a Listener,
    /// What the clients speak.
    pub protocol: Protocol,
}

/// What clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Lines of text.
    Lines,
    /// Lines of text over TLS, with [`Options::certificate`](super::Options::certificate).
    LinesOverTls,
    /// HTTP, and HTTPS where there is a certificate, for a page that connects with a web socket.
    Web,
}
