//! Names of users and rooms: which are valid, and which user has which name.

use std::collections::HashMap;

use super::events::ClientId;

/// The longest name, in bytes.
const NAME_MAX: usize = 32;

/// Whether `name` has 1 to 32 ASCII letters, digits, dots, hyphens and underscores.
pub(super) fn is_valid(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// The names in use. Names that differ only in ASCII case are the same.
#[derive(Default)]
pub(super) struct Names(HashMap<String, ClientId>);

impl Names {
    /// Gives `name` to `client`; false if another client has it.
    pub(super) fn try_take(&mut self, name: &str, client: ClientId) -> bool {
        *self.0.entry(name.to_ascii_lowercase()).or_insert(client) == client
    }

    pub(super) fn release(&mut self, name: &str) {
        self.0.remove(&name.to_ascii_lowercase());
    }

    pub(super) fn owner(&self, name: &str) -> Option<ClientId> {
        self.0.get(&name.to_ascii_lowercase()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_and_invalid_names() {
        for name in ["a", "Ann_B.c-9", &"x".repeat(32)] {
            assert!(is_valid(name), "{name}");
        }
        for name in ["", " ", "a b", "ä", "a\0", "*", "a:", &"x".repeat(33)] {
            assert!(!is_valid(name), "{name}");
        }
    }

    #[test]
    fn a_name_has_one_owner_whatever_its_case() {
        let mut names = Names::default();
        assert!(names.try_take("Ann", 1) && !names.try_take("ANN", 2) && names.try_take("ann", 1));
        assert_eq!(names.owner("aNN"), Some(1));
        names.release("ann");
        assert!(names.try_take("ANN", 2));
    }
}
