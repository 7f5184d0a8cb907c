//! The TLS sessions of all logins. A data connection may resume any of its own user's from the same
//! address: clients with several logins share their tickets between these (rclone 1.60).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use ring::rand::{SecureRandom, SystemRandom};
use rustls::ProtocolVersion;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

use crate::threads::lock;

/// A random number that identifies a session in its tickets.
pub(super) type SessionId = [u8; 16];
/// The user's name and the client's address.
type Key = (String, IpAddr);

/// A control connection's TLS session, as data connections may resume it.
#[derive(Clone, Debug)]
pub(super) struct Resumable {
    pub(super) id: SessionId,
    /// The version of TLS, once the handshake of the control connection has agreed on it.
    pub(super) version: Option<ProtocolVersion>,
    /// The session by its id, for clients that use no tickets (curl with TLS 1.2).
    pub(super) by_id: Arc<dyn StoresServerSessions>,
}

impl Resumable {
    /// A new session with a random id.
    pub(super) fn new() -> Result<Self, rustls::Error> {
        let mut id = SessionId::default();
        let filled = SystemRandom::new().fill(&mut id);
        filled.map_err(|_| rustls::Error::FailedToGetRandomBytes)?;
        Ok(Resumable { id, version: None, by_id: ServerSessionMemoryCache::new(1) })
    }
}

/// The sessions of all users that are logged in with TLS.
#[derive(Debug, Default)]
pub(super) struct Logins {
    sessions: Mutex<HashMap<Key, Vec<Resumable>>>,
}

impl Logins {
    /// Adds a session until the returned value and its clones are dropped.
    pub(super) fn add(self: &Arc<Self>, key: Key, session: Resumable) -> SharedLogin {
        let id = session.id;
        lock(&self.sessions).entry(key.clone()).or_default().push(session);
        SharedLogin(Arc::new(Entry { logins: Arc::clone(self), key, id }))
    }
}

/// A login, with access to the sessions of the same user from the same address.
#[derive(Clone, Debug)]
pub(super) struct SharedLogin(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    logins: Arc<Logins>,
    key: Key,
    id: SessionId,
}

impl SharedLogin {
    /// All sessions of this user from this address, its own included.
    pub(super) fn sessions(&self) -> Vec<Resumable> {
        lock(&self.0.logins.sessions).get(&self.0.key).cloned().unwrap_or_default()
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut sessions = lock(&self.logins.sessions);
        if let Some(of_key) = sessions.get_mut(&self.key) {
            of_key.retain(|session| session.id != self.id);
            if of_key.is_empty() {
                sessions.remove(&self.key);
            }
        }
    }
}
