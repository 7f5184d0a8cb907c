//! Names of users and rooms: which are valid, and which user has which name.
//!
//! Names are in any script. Two that a reader may take for one another are not both given away:
//! they differ neither by case alone nor only by characters that look alike (UTS #39, 4).

use std::collections::HashMap;

use unicase::UniCase;
use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_security::general_security_profile::IdentifierType;
use unicode_security::{GeneralSecurityProfile, skeleton};

use super::ids::ClientId;

/// The longest name, in characters.
const NAME_MAX: usize = 32;
/// Most nonspacing marks in a row (UTS #39, 5.4): more would reach into the lines above.
const MARKS_MAX: usize = 4;

/// The canonical form (NFC) of a valid name: 1 to 32 letters, marks, digits, dots, hyphens and
/// underscores, all of them visible. `None` for any other text.
pub(super) fn normalize(text: &str) -> Option<String> {
    let n_max = 4 * NAME_MAX; // composing shortens a name; a longer one is not worth the work
    if text.chars().nth(n_max).is_some() {
        return None;
    }
    let name: String = text.nfc().collect();
    let is_valid = (1..=NAME_MAX).contains(&name.chars().count())
        && name.chars().all(is_allowed)
        && !name.starts_with(is_mark) // it would join the character before the name
        && has_legible_marks(&name);
    is_valid.then_some(name)
}

/// The form in which names are looked up: those that differ in case only are the same.
pub(super) fn fold(name: &str) -> String {
    let name: String = name.nfc().collect();
    let folded = if name.is_ascii() {
        name.to_ascii_lowercase()
    } else {
        UniCase::unicode(name).to_folded_case()
    };
    folded.nfc().collect()
}

fn is_allowed(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    }
    let group = c.general_category_group();
    let is_named = matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark)
        || c.general_category() == GeneralCategory::DecimalNumber;
    is_named && c.identifier_type() != Some(IdentifierType::Default_Ignorable)
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

/// Whether no nonspacing mark is hidden behind its like, and no pile of them is too high.
fn has_legible_marks(name: &str) -> bool {
    let (mut n_marks, mut last) = (0, '\0');
    name.nfd().all(|c| {
        let is_nonspacing = matches!(
            c.general_category(),
            GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark
        );
        n_marks = if is_nonspacing { n_marks + 1 } else { 0 };
        let is_repeated = is_nonspacing && c == last;
        last = c;
        n_marks <= MARKS_MAX && !is_repeated
    })
}

/// The keys under which a name is taken. Two names conflict if one of their keys is the same.
fn keys(name: &str) -> [String; 3] {
    let folded = fold(name);
    let looks: String = skeleton(name).collect();
    let looks_folded: String = skeleton(&folded).collect();
    // `Ian` looks like `lan` before folding, and `PAYPAL` like a Cyrillic one after.
    [format!("name {folded}"), format!("look {}", fold(&looks)), format!("look {looks_folded}")]
}

/// Whether a reader may take these two names for one another.
pub(super) fn is_similar(a: &str, b: &str) -> bool {
    let (a, b) = (keys(a), keys(b));
    a.iter().any(|key| b.contains(key))
}

/// The names in use.
#[derive(Default)]
pub(super) struct Names(HashMap<String, ClientId>);

impl Names {
    /// Gives `name` to `client`; false if another client has it, or one that looks like it.
    pub(super) fn try_take(&mut self, name: &str, client: ClientId) -> bool {
        let keys = keys(name);
        let is_free = keys.iter().all(|key| self.0.get(key).is_none_or(|owner| *owner == client));
        if is_free {
            self.0.extend(keys.map(|key| (key, client)));
        }
        is_free
    }

    /// Gives `new` to `client` in place of `old`; false as [`try_take`](Self::try_take).
    pub(super) fn try_replace(&mut self, old: &str, new: &str, client: ClientId) -> bool {
        if !self.try_take(new, client) {
            return false;
        }
        self.release(old);
        self.try_take(new, client) // the keys that both share
    }

    pub(super) fn release(&mut self, name: &str) {
        for key in keys(name) {
            self.0.remove(&key);
        }
    }

    /// The client with this name, whatever its case.
    pub(super) fn owner(&self, name: &str) -> Option<ClientId> {
        self.0.get(&format!("name {}", fold(name))).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn valid_and_invalid_names() {
        let long = "ä".repeat(32);
        for name in ["a", "Ann_B.c-9", "Zoë", "李雷", "Ольга", "عمر", "अनिता", "៤", &long]
        {
            assert_eq!(normalize(name).as_deref(), Some(name), "{name}");
        }
        assert_eq!(normalize("Zoe\u{308}").as_deref(), Some("Zoë"), "composed");
        let long = "x".repeat(33);
        for name in ["", " ", "a b", "a\0", "*", "a:", "a\u{a0}b", "👋", "№", "½", &long] {
            assert_eq!(normalize(name), None, "{name:?}");
        }
        // Invisible: zero-width joiner, right-to-left override, soft hyphen, Hangul filler,
        // combining grapheme joiner, variation selector.
        for c in ['\u{200d}', '\u{202e}', '\u{ad}', '\u{3164}', '\u{34f}', '\u{fe0f}'] {
            assert_eq!(normalize(&format!("a{c}b")), None, "{:?}", c.escape_unicode().to_string());
        }
        assert_eq!(normalize("\u{301}a"), None, "a mark in front");
        let piled = |n| {
            format!(
                "a{}",
                ['\u{331}', '\u{332}', '\u{333}'].iter().cycle().take(n).collect::<String>()
            )
        };
        assert!(normalize(&piled(4)).is_some() && normalize(&piled(5)).is_none());
        assert_eq!(normalize("a\u{331}\u{331}"), None, "a mark twice");
    }

    #[test]
    fn a_name_has_one_owner_whatever_its_case() {
        let mut names = Names::default();
        assert!(names.try_take("Ann", 1) && !names.try_take("ANN", 2) && names.try_take("ann", 1));
        assert_eq!(names.owner("aNN"), Some(1));
        assert!(names.try_replace("ann", "ANN", 1) && names.owner("ann") == Some(1));
        assert!(names.try_replace("ANN", "Bea", 1) && names.owner("ann").is_none());
        assert!(names.try_take("ANN", 2) && !names.try_replace("ANN", "bea", 2));
        assert!(names.try_take("STRASSE", 3) && !names.try_take("straße", 4));
        assert!(names.try_take("ΣΊΣΥΦΟΣ", 5) && !names.try_take("σίσυφος", 6));
    }

    #[test]
    fn names_that_look_alike_conflict() {
        // The examples of UTS #39, 4, and some from confusables.txt.
        for (a, b) in
            [("paypal", "pаypаl"), ("Ian", "lan"), ("scope", "ѕсоре"), ("a1", "al"), ("O.K", "0.K")]
        {
            let mut names = Names::default();
            assert!(names.try_take(a, 1) && !names.try_take(b, 2), "{a} {b}");
            assert_eq!(names.owner(b), None, "a message to one must not reach the other");
        }
        let mut names = Names::default();
        assert!(names.try_take("ann", 1) && names.try_take("anna", 2) && names.try_take("bea", 3));
    }

    proptest! {
        #[test]
        fn a_valid_name_stays_itself_and_can_be_released(text in "\\PC{0,12}") {
            if let Some(name) = normalize(&text) {
                prop_assert_eq!(normalize(&name), Some(name.clone()));
                prop_assert!(name.chars().all(|c| !c.is_whitespace() && !c.is_control()));
                let mut names = Names::default();
                prop_assert!(names.try_take(&name, 1) && !names.try_take(&name, 2));
                prop_assert_eq!(names.owner(&fold(&name)), Some(1));
                names.release(&name);
                prop_assert!(names.0.is_empty());
            }
        }
    }
}
