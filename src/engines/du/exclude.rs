//! Shell patterns, as `--exclude` takes them.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A pattern with `*`, `?`, `[…]` and `\`, matched against a path or any tail of it that follows
/// a slash. As in GNU du, `*` and `?` match slashes too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Any number of characters.
    Star,
    /// One character.
    Any,
    /// One of these, or none of these.
    Set {
        ranges: Vec<(char, char)>,
        negated: bool,
    },
    Is(char),
    /// A byte that is no UTF-8.
    Byte(u8),
}

/// A character, or a byte that is none.
type Unit = Result<char, u8>;

impl Pattern {
    /// Every text is a pattern: what is not closed stands for itself.
    pub fn new(text: &[u8]) -> Self {
        let text = units(text);
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(unit) = text.get(at) {
            at += 1;
            tokens.push(match unit {
                Ok('*') => Token::Star,
                Ok('?') => Token::Any,
                Ok('\\') if at < text.len() => {
                    at += 1;
                    literal(text[at - 1])
                }
                Ok('[') => match set(&text[at..]) {
                    Some((set, len)) => {
                        at += len;
                        set
                    }
                    None => Token::Is('['),
                },
                unit => literal(*unit),
            });
        }
        Pattern(tokens)
    }

    /// Whether `path`, or its part after some slash, is what the pattern describes.
    pub fn matches(&self, path: &Path) -> bool {
        let path = units(path.as_os_str().as_bytes());
        let after_slash = |at: &usize| *at == 0 || path[at - 1] == Ok('/') && path[*at] != Ok('/');
        (0..path.len()).filter(after_slash).any(|at| matches(&self.0, &path[at..]))
    }
}

fn units(bytes: &[u8]) -> Vec<Unit> {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let chars: Vec<Unit> = chunk.valid().chars().map(Ok).collect();
        chars.into_iter().chain(chunk.invalid().iter().map(|byte| Err(*byte))).collect::<Vec<_>>()
    };
    bytes.utf8_chunks().flat_map(chunk).collect()
}

fn literal(unit: Unit) -> Token {
    unit.map_or_else(Token::Byte, Token::Is)
}

/// Reads what follows a `[`; gives the set and how long it was.
fn set(text: &[Unit]) -> Option<(Token, usize)> {
    let negated = matches!(text.first(), Some(Ok('!' | '^')));
    let start = usize::from(negated);
    let close = text.iter().skip(start + 1).position(|unit| *unit == Ok(']'))? + start + 1;
    let members: Option<Vec<char>> = text[start..close].iter().map(|unit| unit.ok()).collect();
    let members = members?;
    let mut ranges = Vec::new();
    let mut rest = &members[..];
    loop {
        match rest {
            [from, '-', to, tail @ ..] => {
                ranges.push((*from, *to));
                rest = tail;
            }
            [one, tail @ ..] => {
                ranges.push((*one, *one));
                rest = tail;
            }
            [] => return Some((Token::Set { ranges, negated }, close + 1)),
        }
    }
}

/// A star that fails is tried again one character later; only the last star needs to be.
fn matches(pattern: &[Token], text: &[Unit]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Star) => {
                p += 1;
                retry = Some((p, t));
            }
            Some(token) if is_one(token, text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after_star, from)) = retry else { return false };
                p = after_star;
                t = from + 1;
                retry = Some((after_star, t));
            }
        }
    }
    pattern[p..].iter().all(|token| *token == Token::Star)
}

fn is_one(token: &Token, unit: Unit) -> bool {
    match token {
        Token::Star => false,
        Token::Any => true,
        Token::Is(c) => unit == Ok(*c),
        Token::Byte(byte) => unit == Err(*byte),
        Token::Set { ranges, negated } => unit
            .is_ok_and(|c| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_are_the_shells() {
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

    proptest! {
        #[test]
        fn any_bytes_are_a_pattern(pattern: Vec<u8>, path: Vec<u8>) {
            let path = std::ffi::OsStr::from_bytes(&path);
            Pattern::new(&pattern).matches(Path::new(path));
        }

        #[test]
        fn an_escaped_name_matches_itself(name in "[^/]+") {
            let pattern: String = name.chars().flat_map(|c| ['\\', c]).collect();
            prop_assert!(Pattern::new(pattern.as_bytes()).matches(Path::new(&name)));
        }
    }
}
