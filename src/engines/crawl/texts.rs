//! Texts that many links share, each kept once.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};

/// The number of different texts that are kept.
const TEXTS_MAX: u32 = 1 << 28;

/// Texts of links, such as their fragments, each once, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Texts {
    numbers: HashMap<u64, u32>,
    /// All of them, one after the other, and the end of each.
    joined: String,
    ends: Vec<usize>,
}

impl Texts {
    /// The number of a text; `None` if there are too many.
    pub(super) fn number(&mut self, text: &str) -> Option<u32> {
        let hash = hash(text.as_bytes());
        if let Some(&number) = self.numbers.get(&hash) {
            return Some(number);
        }
        let number = u32::try_from(self.ends.len()).ok().filter(|&n| n < TEXTS_MAX)?;
        self.joined += text;
        self.ends.push(self.joined.len());
        self.numbers.insert(hash, number);
        Some(number)
    }

    pub(super) fn text(&self, number: u32) -> &str {
        let number = number as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.joined[start..self.ends[number]]
    }
}

/// The hash of a text, or of an element's id.
pub(super) fn hash(id: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new(); // its keys are fixed
    hasher.write(id);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_one_number() {
        let mut texts = Texts::default();
        let numbers = ["a", "", "b", "a"].map(|text| texts.number(text).unwrap());
        assert_eq!(numbers, [0, 1, 2, 0]);
        assert_eq!([0, 1, 2].map(|number| texts.text(number)), ["a", "", "b"]);
    }
}
