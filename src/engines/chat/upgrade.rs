//! What a web client begins with.

use super::resume::Resume;

/// A client that speaks as a web socket from now on.
pub(super) struct Upgrade {
    pub(super) resume: Resume,
    /// Whether the page came by TLS or from this machine, as far as a browser says so.
    pub(super) is_safe: bool,
    /// What the client has sent behind its request.
    pub(super) rest: Vec<u8>,
}
