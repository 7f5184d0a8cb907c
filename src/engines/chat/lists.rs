//! Lists and numbers for people to read.

/// Most names or rooms in a list; of the others the list gives the number.
const LISTED_MAX: usize = 20;

/// Joins up to [`LISTED_MAX`] of `n` words: `a, b, c and 9,980 more`.
pub(super) fn list(words: impl Iterator<Item = String>, n: usize) -> String {
    let listed: Vec<String> = words.take(LISTED_MAX).collect();
    let more = match n.saturating_sub(LISTED_MAX) {
        0 => String::new(),
        more => format!(" and {} more", thousands(more)),
    };
    listed.join(", ") + &more
}

/// `n` with a comma between groups of three digits.
pub(super) fn thousands(n: usize) -> String {
    let digits = n.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_capped() {
        let words = |n: usize| list((0..n).map(|i| i.to_string()), n);
        assert_eq!(words(3), "0, 1, 2");
        assert!(words(20).ends_with(", 19"));
        assert!(words(10_000).ends_with(", 19 and 9,980 more"));
    }

    #[test]
    fn large_numbers_are_readable() {
        let check = |n, expected: &str| assert_eq!(thousands(n), expected);
        check(0, "0");
        check(999, "999");
        check(1_000, "1,000");
        check(1_234_567, "1,234,567");
    }
}
