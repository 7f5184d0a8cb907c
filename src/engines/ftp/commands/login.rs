//! USER, PASS, REIN, and what makes the session secure: AUTH, PBSZ, PROT.

use super::command::Command;
use super::reply::Reply;
use super::session::{Answer, Done, Session, State, say};

impl Session<'_, '_> {
    pub(super) fn user(&mut self, command: &Command) -> Answer {
        if let Err(refusal) = self.needs_tls() {
            return Answer::Say(refusal);
        }
        let Ok(name) = str::from_utf8(&command.arg) else {
            return Answer::Say(Reply::new(501, "A user's name is UTF-8."));
        };
        if name.is_empty() {
            return Answer::Say(Reply::new(501, "USER needs a name."));
        }
        self.state.rights = None;
        self.state.user = Some(name.to_owned());
        let anyone = self.server.users.lets_in_without_password(name);
        let text = if anyone { "Any password will do." } else { "And the password?" };
        Answer::Say(Reply::new(331, text))
    }

    pub(super) fn pass(&mut self, command: &Command) -> Answer {
        if let Err(refusal) = self.needs_tls() {
            return Answer::Say(refusal);
        }
        let Some(name) = self.state.user.clone().filter(|_| self.state.rights.is_none()) else {
            return Answer::Say(Reply::new(503, "USER comes first."));
        };
        let peer = self.control.peer();
        if let Some(rights) = self.server.users.check(&name, &command.arg) {
            log::info!("{peer}: {name} has logged in");
            self.state.rights = Some(rights);
            return Answer::Say(Reply::new(230, "Welcome."));
        }
        log::warn!("{peer}: wrong password for {name}");
        self.state.user = None;
        self.wrong_password()
    }

    /// Guessing takes time, and patience.
    fn wrong_password(&mut self) -> Answer {
        self.n_failures += 1;
        _ = self.server.done.recv_timeout(self.server.options.login_delay); // or the server's end
        if self.n_failures >= self.server.options.n_tries {
            return Answer::Bye(Reply::new(421, "Too many wrong passwords. Goodbye."));
        }
        Answer::Say(Reply::new(530, "Wrong name or password."))
    }

    /// TLS stays: to go back to clear text would only help whoever listens.
    pub(super) fn rein(&mut self) -> Reply {
        self.state = State::default();
        Reply::new(220, "As new.")
    }

    fn needs_tls(&self) -> Result<(), Reply> {
        let is_required = self.server.options.tls.as_ref().is_some_and(|tls| tls.is_required);
        if is_required && !self.control.is_secure() {
            return Err(Reply::new(530, "Only with TLS: AUTH TLS first."));
        }
        Ok(())
    }

    pub(super) fn auth(&mut self, command: &Command) -> Answer {
        let is_tls = ["TLS", "TLS-C", "SSL"].iter().any(|m| command.word().eq_ignore_ascii_case(m));
        say(Err(match &self.server.options.tls {
            None => Reply::new(502, "There is no TLS here."),
            Some(_) if !is_tls => Reply::new(504, "Only AUTH TLS."),
            Some(_) if self.control.is_secure() => Reply::new(503, "This is TLS already."),
            Some(_) => {
                self.state = State::default(); // whoever logged in in clear may have been another
                return Answer::Secure(Reply::new(234, "Begin TLS."));
            }
        }))
    }

    pub(super) fn pbsz(&mut self) -> Done {
        if !self.control.is_secure() {
            return Err(Reply::new(503, "AUTH TLS comes first."));
        }
        self.state.has_pbsz = true;
        Ok(Reply::new(200, "PBSZ=0"))
    }

    pub(super) fn prot(&mut self, command: &Command) -> Done {
        if !self.state.has_pbsz {
            return Err(Reply::new(503, "PBSZ 0 comes first."));
        }
        let is_required = self.server.options.tls.as_ref().is_some_and(|tls| tls.is_required);
        match command.word().to_ascii_uppercase().as_str() {
            "P" => {
                self.state.is_private = true;
                Ok(Reply::new(200, "Data connections are TLS."))
            }
            "C" if is_required => Err(Reply::new(534, "Only PROT P here.")),
            "C" => {
                self.state.is_private = false;
                Ok(Reply::new(200, "Data connections are in clear."))
            }
            "S" | "E" => Err(Reply::new(536, "TLS has no such level: PROT P or C.")),
            _ => Err(Reply::new(504, "PROT P or PROT C.")),
        }
    }
}
