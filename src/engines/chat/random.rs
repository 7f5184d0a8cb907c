//! Random numbers.

use ring::rand::{SecureRandom, SystemRandom};

/// A random number that nobody can guess; 0, which stands for none, where the system has no
/// randomness.
pub(super) fn random() -> u128 {
    let mut bytes = [0; 16];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u128::from_be_bytes(bytes),
        Err(_) => 0,
    }
}
