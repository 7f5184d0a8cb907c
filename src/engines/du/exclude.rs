//! Shell patterns for `--exclude`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::bracket::{BYTES, Comparison, compare};

/// A shell pattern with `*`, `?`, `[…]` and `\`. As in GNU du, it is matched against the path and
/// against every part of it after a slash, and `*` and `?` match slashes too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Vec<u8>,
    chars: Vec<char>,
    is_utf8: bool,
    /// The name, if the pattern has no wildcard and so matches one only.
    literal: Option<Vec<u8>>,
    /// ASCII characters of a name that every match ends with; may be none.
    suffix: Vec<u8>,
}

impl Pattern {
    /// Compiles a pattern. Every text is one: it means what it means to fnmatch(3) in a UTF-8
    /// locale, but without a wildcard a `\` at the end matches itself.
    pub fn new(text: &[u8]) -> Self {
        let is_utf8 = std::str::from_utf8(text).is_ok();
        let (literal, text) = (literal(text), text.to_vec());
        let is_special = |byte: &u8| !byte.is_ascii() || b"*?]\\/".contains(byte);
        let suffix =
            text.iter().rposition(is_special).map_or(&*text, |at| &text[at + 1..]).to_vec();
        Pattern { chars: chars(&text, !is_utf8), text, is_utf8, literal, suffix }
    }

    /// Whether a path that ends with `name` can match: the cheap question for most names.
    pub(super) fn can_end(&self, name: &[u8]) -> bool {
        name.ends_with(&self.suffix)
    }

    /// Whether the pattern matches `path` or a part of it after a slash. The empty path never does.
    pub fn matches(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_bytes();
        if path.is_empty() {
            return false; // GNU du reports an empty argument whatever is excluded
        }
        if !self.can_end(path) {
            return false;
        }
        let after_slash = |at: &usize| *at == 0 || path[at - 1] == b'/';
        let mut parts = (0..=path.len()).filter(after_slash).map(|at| &path[at..]);
        if let Some(literal) = &self.literal {
            return parts.any(|part| part == literal);
        }
        let has_start = |part: &&[u8]| part.len() == path.len() || !matches!(part, [] | [b'/', ..]);
        parts.filter(has_start).any(|part| self.matches_part(part))
    }

    /// Compares characters; as in fnmatch(3), bytes if that fails, and if one of the texts is not
    /// UTF-8.
    fn matches_part(&self, name: &[u8]) -> bool {
        let are_chars = self.is_utf8 && std::str::from_utf8(name).is_ok();
        let match_chars = || matches(&self.chars, &chars(name, false));
        let match_bytes = || matches(&chars(&self.text, true), &chars(name, true));
        let is_ascii = self.text.is_ascii() && name.is_ascii();
        are_chars && match_chars() || !is_ascii && match_bytes()
    }
}

/// The patterns in a file of them, one per line: white space at the end of a line is no part of the
/// pattern, and an empty line is none.
pub fn patterns_in(text: &[u8]) -> impl Iterator<Item = Pattern> {
    let is_space = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'\x0b';
    let lines = text.split(|byte| *byte == b'\n').map(move |line| {
        let n_bytes = line.iter().rposition(|byte| !is_space(byte)).map_or(0, |last| last + 1);
        &line[..n_bytes]
    });
    lines.filter(|line| !line.is_empty()).map(Pattern::new)
}

/// The characters of a text, or its bytes.
fn chars(text: &[u8], are_bytes: bool) -> Vec<char> {
    match std::str::from_utf8(text) {
        Ok(text) if !are_bytes => text.chars().collect(),
        _ => text.iter().map(|byte| byte_as_char(*byte)).collect(),
    }
}

fn byte_as_char(byte: u8) -> char {
    let code = if byte.is_ascii() { 0 } else { BYTES } + u32::from(byte);
    char::from_u32(code).expect("the last code point is 0x10ffff")
}

/// The only name that a pattern without wildcards matches.
fn literal(pattern: &[u8]) -> Option<Vec<u8>> {
    let (mut name, mut rest) = (Vec::new(), pattern);
    loop {
        rest = match rest {
            [b'\\', byte, tail @ ..] | [byte, tail @ ..] => {
                let is_escaped = rest.len() > tail.len() + 1;
                if !is_escaped && matches!(byte, b'*' | b'?' | b'[') {
                    return None;
                }
                name.push(*byte);
                tail
            }
            [] => return Some(name),
        };
    }
}

/// After a mismatch, the last star takes one character more; earlier stars need not be retried.
fn matches(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            p += 1;
            retry = Some((p, t));
        } else if let Some(next) = after_match(pattern, p, text[t]) {
            p = next;
            t += 1;
        } else {
            let Some((after_star, from)) = retry else { return false };
            p = after_star;
            t = from + 1;
            retry = Some((after_star, t));
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The index behind the part of the pattern at `at`, no star, if that matches `c`.
fn after_match(pattern: &[char], at: usize, c: char) -> Option<usize> {
    match (pattern.get(at)?, pattern.get(at + 1)) {
        ('?', _) => Some(at + 1),
        ('\\', next) => (next == Some(&c)).then_some(at + 2),
        ('[', _) => match compare(pattern, at + 1, c) {
            Comparison::Match(next) => Some(next),
            Comparison::Mismatch => None,
            Comparison::NoBracket => (c == '[').then_some(at + 1),
        },
        (same, _) => (*same == c).then_some(at + 1),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_that_cannot_match_are_known_by_their_ends() {
        let suffix = |pattern: &str| Pattern::new(pattern.as_bytes()).suffix;
        assert_eq!(suffix("*.o"), b".o");
        assert_eq!(suffix("a/b"), b"b");
        assert_eq!(suffix("[ab]c"), b"c");
        assert_eq!(suffix("\\*a"), b"a");
        assert_eq!(suffix("äo"), b"o");
        assert_eq!(suffix("*"), b"");
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        let check = |pattern: &str, path: &str, expected: bool| {
            let pattern = Pattern::new(pattern.as_bytes());
            assert_eq!(pattern.matches(Path::new(path)), expected, "{pattern:?} {path}");
        };
        check("*.o", "a/b.o", true);
        check("*.o", "a/b.oo", false);
        check("b", "a/b", true);
        check("b", "a/bb", false);
        check("a/b", "x/a/b", true);
        check("a*b", "ax/yb", true);
        check("?", "ä", true);
        check("[a-c]x", "bx", true);
        check("[!a-c]x", "bx", false);
        check("[]x]", "]", true);
        check("[", "[", true);
        check("\\*", "*", true);
        check("\\*", "a", false);
        check("", "a", false);
        check("*", "", false);
    }

    /// The definition of a match, which tries every length for every star.
    fn matches_by_definition(pattern: &[char], at: usize, text: &[char]) -> bool {
        match (pattern.get(at), text) {
            (None, _) => text.is_empty(),
            (Some('*'), _) => {
                (0..=text.len()).any(|n| matches_by_definition(pattern, at + 1, &text[n..]))
            }
            (_, [c, rest @ ..]) => after_match(pattern, at, *c)
                .is_some_and(|next| matches_by_definition(pattern, next, rest)),
            (_, []) => false,
        }
    }

    proptest! {
        #[test]
        fn stars_match_by_definition(
            pattern in "[ab*?/!^\\\\\\[\\]-]{0,9}|\\PC*",
            text in "[ab/]{0,9}|\\PC*",
        ) {
            let can_end = Pattern::new(pattern.as_bytes()).can_end(text.as_bytes());
            let (pattern, text) = (chars(pattern.as_bytes(), false), chars(text.as_bytes(), false));
            prop_assert!(can_end || !matches(&pattern, &text));
            prop_assert_eq!(matches(&pattern, &text), matches_by_definition(&pattern, 0, &text));
        }

        #[test]
        fn an_escaped_name_matches_itself_only(mut name in vec(any::<u8>(), 1..20)) {
            name.retain(|byte| *byte != b'/');
            name.push(b'.');
            let escape = |byte: &u8| if byte.is_ascii() { vec![b'\\', *byte] } else { vec![*byte] };
            let pattern = Pattern::new(&name.iter().flat_map(escape).collect::<Vec<u8>>());
            prop_assert!(pattern.can_end(&name));
            prop_assert!(pattern.matches(Path::new(OsStr::from_bytes(&name))));
            name.push(b'.');
            prop_assert!(!pattern.matches(Path::new(OsStr::from_bytes(&name))));
        }
    }
}
