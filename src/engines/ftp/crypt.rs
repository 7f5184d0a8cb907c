//! Verifying the password hashes of other programs: crypt(5)'s SHA-256, SHA-512 and yescrypt, as in
//! /etc/shadow, and bcrypt, as htpasswd(1) makes it.

use bcrypt::HashParts;
use sha_crypt::{PasswordVerifier, ShaCrypt};
use yescrypt::Yescrypt;

/// The method of a hash in the modular crypt format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Bcrypt,
    /// The hash has this many characters.
    Sha {
        len: usize,
    },
    Yescrypt,
}

/// Longest salt of SHA-crypt: crypt(3) ignores what is behind it.
const SHA_SALT_MAX: usize = 16;
const YESCRYPT_LEN: usize = 43;

/// Whether [`verify`] supports `hash`.
pub(super) fn is_hash(hash: &str) -> bool {
    let fields: Vec<&str> = hash.split('$').skip(2).collect();
    match (method(hash), fields.as_slice()) {
        (Some(Method::Bcrypt), _) => hash.parse::<HashParts>().is_ok(),
        (Some(Method::Sha { len }), [salt, hash]) => is_sha(salt, hash, len),
        (Some(Method::Sha { len }), [rounds, salt, hash]) => {
            let rounds = rounds.strip_prefix("rounds=").and_then(|rounds| rounds.parse().ok());
            let is_allowed = rounds.is_some_and(|rounds| sha_crypt::Params::new(rounds).is_ok());
            is_allowed && is_sha(salt, hash, len)
        }
        (Some(Method::Yescrypt), [params, salt, hash]) => {
            params.parse::<yescrypt::Params>().is_ok()
                && is_base64(salt)
                && is_base64(hash)
                && hash.len() == YESCRYPT_LEN
        }
        _ => false,
    }
}

/// Whether `hash` is a hash of `password`; false if it is not supported.
pub(super) fn verify(password: &[u8], hash: &str) -> bool {
    match method(hash) {
        Some(Method::Bcrypt) => bcrypt::verify(password, hash).unwrap_or(false),
        Some(Method::Sha { .. }) => ShaCrypt::default().verify_password(password, hash).is_ok(),
        Some(Method::Yescrypt) => Yescrypt::default().verify_password(password, hash).is_ok(),
        None => false,
    }
}

fn method(hash: &str) -> Option<Method> {
    match hash.strip_prefix('$')?.split_once('$')?.0 {
        "2a" | "2b" | "2x" | "2y" => Some(Method::Bcrypt),
        "5" => Some(Method::Sha { len: 43 }),
        "6" => Some(Method::Sha { len: 86 }),
        "y" => Some(Method::Yescrypt),
        _ => None,
    }
}

fn is_sha(salt: &str, hash: &str, len: usize) -> bool {
    is_base64(salt) && salt.len() <= SHA_SALT_MAX && is_base64(hash) && hash.len() == len
}

/// Whether `text` is in the alphabet of crypt(5).
fn is_base64(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    !text.is_empty() && text.bytes().all(is_digit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_other_programs_are_verified() {
        for hash in [
            // mkpasswd of whois 5.5.17, libxcrypt 4.4.33
            "$5$JKrNo9yQJmfT9mYm$Q5H8rr.UbStmVwt4feYpl6z3gogVKuKGrUoSxl8Q7HD",
            "$6$rounds=2000$OL9MDiTo07C5lH4Z$7/o.M.MB7VgQvyTC4rbrQWL.wSdJlzSzQVouKDRxgDanvvTLVS9TOTdIQPKb.MLnd6oo4mf9Vv.hyrJzTtYEU/",
            "$y$j9T$BiIaAWV6nTLpnl1hPswfR/$kr4smdGZ.JdjrP/2ugR5enIY0ewDtlndrLNiYT2qKr2",
            "$2b$05$Fze0gYYpNUOqtjoc15hAKekQl7.nBfnF0vP4ZwX1jBM2nybRvqRCi",
            // openssl passwd -6 -salt ab, OpenSSL 3.0
            "$6$ab$2lDVylRMp48hlYZZFOCx/xnhJEsGPynJ17rt2um9Gb8wX6ygI4uDxg3Bg43pp/Hv397hwWfT8mciHws9eE4sR/",
            // htpasswd -nbB, Apache 2.4
            "$2y$05$GLPMjcDtTVNdqCmaL6vjx.XqYslTDrdiwH4LM2u8nA69blsuQOnOW",
        ] {
            assert!(is_hash(hash), "{hash}");
            assert!(verify(b"secret", hash), "{hash}");
            assert!(!verify(b"Secret", hash) && !verify(b"", hash), "{hash}");
        }
    }

    #[test]
    fn malformed_and_weak_hashes_are_refused() {
        let sha = "Q5H8rr.UbStmVwt4feYpl6z3gogVKuKGrUoSxl8Q7HD";
        let long = format!("$5$12345678901234567${sha}");
        let few = format!("$5$rounds=10$salt${sha}");
        let more = format!("$5$salt${sha}$");
        for hash in [
            "",
            "*",
            "!",
            "$",
            "$5$",
            "$5$$",
            "$5$salt$short",
            &long,
            &few,
            &more,
            "$1$salt$qJH7.N4xYta3aEG/dfqo/0", // MD5
            "abJnggxhB/yWI",                  // DES
            "$2b$05$short",
            "$y$$$",
            "$y$j9T$salt$short",
        ] {
            assert!(!is_hash(hash), "{hash}");
            assert!(!verify(b"secret", hash) && !verify(b"", hash), "{hash}");
        }
    }
}
