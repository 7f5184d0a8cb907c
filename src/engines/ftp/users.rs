//! The accounts of a server: names, password hashes, rights and directories.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::passwords::{self, Verifier};
use crate::fs::jail::Jail;
use crate::threads::lock;

/// A hash that no password matches. Passwords of unknown users are verified against it, so that
/// they take as long as those of known ones.
const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$DECOYSALTDECOYSALTDECA\
    $DECOYHASHDECOYHASHDECOYHASHDECOYHASHDECOYHA";

/// The accounts of a server.
#[derive(Debug)]
pub struct Users {
    accounts: Mutex<Arc<Accounts>>,
    anonymous: Option<Rights>,
    verifier: Verifier,
}

type Accounts = HashMap<String, Account>;

#[derive(Clone, Debug)]
struct Account {
    hash: String,
    access: Access,
}

/// What a user can reach after a login, and do there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// What the user may do.
    pub rights: Rights,
    /// The user's root directory, relative to the server's; `None` for the server's.
    pub dir: Option<PathBuf>,
}

impl From<Rights> for Access {
    /// Access to all files of the server.
    fn from(rights: Rights) -> Self {
        Access { rights, dir: None }
    }
}

/// The permissions of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// List and download.
    Read,
    /// List, download, upload, rename and delete.
    Write,
    /// Upload new files and create directories, but neither list nor read nor replace anything.
    Drop,
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
        Users { accounts: Mutex::default(), anonymous, verifier }
    }

    /// Adds an account.
    ///
    /// # Errors
    /// When `hash` is none of Argon2, bcrypt, SHA-256, SHA-512 or yescrypt, or the name is empty,
    /// reserved or already taken.
    pub fn add(&mut self, name: &str, hash: &str, access: Access) -> Result<(), Error> {
        if !passwords::is_hash(hash) {
            return Err(Error(format!(
                "{name}: not a hash of ftpd --hash-password, bcrypt, SHA-256, SHA-512 or yescrypt"
            )));
        }
        if name.is_empty() || is_anonymous(name) || name.contains(char::is_control) {
            return Err(Error(format!("{name:?} is not allowed as a user name")));
        }
        let account = Account { hash: hash.to_owned(), access };
        match Arc::make_mut(&mut lock(&self.accounts)).insert(name.to_owned(), account) {
            None => Ok(()),
            Some(_) => Err(Error(format!("duplicate user {name}"))),
        }
    }

    /// Adds the accounts of a users file: lines `NAME:HASH[:ro|rw|drop][:DIR]`, where `#` starts a
    /// comment and DIR, which begins with a slash, is a directory beneath the server's root. With
    /// `rights_max` [`Rights::Read`], `rw` gives the right to read.
    ///
    /// # Errors
    /// Names the first invalid line; the accounts before it were added.
    pub fn add_lines(&mut self, text: &str, rights_max: Rights) -> Result<(), Error> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (nth, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let on_line = |err: Error| Error(format!("line {nth}: {err}"));
            let (name, hash, mut access) = parse_account(line).map_err(on_line)?;
            access.rights = match (access.rights, rights_max) {
                (Rights::Write, Rights::Read) => Rights::Read,
                (Rights::Drop, Rights::Read) => {
                    return Err(on_line(Error("drop needs a writable server".to_owned())));
                }
                (rights, _) => rights,
            };
            self.add(name, hash, access).map_err(on_line)?;
        }
        Ok(())
    }

    /// Checks that the directory of every account can be opened beneath `jail`.
    ///
    /// # Errors
    /// Names the first user, by name, whose directory cannot.
    pub fn check_dirs(&self, jail: &Jail) -> Result<(), Error> {
        let accounts = self.accounts();
        let mut dirs: Vec<(&String, &Path)> = accounts
            .iter()
            .filter_map(|(name, account)| Some((name, account.access.dir.as_deref()?)))
            .collect();
        dirs.sort_unstable();
        for (name, dir) in dirs {
            let error = |err| Error(format!("{name}: /{}: {err}", dir.display()));
            jail.beneath(dir).map_err(error)?;
        }
        Ok(())
    }

    /// Takes the accounts of `other` for all later logins. Users that are logged in stay so.
    pub fn replace(&self, other: &Users) {
        *lock(&self.accounts) = other.accounts();
    }

    fn accounts(&self) -> Arc<Accounts> {
        Arc::clone(&lock(&self.accounts))
    }

    /// The access of `name` if `password` is correct. Anonymous users need none.
    pub(super) fn check(&self, name: &str, password: &[u8]) -> Option<Access> {
        if let Some(rights) = self.anonymous.filter(|_| is_anonymous(name)) {
            return Some(rights.into());
        }
        let accounts = self.accounts();
        let account = accounts.get(name);
        let hash = account.map_or_else(|| decoy(&accounts, name), |account| &account.hash);
        let is_correct = self.verifier.verify(password, hash);
        account.filter(|_| is_correct).map(|account| account.access.clone())
    }

    /// Whether `name` logs in with any password: anonymous, where that is enabled.
    pub(super) fn accepts_any_password(&self, name: &str) -> bool {
        is_anonymous(name) && self.anonymous.is_some()
    }
}

/// A hash to verify the password of an unknown user with, always the same for the same name, so that
/// the time to do so is that of some account.
fn decoy<'a>(accounts: &'a Accounts, name: &str) -> &'a str {
    let nth = accounts.hasher().hash_one(name) as usize % accounts.len().max(1);
    accounts.values().nth(nth).map_or(DUMMY_HASH, |account| &account.hash)
}

fn is_anonymous(name: &str) -> bool {
    name.eq_ignore_ascii_case("anonymous") || name.eq_ignore_ascii_case("ftp")
}

fn parse_account(line: &str) -> Result<(&str, &str, Access), Error> {
    let fields: Vec<&str> = line.splitn(4, ':').collect();
    let (name, hash, rights, dir) = match *fields.as_slice() {
        [name, hash] => (name, hash, "", ""),
        [name, hash, dir] if dir.starts_with('/') => (name, hash, "", dir),
        [name, hash, rights] => (name, hash, rights, ""),
        [name, hash, rights, dir] => (name, hash, rights, dir),
        _ => return Err(Error("expected NAME:HASH[:ro|rw|drop][:DIR]".to_owned())),
    };
    let rights = match rights {
        "" | "rw" => Rights::Write,
        "ro" => Rights::Read,
        "drop" => Rights::Drop,
        other => return Err(Error(format!("{other:?} is neither ro, rw, drop nor a DIR (/…)"))),
    };
    if !dir.is_empty() && !dir.starts_with('/') {
        return Err(Error(format!(
            "{dir:?} does not begin with a slash (/ is the served directory)"
        )));
    }
    let dir = Some(dir.trim_matches('/')).filter(|dir| !dir.is_empty()).map(PathBuf::from);
    Ok((name, hash, Access { rights, dir }))
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
        assert_eq!(users.check("ann", b"secret"), Some(Rights::Write.into()));
        assert_eq!(users.check("bob", b"secret"), Some(Rights::Read.into()));
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
        check("ann", "expected NAME:HASH[:ro|rw|drop][:DIR]");
        check(
            "ann:secret",
            "ann: not a hash of ftpd --hash-password, bcrypt, SHA-256, SHA-512 or yescrypt",
        );
        check(&format!("ann:{hash}:x"), "\"x\" is neither ro, rw, drop nor a DIR (/…)");
        check(
            &format!("ann:{hash}:ro:home"),
            "\"home\" does not begin with a slash (/ is the served directory)",
        );
        check(&format!("a\tb:{hash}"), "\"a\\tb\" is not allowed as a user name");
        check(&format!("ftp:{hash}"), "\"ftp\" is not allowed as a user name");
    }

    #[test]
    fn rights_and_directories() {
        let access = |line: &str| parse_account(line).map(|(_, _, access)| access);
        let check = |line: &str, rights: Rights, dir: Option<&str>| {
            assert_eq!(access(line), Ok(Access { rights, dir: dir.map(PathBuf::from) }), "{line}");
        };
        check("ann:hash", Rights::Write, None);
        check("ann:hash:drop", Rights::Drop, None);
        check("ann:hash:/home/ann", Rights::Write, Some("home/ann"));
        check("ann:hash:ro:/a:b/", Rights::Read, Some("a:b"));
        check("ann:hash::/a", Rights::Write, Some("a"));
        check("ann:hash:rw:/", Rights::Write, None);
        let mut users = Users::new(None, 1);
        let line = format!("ann:{}:drop", hash_password("").unwrap());
        let err = users.add_lines(&line, Rights::Read).unwrap_err();
        assert_eq!(err.to_string(), "line 1: drop needs a writable server");
    }

    #[test]
    fn directories_are_beneath_the_root() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("ann")).unwrap();
        std::os::unix::fs::symlink("/", dir.path().join("out")).unwrap();
        let jail = Jail::new(dir.path()).unwrap();
        let hash = hash_password("").unwrap();
        let check = |dir: &str| {
            let mut users = Users::new(None, 1);
            users.add_lines(&format!("ann:{hash}:rw:{dir}"), Rights::Write).unwrap();
            users.check_dirs(&jail).map_err(|err| err.to_string())
        };
        assert_eq!(check("/ann"), Ok(()));
        for dir in ["/eve", "/..", "/ann/../..", "/out", "/out/etc"] {
            let err = check(dir).unwrap_err();
            assert!(err.starts_with(&format!("ann: {dir}: ")), "{err}");
        }
    }

    #[test]
    fn the_dummy_hash_costs_as_much_as_a_real_one() {
        let cost = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
        assert!(passwords::is_hash(DUMMY_HASH));
        assert_eq!(cost(DUMMY_HASH), cost(&hash_password("").unwrap()));
        assert_eq!(DUMMY_HASH.len(), hash_password("").unwrap().len());
    }

    #[test]
    fn anonymous_needs_no_password() {
        let users = Users::new(Some(Rights::Read), 1);
        assert_eq!(users.check("Anonymous", b"me@"), Some(Rights::Read.into()));
        assert!(users.accepts_any_password("ftp"));
    }
}
