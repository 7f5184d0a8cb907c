//! Passwords and their hashes, a few at a time and in memory that is used again.
//!
//! A check takes 19 MiB. Left to the allocator, each session's thread would keep that much after
//! its first login; so there are as many workplaces as checks at once, handed round by a channel.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam::channel::{Receiver, Sender, bounded};

/// The hash of `password` with a new salt, in the PHC string format.
pub(super) fn hash(password: &str) -> argon2::password_hash::Result<String> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Whether [`Checker::is_right`] can make anything of `hash`.
pub(super) fn is_hash(hash: &str) -> bool {
    let is_whole = |hash: &PasswordHash| hash.salt.is_some() && hash.hash.is_some();
    PasswordHash::new(hash).is_ok_and(|hash| is_whole(&hash) && hasher(&hash).is_ok())
}

/// Compares passwords with hashes.
#[derive(Debug)]
pub(super) struct Checker {
    workplaces: Receiver<Vec<Block>>,
    give_back: Sender<Vec<Block>>,
}

impl Checker {
    /// So many checks at once.
    pub(super) fn new(n_at_once: usize) -> Self {
        let (give_back, workplaces) = bounded(n_at_once);
        for _ in 0..n_at_once {
            give_back.send(Vec::new()).expect("there is room for so many");
        }
        Checker { workplaces, give_back }
    }

    /// Waits for its turn, then tells whether `hash` is one of `password`.
    pub(super) fn is_right(&self, password: &[u8], hash: &str) -> bool {
        let mut memory = self.workplaces.recv().expect("we hold the other end");
        let is_right = is_right(password, hash, &mut memory).unwrap_or(false);
        self.give_back.send(memory).expect("there is room for what was taken");
        is_right
    }
}

fn is_right(
    password: &[u8],
    hash: &str,
    memory: &mut Vec<Block>,
) -> argon2::password_hash::Result<bool> {
    let hash = PasswordHash::new(hash)?;
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Ok(false) };
    let hasher = hasher(&hash)?;
    if memory.len() < hasher.params().block_count() {
        memory.resize(hasher.params().block_count(), Block::new());
    }
    let mut output = vec![0; expected.len()];
    hasher.hash_password_into_with_memory(password, salt, &mut output, memory)?;
    Ok(Output::new(&output)? == *expected) // in constant time
}

fn hasher(hash: &PasswordHash) -> argon2::password_hash::Result<Argon2<'static>> {
    let algorithm = Algorithm::try_from(hash.algorithm.as_str())?;
    let version = hash.version.map(Version::try_from).transpose()?.unwrap_or_default();
    Ok(Argon2::new(algorithm, version, Params::try_from(hash)?))
}

#[cfg(test)]
mod tests {
    use argon2::password_hash::CustomizedPasswordHasher;

    use super::*;

    #[test]
    fn other_hashes_than_ours_are_understood() {
        let checker = Checker::new(1);
        for (algorithm, m_cost, len) in
            [("argon2id", 64, 32), ("argon2i", 32, 16), ("argon2d", 8, 64), ("argon2id", 16, 32)]
        {
            let params = Params::new(m_cost, 2, 1, Some(len)).unwrap();
            let hasher = Argon2::default();
            let made = hasher.hash_password_customized(
                b"secret",
                b"some salt",
                Some(algorithm),
                None,
                params,
            );
            let made = made.unwrap().to_string();
            assert!(is_hash(&made) && checker.is_right(b"secret", &made), "{made}");
            assert!(!checker.is_right(b"Secret", &made), "{made}");
        }
    }

    #[test]
    fn what_is_no_hash_fits_nothing() {
        let checker = Checker::new(1);
        for text in ["", "secret", "$argon2id$v=19$m=8,t=1,p=1", "$pbkdf2$i=1$c2FsdHNhbHQ$aGFzaA"] {
            assert!(!is_hash(text) && !checker.is_right(b"secret", text), "{text}");
        }
    }
}
