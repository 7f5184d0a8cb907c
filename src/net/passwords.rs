//! Hashing passwords with Argon2, and verifying them with a bound on memory and on how many at once.
//!
//! Verifying one password takes 19 MiB, which go back to the system at once.

use argon2::password_hash::PasswordHasher;
use argon2::password_hash::phc::{Output, PasswordHash};
use argon2::{Algorithm, Argon2, Block, Params, Version};

use super::crypt;
use crate::threads::Semaphore;

/// Bytes reserved at least for one check. glibc gives a block back when it is freed only if it is larger
/// than a threshold, which grows with the blocks that are freed, up to 32 MiB. Pages that are not
/// touched take no memory.
const MEMORY_MIN: usize = 33 << 20;

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

/// Whether [`Verifier::verify`] supports `hash`.
#[must_use]
pub fn is_hash(hash: &str) -> bool {
    let is_whole = |hash: &PasswordHash| hash.salt.is_some() && hash.hash.is_some();
    let is_argon2 =
        PasswordHash::new(hash).is_ok_and(|hash| is_whole(&hash) && hasher(&hash).is_ok());
    is_argon2 || crypt::is_hash(hash)
}

/// Verifies passwords, a bounded number at the same time.
#[derive(Debug)]
pub struct Verifier {
    permits: Semaphore,
}

impl Verifier {
    /// Creates a verifier of at most `n_max` passwords at the same time, 19 MiB each with the
    /// parameters of [`hash`].
    #[must_use]
    pub fn new(n_max: usize) -> Self {
        Verifier { permits: Semaphore::new(n_max) }
    }

    /// Blocks until fewer passwords are verified than may be, then checks whether `hash` is a hash of
    /// `password`.
    #[must_use]
    pub fn verify(&self, password: &[u8], hash: &str) -> bool {
        let _permit = self.permits.acquire();
        verify(password, hash).unwrap_or_else(|_| crypt::verify(password, hash))
    }
}

fn verify(password: &[u8], hash: &str) -> argon2::password_hash::Result<bool> {
    let hash = PasswordHash::new(hash)?;
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else { return Ok(false) };
    let hasher = hasher(&hash)?;
    let n_blocks = hasher.params().block_count();
    let mut memory = Vec::with_capacity(n_blocks.max(MEMORY_MIN / size_of::<Block>()));
    memory.resize(n_blocks, Block::new());
    let mut output = vec![0; expected.len()];
    hasher.hash_password_into_with_memory(password, salt, &mut output, &mut memory)?;
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
    fn malformed_hashes_match_no_password() {
        let verifier = Verifier::new(1);
        for text in ["", "secret", "$argon2id$v=19$m=8,t=1,p=1", "$pbkdf2$i=1$c2FsdHNhbHQ$aGFzaA"] {
            assert!(!is_hash(text) && !verifier.verify(b"secret", text), "{text}");
        }
    }
}
