//! Shell patterns for `--exclude`.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A shell pattern with `*`, `?`, `[…]` and `\`. As in GNU du, it is matched against the path and
/// against every part of it after a slash, and `*` and `?` match slashes too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// Any number of characters.
    Star,
    /// Any one character.
    Any,
    /// One character that is in one of the ranges, or, if negated, in none.
    Set { ranges: Vec<(char, char)>, negated: bool },
    /// This character.
    Char(char),
    /// This byte, which is not part of valid UTF-8.
    Byte(u8),
}

/// A character, or a byte that is not part of valid UTF-8.
type Symbol = Result<char, u8>;

impl Pattern {
    /// Compiles a pattern. Every text is one: a `[` without its `]` and a `\` at the end match
    /// themselves.
    pub fn new(text: &[u8]) -> Self {
        let text = symbols(text);
        let mut tokens = Vec::new();
        let mut at = 0;
        while let Some(symbol) = text.get(at) {
            at += 1;
            tokens.push(match symbol {
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
                    None => Token::Char('['),
                },
                symbol => literal(*symbol),
            });
        }
        Pattern(tokens)
    }

    /// Whether the pattern matches `path` or a part of it after a slash.
    pub fn matches(&self, path: &Path) -> bool {
        let path = symbols(path.as_os_str().as_bytes());
        let after_slash = |at: &usize| *at == 0 || path[at - 1] == Ok('/') && path[*at] != Ok('/');
        (0..path.len()).filter(after_slash).any(|at| matches(&self.0, &path[at..]))
    }
}

fn symbols(bytes: &[u8]) -> Vec<Symbol> {
    let chunk = |chunk: std::str::Utf8Chunk<'_>| {
        let chars: Vec<Symbol> = chunk.valid().chars().map(Ok).collect();
        chars.into_iter().chain(chunk.invalid().iter().map(|byte| Err(*byte))).collect::<Vec<_>>()
    };
    bytes.utf8_chunks().flat_map(chunk).collect()
}

fn literal(symbol: Symbol) -> Token {
    symbol.map_or_else(Token::Byte, Token::Char)
}

/// Parses a set from behind its `[`. Returns it and its length with the `]`; `None` without one.
fn set(text: &[Symbol]) -> Option<(Token, usize)> {
    let negated = matches!(text.first(), Some(Ok('!' | '^')));
    let start = usize::from(negated);
    let close = text.iter().skip(start + 1).position(|symbol| *symbol == Ok(']'))? + start + 1;
    let members: Option<Vec<char>> = text[start..close].iter().map(|symbol| symbol.ok()).collect();
    let members = members?;
    let mut ranges = Vec::new();
    let mut rest = members.as_slice();
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

/// After a mismatch, the last star takes one character more; earlier stars need not be retried.
fn matches(pattern: &[Token], text: &[Symbol]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Token::Star) => {
                p += 1;
                retry = Some((p, t));
            }
            Some(token) if matches_symbol(token, text[t]) => {
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

fn matches_symbol(token: &Token, symbol: Symbol) -> bool {
    match token {
        Token::Star => false,
        Token::Any => true,
        Token::Char(c) => symbol == Ok(*c),
        Token::Byte(byte) => symbol == Err(*byte),
        Token::Set { ranges, negated } => symbol
            .is_ok_and(|c| ranges.iter().any(|(from, to)| (*from..=*to).contains(&c)) != *negated),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

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
    fn matches_by_definition(pattern: &[Token], text: &[Symbol]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [Token::Star, rest @ ..] => {
                (0..=text.len()).any(|n| matches_by_definition(rest, &text[n..]))
            }
            [token, rest @ ..] => {
                text.first().is_some_and(|symbol| matches_symbol(token, *symbol))
                    && matches_by_definition(rest, &text[1..])
            }
        }
    }

    proptest! {
        #[test]
        fn stars_match_by_definition(
            pattern in "[ab*?/!^\\\\\\[\\]-]{0,9}|\\PC*",
            text in "[ab/]{0,9}|\\PC*",
        ) {
            let (tokens, text) = (Pattern::new(pattern.as_bytes()).0, symbols(text.as_bytes()));
            prop_assert_eq!(matches(&tokens, &text), matches_by_definition(&tokens, &text));
        }

        #[test]
        fn an_escaped_name_matches_itself_only(mut name in vec(any::<u8>(), 1..20)) {
            name.retain(|byte| *byte != b'/');
            name.push(b'.');
            let escape = |byte: &u8| if byte.is_ascii() { vec![b'\\', *byte] } else { vec![*byte] };
            let pattern = Pattern::new(&name.iter().flat_map(escape).collect::<Vec<u8>>());
            prop_assert!(pattern.matches(Path::new(OsStr::from_bytes(&name))));
            name.push(b'.');
            prop_assert!(!pattern.matches(Path::new(OsStr::from_bytes(&name))));
        }
    }
}
