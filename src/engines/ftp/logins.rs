//! The TLS sessions of all logins. A data connection may resume any of its own user's from the same
//! address: clients with several logins share their tickets between these (rclone 1.60).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};
use rustls::ProtocolVersion;
use rustls::server::{ServerSessionMemoryCache, StoresServerSessions};

use crate::threads::{Condvar, lock, wait};

/// A random number that identifies a session in its tickets.
pub(super) type SessionId = [u8; 16];
/// How long a data connection waits for the login whose session it resumes.
const LOGIN_TIMEOUT: Duration = Duration::from_secs(5);

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

/// The TLS sessions of all control connections, with the users that have logged in.
#[derive(Debug, Default)]
pub(super) struct Logins {
    sessions: Mutex<HashMap<SessionId, Login>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Login {
    session: Resumable,
    ip: IpAddr,
    /// `None` before the login.
    user: Option<String>,
}

impl Logins {
    /// Adds the session of a client at `ip`, until the returned value and its clones are dropped.
    pub(super) fn add(self: &Arc<Self>, ip: IpAddr, session: Resumable) -> OwnLogin {
        let id = session.id;
        lock(&self.sessions).insert(id, Login { session, ip, user: None });
        OwnLogin(Arc::new(Entry { logins: Arc::clone(self), id }))
    }
}

/// The session of a control connection among all.
#[derive(Clone, Debug)]
pub(super) struct OwnLogin(Arc<Entry>);

#[derive(Debug)]
struct Entry {
    logins: Arc<Logins>,
    id: SessionId,
}

impl OwnLogin {
    /// Records the user of this session; `None` after a logout.
    pub(super) fn set_user(&self, user: Option<&str>) {
        if let Some(login) = lock(&self.0.logins.sessions).get_mut(&self.0.id) {
            login.user = user.map(str::to_owned);
        }
        self.0.logins.changed.notify_all();
    }

    /// What `pick` finds in another session of the same user from the same address. If that session's
    /// client has not logged in yet, it is waited for: a client with several logins may present the
    /// ticket of a connection that is just being opened.
    pub(super) fn find_other<T>(&self, pick: impl Fn(&Resumable) -> Option<T>) -> Option<T> {
        let logins = &self.0.logins;
        let deadline = Instant::now() + LOGIN_TIMEOUT;
        let mut sessions = lock(&logins.sessions);
        loop {
            let own = sessions.get(&self.0.id)?;
            let mut others = sessions.values().filter(|other| other.ip == own.ip);
            let (other, picked) = others.find_map(|other| Some((other, pick(&other.session)?)))?;
            if other.user.is_some() {
                return (other.user == own.user).then_some(picked);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            sessions = wait(&logins.changed, sessions, Some(left));
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.logins.sessions).remove(&self.id);
        self.logins.changed.notify_all();
    }
}
