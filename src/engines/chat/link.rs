//! The connection to a client.

use std::sync::Arc;

use super::resume::Resume;
use crate::net::Conn;
use crate::net::tls::TlsSession;

/// The connection to a client, and how it is used.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) conn: Arc<Conn>,
    /// The session of a client with TLS.
    pub(super) tls: Option<Arc<TlsSession>>,
    /// For a client with a web socket: who it is, if it has been here before.
    pub(super) web: Option<Arc<Resume>>,
}

impl Link {
    pub(super) fn is_web(&self) -> bool {
        self.web.is_some()
    }
}
