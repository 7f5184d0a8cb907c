//! The accounts of a server: names, password hashes, and the right to write.

use std::collections::HashMap;
use std::fmt;

use crate::net::passwords::{self, DUMMY_HASH, Verifier};

/// The accounts of a server.
#[derive(Debug)]
pub struct Users {
    accounts: HashMap<String, Account>,
    anonymous: Option<Rights>,
    verifier: Verifier,
}

#[derive(Clone, Debug)]
struct Account {
    hash: String,
    rights: Rights,
}

/// The permissions of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// List and download.
    Read,
    /// List, download, upload, rename and delete.
    Write,
}

/// An invalid line of a users file, or a password that could not be hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Hashes `password` with Argon2id, as users files need it (PHC string format).
///
/// # Errors
/// When the system provides no random salt.
pub fn hash_password(password: &str) -> Result<String, Error> {
    passwords::hash(password).map_err(|err| Error(err.to_string()))
}

impl Users {
    /// An empty list of accounts. `anonymous` are the rights of anonymous users, `None` to refuse
    /// them; at most `verifications_max` passwords are verified at the same time, 19 MiB each.
    #[must_use]
    pub fn new(anonymous: Option<Rights>, verifications_max: usize) -> Self {
        let verifier = Verifier::new(verifications_max.max(1));
        Users { accounts: HashMap::new(), anonymous, verifier }
    }

    /// Adds an account.
    ///
    /// # Errors
    /// When `hash` is not an Argon2 hash, or the name is empty, reserved or already taken.
    pub fn add(&mut self, name: &str, hash: &str, rights: Rights) -> Result<(), Error> {
        if !passwords::is_hash(hash) {
            return Err(Error(format!("{name}: not a hash made by ftpd --hash-password")));
        }
        if name.is_empty() || is_anonymous(name) {
            return Err(Error(format!("{name:?} is not allowed as a user name")));
        }
        let account = Account { hash: hash.to_owned(), rights };
        match self.accounts.insert(name.to_owned(), account) {
            None => Ok(()),
            Some(_) => Err(Error(format!("duplicate user {name}"))),
        }
    }

    /// Adds the accounts of a users file: lines `NAME:HASH[:ro|rw]`, where `#` starts a comment. No
    /// account gets more rights than `rights_max`.
    ///
    /// # Errors
    /// Names the first invalid line; the accounts before it were added.
    pub fn add_lines(&mut self, text: &str, rights_max: Rights) -> Result<(), Error> {
        for (nth, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let on_line = |err: Error| Error(format!("line {nth}: {err}"));
            let (name, hash, rights) = parse_account(line).map_err(on_line)?;
            let rights = if rights_max == Rights::Read { Rights::Read } else { rights };
            self.add(name, hash, rights).map_err(on_line)?;
        }
        Ok(())
    }

    /// The rights of `name` if `password` is correct. Anonymous users need none.
    pub(super) fn check(&self, name: &str, password: &[u8]) -> Option<Rights> {
        if is_anonymous(name) && self.anonymous.is_some() {
            return self.anonymous;
        }
        let account = self.accounts.get(name);
        let hash = account.map_or(DUMMY_HASH, |account| &account.hash);
        let is_correct = self.verifier.verify(password, hash);
        account.filter(|_| is_correct).map(|account| account.rights)
    }

    /// Whether `name` logs in with any password: anonymous, where that is enabled.
    pub(super) fn accepts_any_password(&self, name: &str) -> bool {
        is_anonymous(name) && self.anonymous.is_some()
    }
}

fn is_anonymous(name: &str) -> bool {
    name.eq_ignore_ascii_case("anonymous") || name.eq_ignore_ascii_case("ftp")
}

fn parse_account(line: &str) -> Result<(&str, &str, Rights), Error> {
    let mut fields = line.split(':');
    let (Some(name), Some(hash), rights, None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Error("expected NAME:HASH or NAME:HASH:ro".to_owned()));
    };
    match rights {
        None | Some("rw") => Ok((name, hash, Rights::Write)),
        Some("ro") => Ok((name, hash, Rights::Read)),
        Some(other) => Err(Error(format!("{other:?} is neither ro nor rw"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_users() {
        let hash = hash_password("secret").unwrap();
        let mut users = Users::new(None, 1);
        users
            .add_lines(&format!("# a comment\n\nann:{hash}\nbob:{hash}:ro\n"), Rights::Write)
            .unwrap();
        assert_eq!(users.check("ann", b"secret"), Some(Rights::Write));
        assert_eq!(users.check("bob", b"secret"), Some(Rights::Read));
        assert_eq!(users.check("ann", b"wrong"), None);
        assert_eq!(users.check("eve", b""), None);
        assert_eq!(users.check("anonymous", b""), None);
    }

    #[test]
    fn a_bad_line_is_named() {
        let hash = hash_password("").unwrap();
        let check = |line: &str, expected: &str| {
            let mut users = Users::new(None, 1);
            let err = users.add_lines(&format!("\n{line}"), Rights::Write).unwrap_err();
            assert_eq!(err.to_string(), format!("line 2: {expected}"));
        };
        check("ann", "expected NAME:HASH or NAME:HASH:ro");
        check("ann:secret", "ann: not a hash made by ftpd --hash-password");
        check(&format!("ann:{hash}:x"), "\"x\" is neither ro nor rw");
        check(&format!("ftp:{hash}"), "\"ftp\" is not allowed as a user name");
    }

    #[test]
    fn anonymous_needs_no_password() {
        let users = Users::new(Some(Rights::Read), 1);
        assert_eq!(users.check("Anonymous", b"me@"), Some(Rights::Read));
        assert!(users.accepts_any_password("ftp"));
    }
}
