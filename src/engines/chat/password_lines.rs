//! Takes the lines of `/oper` out of what a client sends, before anyone else sees them.
//!
//! The line after `/oper NAME` is a password. It is never passed on, whatever becomes of it: not if
//! the connection is not safe, and not if there are no operators at all.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::commands::first_word;
use super::operators::Operators;

/// How long a wrong password delays its sender.
pub(super) const WRONG_PASSWORD_DELAY: Duration = Duration::from_secs(1);
/// Wrong passwords after which a client is disconnected.
const TRIES_MAX: usize = 3;

/// What an operator's login came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Login {
    /// The next line is taken for a password.
    Asked,
    /// The next line is discarded: the connection can be listened to.
    Unsafe,
    /// The client did not give a password after all.
    Cancelled,
    /// The password was that of this operator.
    Granted(String),
    /// It was not; `true` if it was the last try.
    Refused(String, bool),
}

/// A part of what a client sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Lines for others.
    Lines(Vec<u8>),
    Login(Login),
}

/// What the next line is.
#[derive(Default)]
enum Expected {
    /// A line for others.
    #[default]
    Text,
    /// The password of this operator.
    Password(String),
    /// A password that is discarded.
    Discarded,
}

/// Finds passwords in the lines of one client.
pub(super) struct PasswordLines<'a> {
    operators: Option<&'a Operators>,
    /// Whether nobody else can read the connection: TLS, or within this machine.
    is_safe: bool,
    expected: Expected,
    n_refused: usize,
}

impl<'a> PasswordLines<'a> {
    pub(super) fn new(operators: Option<&'a Operators>, is_safe: bool) -> Self {
        PasswordLines { operators, is_safe, expected: Expected::Text, n_refused: 0 }
    }

    /// Whether `text` has no line of a login in it, which is so for nearly all.
    pub(super) fn is_plain(&self, text: &[u8]) -> bool {
        matches!(self.expected, Expected::Text) && memchr::memmem::find(text, b"/oper").is_none()
    }

    /// Calls `each` with the parts of `text`, which is whole lines, in their order. Verifying a
    /// password takes a moment.
    pub(super) fn split(&mut self, text: &[u8], mut each: impl FnMut(Part)) {
        let mut lines = Vec::new();
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            let Some(login) = self.login(line) else {
                lines.extend_from_slice(line);
                continue;
            };
            if !lines.is_empty() {
                each(Part::Lines(std::mem::take(&mut lines)));
            }
            each(Part::Login(login));
        }
        if !lines.is_empty() {
            each(Part::Lines(lines));
        }
    }

    /// What a line means for a login; `None` if it is for others.
    fn login(&mut self, line: &[u8]) -> Option<Login> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        match std::mem::take(&mut self.expected) {
            Expected::Text => {}
            Expected::Password(name) => return Some(self.check(name, line)),
            Expected::Discarded => return Some(Login::Cancelled),
        }
        let (word, rest) = first_word(str::from_utf8(line).ok()?.strip_prefix('/')?);
        if word != "oper" {
            return None;
        }
        if !self.is_safe {
            self.expected = Expected::Discarded;
            return Some(Login::Unsafe);
        }
        self.expected = Expected::Password(first_word(rest).0.to_owned());
        Some(Login::Asked)
    }

    fn check(&mut self, name: String, password: &[u8]) -> Login {
        if password.is_empty() {
            return Login::Cancelled;
        }
        if self.operators.is_some_and(|operators| operators.check(&name, password)) {
            return Login::Granted(name);
        }
        self.n_refused += 1;
        Login::Refused(name, self.n_refused >= TRIES_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::passwords::hash;

    fn parts(lines: &mut PasswordLines<'_>, text: &str) -> Vec<Part> {
        let mut parts = Vec::new();
        lines.split(text.as_bytes(), |part| parts.push(part));
        parts
    }

    #[test]
    fn a_password_is_taken_out_wherever_it_stands() {
        let operators = Operators::parse(&format!("ann:{}", hash("secret").unwrap())).unwrap();
        let mut lines = PasswordLines::new(Some(&operators), true);
        let said = |text: &str| Part::Lines(text.as_bytes().to_vec());
        let granted = Part::Login(Login::Granted("ann".to_owned()));
        assert!(lines.is_plain(b"a\nb\n") && !lines.is_plain(b"a\n/oper ann\n"));
        let asked = || Part::Login(Login::Asked);
        let expected = [said("a\n"), asked(), granted, said("b\n//oper x\n /oper y\n")];
        assert_eq!(parts(&mut lines, "a\n/oper ann\nsecret\nb\n//oper x\n /oper y\n"), expected);
        assert_eq!(parts(&mut lines, "/oper ann\n"), [asked()]);
        assert!(!lines.is_plain(b"wrong\n"));
        let refused = |is_last| Part::Login(Login::Refused("ann".to_owned(), is_last));
        assert_eq!(parts(&mut lines, "wrong\nb\n"), [refused(false), said("b\n")]);
        assert_eq!(parts(&mut lines, "/oper ann\n\n"), [asked(), Part::Login(Login::Cancelled)]);
        assert_eq!(parts(&mut lines, "/oper ann\nx\n"), [asked(), refused(false)]);
        assert_eq!(parts(&mut lines, "/oper ann\nx\n"), [asked(), refused(true)]);
    }

    #[test]
    fn without_operators_or_safety_the_password_goes_nowhere_either() {
        let mut lines = PasswordLines::new(None, true);
        let parts_of = parts(&mut lines, "/oper\tann x\nsecret\n");
        let refused = Part::Login(Login::Refused("ann".to_owned(), false));
        assert_eq!(parts_of, [Part::Login(Login::Asked), refused]);
        let mut lines = PasswordLines::new(None, false);
        let expected = [Part::Login(Login::Unsafe), Part::Login(Login::Cancelled)];
        assert_eq!(parts(&mut lines, "/oper ann\nsecret\n"), expected);
    }
}
