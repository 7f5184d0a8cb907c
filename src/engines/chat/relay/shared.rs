//! The options of a relay, and what its two threads share.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use super::super::ids::{ClientId, ServerId};
use super::super::link::Link;
use super::address::RelayUrl;

/// How servers are connected.
#[derive(Clone, Debug)]
pub struct RelayOptions {
    /// The stream.
    pub url: RelayUrl,
    /// Where the place in the stream is kept over a restart; `None` to start at its newest entry.
    pub state_file: Option<PathBuf>,
    /// Entries that the broker keeps, about.
    pub n_entries: u64,
}

/// What the two threads of a relay share.
pub(super) struct Shared<'a> {
    pub(super) options: &'a RelayOptions,
    pub(super) server: ServerId,
    /// The connections of clients whose arrival has not come back yet.
    pub(super) links: Mutex<HashMap<ClientId, Link>>,
    /// The last sequence number of this server that has come back.
    pub(super) last_returned: AtomicU64,
    /// Whether this server has the state, so that its clients may be heard.
    pub(super) is_joined: AtomicBool,
    /// Whether the broker cannot be reached.
    pub(super) is_lost: AtomicBool,
    /// Whether nothing more will be appended.
    pub(super) is_ended: AtomicBool,
    /// When to give up at shutdown.
    pub(super) deadline: &'a OnceLock<Instant>,
}
