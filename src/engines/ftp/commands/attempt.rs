//! Recording commands in the audit log.

use super::arg::{Arg, split_word};
use super::verbs::{Audit, Verb};
use crate::engines::ftp::audit::{AuditLog, Client, Event};
use crate::engines::ftp::outcome::{Next, Outcome};
use crate::engines::ftp::reply::ReplyError;
use crate::engines::ftp::session::Session;

/// A command that is about to be executed, and recorded after that.
pub(super) struct Attempt<'e> {
    log: &'e AuditLog,
    audit: Audit,
    command: &'static str,
    client: Client,
    path: Option<Vec<u8>>,
    to: Option<String>,
}

impl<'e> Attempt<'e> {
    /// `None` for commands that are not recorded, and without an audit log.
    pub(super) fn new(session: &Session<'_, 'e>, verb: &Verb, arg: &Arg) -> Option<Self> {
        let log = session.server.options.audit.as_deref()?;
        let audit = verb.audit?;
        let resolve = |name: &[u8]| session.path(name).ok();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (path, to) = match audit {
            Audit::Login => (None, None),
            Audit::Path | Audit::Transfer => (resolve(arg.bytes()), None),
            Audit::Rename => {
                let to = resolve(arg.bytes()).map(|to| [&*session.state.root_path, &to].concat());
                (session.state.rename_from.clone(), to.as_deref().map(text))
            }
            Audit::Value => split_value(arg.bytes(), resolve, text),
            Audit::Chmod => {
                let (_, arg) = split_word(arg.bytes());
                split_value(arg, resolve, text)
            }
        };
        if audit == Audit::Chmod && !is_chmod(arg.bytes()) {
            return None;
        }
        Some(Attempt { log, audit, command: verb.name, client: session.client(), path, to })
    }

    /// Records the outcome, except that of a transfer that has begun: it is recorded at its end.
    pub(super) fn record(mut self, session: &Session<'_, '_>, outcome: &Outcome) {
        let refusal = match outcome {
            Ok(Next::Transfer) => return,
            Ok(Next::Reply(_) | Next::StartTls(_)) => None,
            Ok(Next::Close(reply)) | Err(ReplyError(reply)) => Some(reply.last_line()),
        };
        if self.audit == Audit::Login && refusal.is_none() {
            self.client = session.client(); // with the root directory
        }
        let command = match self.audit {
            Audit::Login => "LOGIN",
            Audit::Chmod => "CHMOD",
            _ => self.command,
        };
        let path = self.path.as_deref();
        let ok = refusal.is_none();
        let event = Event { command, path, to: self.to, ok, reply: refusal, ..Event::default() };
        self.log.write(&self.client, &event);
    }
}

fn is_chmod(arg: &[u8]) -> bool {
    split_word(arg).0.eq_ignore_ascii_case(b"CHMOD")
}

/// The path and the value of an argument such as `644 name`.
fn split_value(
    arg: &[u8],
    resolve: impl Fn(&[u8]) -> Option<Vec<u8>>,
    text: impl Fn(&[u8]) -> String,
) -> (Option<Vec<u8>>, Option<String>) {
    let (value, name) = split_word(arg);
    (resolve(name), Some(text(value)))
}
