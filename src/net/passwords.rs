//! Hashing passwords with Argon2, and verifying them with a bound on memory.
//!
//! Verifying one password takes 19 MiB. The allocator would keep that much for every session's
//! thread after its first login, so the buffers are reused: a channel holds one for each check that
//! may run at the same time.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use crossbeam::channel::{Receiver, Sender, bounded};

/// A hash that no password matches. Passwords of unknown users are verified against it, so that they
/// take as long as those of known ones.
pub const DUMMY_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$DECOYSALTDECOYSALTDECA\
    $DECOYHASHDECOYHASHDECOYHASHDECOYHASHDECOYHA";

/// Hashes `password` with Argon2id and a new salt, in the PHC string format.
///
/// # Errors
/// When the system provides no random salt.
pub fn hash(password: &str) -> argon2::password_hash::Result<String> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Whether [`Verifier::verify`] supports `hash`, in the PHC string format.
#[must_use]
pub fn is_hash(hash: &str) -> bool {
    let is_whole = |hash: &PasswordHash| hash.salt.is_some() && hash.hash.is_some();
    PasswordHash::new(hash).is_ok_and(|hash| is_whole(&hash) && hasher(&hash).is_ok())
}

/// Verifies passwords, a bounded number at the same time.
#[derive(Debug)]
pub struct Verifier {
    buffers_rx: Receiver<Vec<Block>>,
    buffers_tx: Sender<Vec<Block>>,
}

impl Verifier {
    /// Creates a verifier of at most `n_max` passwords at the same time, 19 MiB each with the
    /// parameters of [`hash`].
    ///
    /// # Panics
    /// Never: the channel has room for all buffers.
    #[must_use]
    pub fn new(n_max: usize) -> Self {
        let (buffers_tx, buffers_rx) = bounded(n_max);
        for _ in 0..n_max {
            buffers_tx.send(Vec::new()).expect("the channel has room for n_max buffers");
        }
        Verifier { buffers_rx, buffers_tx }
    }

    /// Blocks until a buffer is free, then checks whether `hash` is a hash of `password`.
    ///
    /// # Panics
    /// Never: its channel holds all buffers that are not in use.
    pub fn verify(&self, password: &[u8], hash: &str) -> bool {
        let mut memory = self.buffers_rx.recv().expect("self holds a sender");
        let is_correct = verify(password, hash, &mut memory).unwrap_or(false);
        self.buffers_tx.send(memory).expect("the channel has room for a buffer that was taken");
        is_correct
    }
}

fn verify(
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
    fn hashes_with_other_parameters_are_supported() {
        let verifier = Verifier::new(1);
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
            assert!(is_hash(&made) && verifier.verify(b"secret", &made), "{made}");
            assert!(!verifier.verify(b"Secret", &made), "{made}");
        }
    }

    #[test]
    fn the_dummy_hash_costs_as_much_as_a_real_one() {
        let cost = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
        assert!(is_hash(DUMMY_HASH));
        assert_eq!(cost(DUMMY_HASH), cost(&hash("").unwrap()));
        assert_eq!(DUMMY_HASH.len(), hash("").unwrap().len());
    }

    #[test]
    fn malformed_hashes_match_no_password() {
        let verifier = Verifier::new(1);
        for text in ["", "secret", "$argon2id$v=19$m=8,t=1,p=1", "$pbkdf2$i=1$c2FsdHNhbHQ$aGFzaA"] {
            assert!(!is_hash(text) && !verifier.verify(b"secret", text), "{text}");
        }
    }
}
