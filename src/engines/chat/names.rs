//! Names of people and rooms: what they look like, and whose they are.

use std::collections::HashMap;

use super::Id;

/// The longest name.
const NAME_MAX: usize = 32;

/// Whether it has 1 to 32 of the letters, digits and marks that a name is made of.
pub(super) fn is_name(name: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(is_fit)
}

/// Who has which name; `Ann` and `ann` are one.
#[derive(Default)]
pub(super) struct Names(HashMap<String, Id>);

impl Names {
    /// Takes `name` for `client`, unless another has it.
    pub(super) fn take(&mut self, name: &str, client: Id) -> bool {
        *self.0.entry(name.to_ascii_lowercase()).or_insert(client) == client
    }

    pub(super) fn free(&mut self, name: &str) {
        self.0.remove(&name.to_ascii_lowercase());
    }

    pub(super) fn owner(&self, name: &str) -> Option<Id> {
        self.0.get(&name.to_ascii_lowercase()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name() {
        for name in ["a", "Ann_B.c-9", &"x".repeat(32)] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", " ", "a b", "ä", "a\0", "*", "a:", &"x".repeat(33)] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn a_name_has_one_owner_whatever_its_case() {
        let mut names = Names::default();
        assert!(names.take("Ann", 1) && !names.take("ANN", 2) && names.take("ann", 1));
        assert_eq!(names.owner("aNN"), Some(1));
        names.free("ann");
        assert!(names.take("ANN", 2));
    }
}
