//! The state of one session, and what several of its commands need.

use std::borrow::Cow;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use super::audit::Client;
use super::control::Control;
use super::data::{Endpoint, Opener};
use super::facts::Facts;
use super::job::Job;
use super::logins::OwnLogin;
use super::names;
use super::reply::ReplyError;
use super::server::Server;
use super::ticket_time::TicketTime;
use super::tls::Tls;
use super::users::Rights;
use super::work::Work;
use crate::fs::jail::Jail;
use crate::threads::ThreadPool;

/// A session, as the handlers of commands see it.
pub(super) struct Session<'s, 'e> {
    pub(super) server: &'e Server<'e>,
    pub(super) pool: Arc<ThreadPool<'s, 'e>>,
    pub(super) control: Arc<Control>,
    pub(super) state: State,
    /// The control connection's TLS session among those of all.
    pub(super) login: Option<OwnLogin>,
    /// When the tickets of uploads are sent, with TLS.
    pub(super) ticket_time: Option<Arc<TicketTime>>,
    /// A transfer that is about to begin.
    pub(super) job: Option<(Job<'e>, Opener, Work)>,
    pub(super) n_failed_logins: usize,
}

/// The part of a session that REIN and AUTH reset.
#[allow(clippy::struct_excessive_bools, reason = "each is set by a command of its own")]
pub(super) struct State {
    /// The name given with USER.
    pub(super) user: Option<String>,
    /// Set once the user has logged in.
    pub(super) rights: Option<Rights>,
    /// The user's root directory; `None` for the server's.
    pub(super) root: Option<Jail>,
    /// The path of `root` from the server's root, without a slash at its end.
    pub(super) root_path: Vec<u8>,
    /// The working directory: an absolute path.
    pub(super) cwd: Vec<u8>,
    pub(super) is_ascii: bool,
    /// The restart offset in bytes, if REST was sent.
    pub(super) restart: Option<u64>,
    /// The path given with RNFR.
    pub(super) rename_from: Option<Vec<u8>>,
    /// Where the next data connection is opened (PASV, EPSV, PORT or EPRT).
    pub(super) endpoint: Option<Endpoint>,
    /// Whether EPSV ALL was sent.
    pub(super) is_epsv_only: bool,
    /// The facts that MLSD and MLST send.
    pub(super) facts: Facts,
    /// Whether TLS was begun with `AUTH SSL`.
    pub(super) has_asked_for_ssl: bool,
    pub(super) has_pbsz: bool,
    /// Whether data connections use TLS (PROT P).
    pub(super) is_private: bool,
}

impl Default for State {
    fn default() -> Self {
        State {
            user: None,
            rights: None,
            root: None,
            root_path: Vec::new(),
            cwd: b"/".to_vec(),
            is_ascii: true, // the default of RFC 959, 3.1.1.1
            restart: None,
            rename_from: None,
            endpoint: None,
            is_epsv_only: false,
            facts: Facts::ALL,
            has_asked_for_ssl: false,
            has_pbsz: false,
            is_private: false,
        }
    }
}

impl State {
    /// With implicit TLS, data connections are protected unless the client asks for the contrary
    /// (draft-murray-auth-ftp-ssl; proftpd does the same).
    fn initial(is_implicit: bool) -> Self {
        State { has_pbsz: is_implicit, is_private: is_implicit, ..State::default() }
    }
}

impl<'s, 'e> Session<'s, 'e> {
    /// A session in which nobody has logged in.
    pub(super) fn new(
        server: &'e Server<'e>,
        pool: Arc<ThreadPool<'s, 'e>>,
        control: Arc<Control>,
    ) -> Self {
        let state = State::initial(control.is_implicit);
        Session {
            server,
            pool,
            control,
            state,
            login: None,
            ticket_time: None,
            job: None,
            n_failed_logins: 0,
        }
    }

    /// Forgets the login and all settings but TLS.
    pub(super) fn reset(&mut self) {
        self.state = State::initial(self.control.is_implicit);
        self.control.set_utf8(false);
        self.set_login(None);
    }

    /// Records the user, for data connections that resume the TLS session of another login.
    pub(super) fn set_login(&self, user: Option<&str>) {
        if let Some(login) = &self.login {
            login.set_user(user);
        }
    }

    /// Starts TLS on the control connection.
    ///
    /// # Errors
    /// When the system provides no random session id, or the client has disconnected.
    pub(super) fn start_tls(&mut self, tls: &Tls) -> io::Result<()> {
        let session = self.control.start_tls(tls).map_err(io::Error::other)?;
        let ip = self.control.peer_ip();
        self.login = Some(self.server.logins.add(ip, session));
        let is_early = self.control.is_implicit || self.state.has_asked_for_ssl;
        let ticket_time = TicketTime::new(&self.server.ticket_habits, ip, is_early);
        self.ticket_time = Some(Arc::new(ticket_time));
        Ok(())
    }

    /// The rights of the user.
    ///
    /// # Errors
    /// 530 before the login.
    pub(super) fn rights(&self) -> Result<Rights, ReplyError> {
        let needs_login = || ReplyError::new(530, "Please log in with USER and PASS.");
        self.state.rights.ok_or_else(needs_login)
    }

    /// The client, for the audit log.
    pub(super) fn client(&self) -> Client {
        let user = self.state.user.clone();
        Client {
            session: self.control.id,
            address: self.control.peer_ip(),
            is_anonymous: user
                .as_deref()
                .is_some_and(|name| self.server.users.accepts_any_password(name)),
            is_secure: self.control.is_secure(),
            root: self.state.root_path.clone(),
            user,
        }
    }

    /// The files that the user can reach.
    pub(super) fn jail(&self) -> &Jail {
        self.state.root.as_ref().unwrap_or(self.server.jail)
    }

    /// # Errors
    /// 550 for users who may not list and read files.
    pub(super) fn check_may_read(&self) -> Result<(), ReplyError> {
        self.check_rights(&[Rights::Read, Rights::Write])
    }

    /// # Errors
    /// 550 for users who may not change files.
    pub(super) fn check_may_write(&self) -> Result<(), ReplyError> {
        self.check_rights(&[Rights::Write])
    }

    /// # Errors
    /// 550 for users who may not create files.
    pub(super) fn check_may_create(&self) -> Result<(), ReplyError> {
        self.check_rights(&[Rights::Write, Rights::Drop])
    }

    fn check_rights(&self, sufficient: &[Rights]) -> Result<(), ReplyError> {
        if sufficient.contains(&self.rights()?) {
            return Ok(());
        }
        Err(ReplyError::new(550, "Permission denied."))
    }

    /// Whether the server refuses logins and transfers without TLS.
    pub(super) fn requires_tls(&self) -> bool {
        self.server.options.tls.as_ref().is_some_and(|tls| tls.is_required)
    }

    /// The client's address, and the server's address that it is connected to.
    ///
    /// # Errors
    /// 425 when the client has disconnected.
    pub(super) fn ips(&self) -> Result<(IpAddr, IpAddr), ReplyError> {
        self.control.ips().map_err(|err| ReplyError::no_connection(&err))
    }

    /// The absolute path that `arg` stands for.
    ///
    /// # Errors
    /// 501 when `arg` is empty, 553 when the path is too long, 550 when it is hidden.
    pub(super) fn path(&self, arg: &[u8]) -> Result<Vec<u8>, ReplyError> {
        if arg.is_empty() {
            return Err(ReplyError::new(501, "Missing file name."));
        }
        self.path_or_cwd(arg)
    }

    /// The absolute path that `arg` stands for; the working directory if it is empty.
    ///
    /// # Errors
    /// 553 when the path is too long, 550 when it is hidden, 501 when it is not in the client's encoding.
    pub(super) fn path_or_cwd(&self, arg: &[u8]) -> Result<Vec<u8>, ReplyError> {
        self.resolve(&self.decode(arg)?)
    }

    /// A name in the encoding of the client, as it is on disk.
    ///
    /// # Errors
    /// 501 when it is not in that encoding.
    pub(super) fn decode<'n>(&self, name: &'n [u8]) -> Result<Cow<'n, [u8]>, ReplyError> {
        let charset = self.control.charset();
        let refusal = || ReplyError::new(501, format!("Name is not in {}.", charset.name()));
        charset.decode(name).ok_or_else(refusal)
    }

    /// As [`path_or_cwd`](Self::path_or_cwd), of a name as it is on disk.
    pub(super) fn resolve(&self, name: &[u8]) -> Result<Vec<u8>, ReplyError> {
        let too_long = || ReplyError::new(553, "Path too long.");
        let path = names::resolve(&self.state.cwd, name).ok_or_else(too_long)?;
        if self.server.options.hides_dot_files && names::is_hidden(&path) {
            return Err(ReplyError::new(550, "No such file or directory."));
        }
        Ok(path)
    }

    /// The absolute path of a file or directory that may be created.
    ///
    /// # Errors
    /// Those of [`path`](Self::path), and 553 when the name could not be listed unchanged.
    pub(super) fn new_path(&self, arg: &[u8]) -> Result<Vec<u8>, ReplyError> {
        let path = self.path(arg)?;
        if !names::is_printable(names::file_name(&path)) {
            return Err(ReplyError::new(553, "Control characters in file name."));
        }
        Ok(path)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::TcpStream;
    use std::{fs, thread};

    use super::*;
    use crate::engines::ftp::control::tests::pair;
    use crate::engines::ftp::options::Options;
    use crate::engines::ftp::users::Users;
    use crate::fs::jail::Jail;

    /// Calls `act` with a client and its session, on a server of a directory with a file and a
    /// directory, where anonymous users may write.
    pub(in crate::engines::ftp) fn with_session(
        options: &Options,
        act: impl FnOnce(TcpStream, Session<'_, '_>),
    ) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("dir")).unwrap();
        fs::write(root.path().join("file"), "contents").unwrap();
        let jail = Jail::new(root.path()).unwrap();
        let users = Users::new(Some(Rights::Write), 1);
        let (server, _done_tx) = Server::new(&jail, &users, options);
        let (client, control) = pair();
        thread::scope(|scope| {
            let pool = Arc::new(ThreadPool::new(scope));
            act(client, Session::new(&server, pool, control));
        });
    }

    #[test]
    fn paths_start_at_the_working_directory() {
        with_session(&Options::default(), |client, mut session| {
            session.state.cwd = b"/dir".to_vec();
            assert_eq!(session.path(b"name"), Ok(b"/dir/name".to_vec()));
            assert_eq!(session.path(b"/name"), Ok(b"/name".to_vec()));
            assert_eq!(session.path_or_cwd(b""), Ok(b"/dir".to_vec()));
            let reply = |error: ReplyError| error.0.last_line();
            assert_eq!(session.path(b"").map_err(reply), Err("501 Missing file name.".to_owned()));
            let long = session.path(&[b'x'; 5000]).map_err(reply);
            assert_eq!(long, Err("553 Path too long.".to_owned()));
            let forged = session.new_path(b"a\nb").map_err(reply);
            assert_eq!(forged, Err("553 Control characters in file name.".to_owned()));
            drop(client);
        });
    }

    #[test]
    fn rights_come_with_the_login() {
        with_session(&Options::default(), |client, mut session| {
            let reply = |error: ReplyError| error.0.last_line();
            let refused = session.check_may_write().map_err(reply);
            assert_eq!(refused, Err("530 Please log in with USER and PASS.".to_owned()));
            session.state.rights = Some(Rights::Read);
            let refused = session.check_may_write().map_err(reply);
            assert_eq!(refused, Err("550 Permission denied.".to_owned()));
            assert_eq!(session.check_may_read(), Ok(()));
            session.state.rights = Some(Rights::Drop);
            for refused in [session.check_may_read(), session.check_may_write()] {
                assert_eq!(refused.map_err(reply), Err("550 Permission denied.".to_owned()));
            }
            assert_eq!(session.check_may_create(), Ok(()));
            session.state.rights = Some(Rights::Write);
            assert_eq!(session.check_may_write(), Ok(()));
            assert!(!session.requires_tls());
            drop(client);
        });
    }
}
