//! The operators of a chat: their names and password hashes.

use std::collections::HashMap;
use std::fmt;
use std::sync::Mutex;

use crate::net::passwords::{DUMMY_HASH, Verifier, is_hash};
use crate::threads::lock;

/// Passwords verified at the same time, 19 MiB each.
const VERIFICATIONS_MAX: usize = 2;

/// The operators of a chat.
#[derive(Debug)]
pub struct Operators {
    hashes: Mutex<HashMap<String, String>>,
    verifier: Verifier,
}

/// An invalid line of an operators file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorsError {
    line: usize,
    cause: &'static str,
}

impl fmt::Display for OperatorsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.cause)
    }
}

impl std::error::Error for OperatorsError {}

impl Operators {
    /// Reads lines `NAME:HASH`, with a hash made by `ftpd --hash-password` (Argon2 in the PHC string
    /// format); `#` starts a comment.
    ///
    /// # Errors
    /// Names the first invalid line.
    pub fn parse(text: &str) -> Result<Self, OperatorsError> {
        let hashes = Mutex::new(parse(text)?);
        Ok(Operators { hashes, verifier: Verifier::new(VERIFICATIONS_MAX) })
    }

    /// Replaces all operators by those of another text.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); then the operators stay as they were.
    pub fn replace(&self, text: &str) -> Result<(), OperatorsError> {
        *lock(&self.hashes) = parse(text)?;
        Ok(())
    }

    /// Whether the password is that of the operator. Takes as long for an unknown name.
    pub(super) fn check(&self, name: &str, password: &[u8]) -> bool {
        let hash = lock(&self.hashes).get(name).cloned();
        let checked = hash.as_deref().unwrap_or(DUMMY_HASH);
        let is_correct = self.verifier.verify(password, checked);
        is_correct && hash.is_some()
    }
}

fn parse(text: &str) -> Result<HashMap<String, String>, OperatorsError> {
    let mut hashes = HashMap::new();
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let error = |cause| OperatorsError { line, cause };
        let (name, hash) = text.split_once(':').ok_or(error("expected NAME:HASH"))?;
        if !is_hash(hash) {
            return Err(error("not a hash made by ftpd --hash-password"));
        }
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(error("the name is empty, or has a blank in it"));
        }
        if hashes.insert(name.to_owned(), hash.to_owned()).is_some() {
            return Err(error("the operator is listed twice"));
        }
    }
    Ok(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::passwords::hash;

    #[test]
    fn a_file_of_operators() {
        let hash = hash("secret").unwrap();
        let operators = Operators::parse(&format!("# us\n\nann:{hash}\n")).unwrap();
        assert!(operators.check("ann", b"secret"));
        assert!(!operators.check("ann", b"Secret") && !operators.check("bob", b"secret"));
        let check = |text: &str, expected: &str| {
            assert_eq!(Operators::parse(text).unwrap_err().to_string(), expected);
        };
        check("ann", "line 1: expected NAME:HASH");
        check("\nann:secret", "line 2: not a hash made by ftpd --hash-password");
        check(&format!(":{hash}"), "line 1: the name is empty, or has a blank in it");
        check(&format!("a:{hash}\na:{hash}"), "line 2: the operator is listed twice");
    }
}
