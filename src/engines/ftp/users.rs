//! Who may log in, and whether they may write.

use std::collections::HashMap;
use std::fmt;

use super::passwords::{self, Checker};

/// What an unknown name's password is compared with, so that it takes as long as a known one's: a
/// hash as we make them, of nothing in particular.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$DECOYSALTDECOYSALTDECA\
    $DECOYHASHDECOYHASHDECOYHASHDECOYHASHDECOYHA";

/// The accounts of a server.
#[derive(Debug)]
pub struct Users {
    accounts: HashMap<String, Account>,
    anonymous: Option<Rights>,
    checker: Checker,
}

#[derive(Clone, Debug)]
struct Account {
    hash: String,
    rights: Rights,
}

/// What someone who is logged in may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Look, but change nothing.
    Read,
    /// Change files too.
    Write,
}

/// What is wrong with a users file, or a password that cannot be hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// The line for a users file that goes with `password`, without the name.
///
/// # Errors
/// When the system has no randomness for the salt.
pub fn hash_password(password: &str) -> Result<String, Error> {
    passwords::hash(password).map_err(|err| Error(err.to_string()))
}

impl Users {
    /// Nobody but, with `anonymous`, anyone; `n_hashing` passwords are checked at once.
    #[must_use]
    pub fn new(anonymous: Option<Rights>, n_hashing: usize) -> Self {
        let checker = Checker::new(n_hashing.max(1));
        Users { accounts: HashMap::new(), anonymous, checker }
    }

    /// Adds an account.
    ///
    /// # Errors
    /// When `hash` is not one of Argon2's, or the name is taken or unfit.
    pub fn add(&mut self, name: &str, hash: &str, rights: Rights) -> Result<(), Error> {
        if !passwords::is_hash(hash) {
            return Err(Error(format!("{name}: not a hash that ftpd --hash-password makes")));
        }
        if name.is_empty() || is_anonymous(name) {
            return Err(Error(format!("{name:?} cannot be a user's name")));
        }
        let account = Account { hash: hash.to_owned(), rights };
        match self.accounts.insert(name.to_owned(), account) {
            None => Ok(()),
            Some(_) => Err(Error(format!("{name} is there twice"))),
        }
    }

    /// Adds the accounts of a file of lines `NAME:HASH[:ro|rw]`; `#` starts a comment. Nobody gets
    /// more than `most`.
    ///
    /// # Errors
    /// Names the first line that is none.
    pub fn add_lines(&mut self, text: &str, most: Rights) -> Result<(), Error> {
        for (nth, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = |err: Error| Error(format!("line {nth}: {err}"));
            let (name, hash, rights) = account(line).map_err(at)?;
            let rights = if most == Rights::Read { most } else { rights };
            self.add(name, hash, rights).map_err(at)?;
        }
        Ok(())
    }

    /// What `name` may do, if that is the password. Anonymous needs none.
    pub(super) fn check(&self, name: &str, password: &[u8]) -> Option<Rights> {
        if is_anonymous(name) && self.anonymous.is_some() {
            return self.anonymous;
        }
        let account = self.accounts.get(name);
        let hash = account.map_or(DECOY, |account| &account.hash);
        let is_right = self.checker.is_right(password, hash);
        account.filter(|_| is_right).map(|account| account.rights)
    }

    pub(super) fn lets_in_without_password(&self, name: &str) -> bool {
        is_anonymous(name) && self.anonymous.is_some()
    }
}

fn is_anonymous(name: &str) -> bool {
    name.eq_ignore_ascii_case("anonymous") || name.eq_ignore_ascii_case("ftp")
}

fn account(line: &str) -> Result<(&str, &str, Rights), Error> {
    let mut fields = line.split(':');
    let (Some(name), Some(hash), rights, None) =
        (fields.next(), fields.next(), fields.next(), fields.next())
    else {
        return Err(Error("it goes NAME:HASH or NAME:HASH:ro".to_owned()));
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
        users.add_lines(&format!("# who\n\nann:{hash}\nbob:{hash}:ro\n"), Rights::Write).unwrap();
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
        check("ann", "it goes NAME:HASH or NAME:HASH:ro");
        check("ann:secret", "ann: not a hash that ftpd --hash-password makes");
        check(&format!("ann:{hash}:x"), "\"x\" is neither ro nor rw");
        check(&format!("ftp:{hash}"), "\"ftp\" cannot be a user's name");
    }

    #[test]
    fn the_decoy_costs_what_a_hash_of_ours_does() {
        let cost = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
        assert!(passwords::is_hash(DECOY));
        assert_eq!(cost(DECOY), cost(&hash_password("").unwrap()));
        assert_eq!(DECOY.len(), hash_password("").unwrap().len());
    }

    #[test]
    fn anonymous_needs_no_password() {
        let users = Users::new(Some(Rights::Read), 1);
        assert_eq!(users.check("Anonymous", b"me@"), Some(Rights::Read));
        assert!(users.lets_in_without_password("ftp"));
    }
}
