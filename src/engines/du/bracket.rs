//! Bracket expressions in shell patterns, such as `[a-z]` and `[![:digit:]_]`.
//!
//! What a malformed expression means is left open by POSIX (XCU 2.14.1, XBD 9.3.5). Here it means
//! what it means to fnmatch(3) of the GNU C library in the locale C.UTF-8, where it depends on the
//! character that is compared.

/// The result of comparing one character with a bracket expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    /// It matches; the rest of the pattern starts at this index.
    Match(usize),
    /// It does not match.
    Mismatch,
    /// There is no closing bracket, so the opening one stands for itself.
    NoBracket,
}

use Comparison::{Match, Mismatch, NoBracket};

/// A value, or the comparison's result if that is known already.
type Step<T> = Result<T, Comparison>;

/// What starts with a `[` inside an expression.
enum Inner {
    /// `[:name:]`, `[=x=]` or `[.x.]`: what is between the marks, and the index after it.
    Item(Vec<char>, usize),
    /// None of these: the `[` is a member.
    Plain,
}

/// Bytes that are not part of valid UTF-8 stand as characters from here on, in no class.
pub(super) const BYTES: u32 = 0x0010_ff00;
/// No name of a class is longer.
const CLASS_NAME_MAX: usize = 2_048;

/// Compares `c` with the expression behind the `[` before index `start`.
pub(super) fn compare(pattern: &[char], start: usize, c: char) -> Comparison {
    let is_negated = matches!(pattern.get(start), Some('!' | '^'));
    let found = find(pattern, start + usize::from(is_negated), c);
    match found.and_then(|(found, at)| Ok((found, if found { skip(pattern, at)? } else { at }))) {
        Ok((found, at)) if found != is_negated => Match(at),
        Ok(_) => Mismatch,
        Err(comparison) => comparison,
    }
}

/// Looks for a member that matches `c`. Returns whether there is one and the index after it, or after
/// the closing bracket.
fn find(pattern: &[char], mut at: usize, c: char) -> Step<(bool, usize)> {
    let mut is_first = true;
    loop {
        let mut member = *pattern.get(at).ok_or(NoBracket)?;
        at += 1;
        if member == ']' && !is_first {
            return Ok((false, at));
        }
        is_first = false;
        let mut is_symbol = false;
        match (member, pattern.get(at)) {
            ('\\', next) => {
                member = *next.ok_or(Mismatch)?;
                at += 1;
            }
            ('[', Some(':')) => {
                if let Inner::Item(name, end) = class_name(pattern, at)? {
                    let name: String = name.iter().collect();
                    if is_in_class(c, &name).ok_or(Mismatch)? {
                        return Ok((true, end));
                    }
                    at = end;
                    continue;
                }
            }
            ('[', Some('=')) => {
                if let Inner::Item(equal, end) = equivalence(pattern, at) {
                    if equal == [c] {
                        return Ok((true, end));
                    }
                    at = end;
                    continue;
                }
            }
            ('[', Some('.')) => {
                (member, at) = {
                    is_symbol = true;
                    symbol(pattern, at)?
                }
            }
            _ => {}
        }
        let next = |i: usize| pattern.get(at + i).copied();
        let is_range = next(0) == Some('-') && next(1).is_some_and(|end| is_symbol || end != ']');
        if !is_range && member == c {
            return Ok((true, at));
        }
        if next(0) == Some('-') && next(1) != Some(']') {
            let (is_inside, end) = range(pattern, at + 1, member, c)?;
            at = end;
            if is_inside {
                return Ok((true, at));
            }
        }
    }
}

/// Whether `c` is in the range from `low` to what is at index `at`, and the index after that.
fn range(pattern: &[char], mut at: usize, low: char, c: char) -> Step<(bool, usize)> {
    let mut high = *pattern.get(at).ok_or(NoBracket)?;
    at += 1;
    match (high, pattern.get(at)) {
        ('[', Some('.')) => (high, at) = symbol(pattern, at)?,
        ('\\', next) => {
            high = *next.ok_or(Mismatch)?;
            at += 1;
        }
        _ => {}
    }
    Ok((low <= c && c <= high, at))
}

/// The index after the closing bracket, from behind a member.
fn skip(pattern: &[char], mut at: usize) -> Step<usize> {
    loop {
        let member = *pattern.get(at).ok_or(NoBracket)?;
        at += 1;
        match (member, pattern.get(at)) {
            (']', _) => return Ok(at),
            ('\\', next) => {
                next.ok_or(Mismatch)?;
                at += 1;
            }
            ('[', Some(':')) => {
                if let Inner::Item(_, end) = class_name(pattern, at)? {
                    at = end;
                }
            }
            ('[', Some('=')) => match equivalence(pattern, at) {
                Inner::Item(_, end) => at = end,
                Inner::Plain => return Err(Mismatch),
            },
            ('[', Some('.')) => {
                at = closed(pattern, at, '.').ok_or(Mismatch)?.1;
            }
            _ => {}
        }
    }
}

/// The name in `[:name:]`, from the index of the first colon.
fn class_name(pattern: &[char], colon: usize) -> Step<Inner> {
    for end in colon + 1.. {
        match pattern.get(end) {
            _ if end - colon > CLASS_NAME_MAX => return Err(Mismatch),
            Some(':') if pattern.get(end + 1) == Some(&']') => {
                return Ok(Inner::Item(pattern[colon + 1..end].to_vec(), end + 2));
            }
            Some('a'..='y') => {} // as the C library; no class has a z in its name
            _ => break,
        }
    }
    Ok(Inner::Plain)
}

/// The character in `[=x=]`, from the index of the first sign.
fn equivalence(pattern: &[char], sign: usize) -> Inner {
    match pattern.get(sign + 1..sign + 4) {
        Some([c, '=', ']']) => Inner::Item(vec![*c], sign + 4),
        _ => Inner::Plain,
    }
}

/// The character in `[.x.]`, from the index of the first dot, and the index after it. No name of
/// several characters is known.
fn symbol(pattern: &[char], dot: usize) -> Step<(char, usize)> {
    match closed(pattern, dot, '.').ok_or(Mismatch)? {
        ([c], end) => Ok((*c, end)),
        _ => Err(Mismatch),
    }
}

/// What is between the mark at this index and the next one before a `]`, and the index after that.
fn closed(pattern: &[char], mark_at: usize, mark: char) -> Option<(&[char], usize)> {
    let text = &pattern[mark_at + 1..];
    let len = text.windows(2).position(|pair| pair == [mark, ']'])?;
    Some((&text[..len], mark_at + 1 + len + 2))
}

/// Whether `c` is in the class; `None` if there is no such class.
fn is_in_class(c: char, name: &str) -> Option<bool> {
    let is_digit = c.is_ascii_digit();
    let is_alpha = c.is_alphabetic() || c.is_numeric() && !c.is_ascii() && c.to_digit(10).is_none();
    let is_blank = c == '\t' || c.is_whitespace() && !c.is_control() && !is_no_break(c);
    let is_space = c.is_whitespace() && !is_no_break(c);
    let is_graph = !c.is_control() && !is_space;
    let is_member = match name {
        "alnum" => is_alpha || is_digit,
        "alpha" => is_alpha,
        "blank" => is_blank,
        "cntrl" => c.is_control(),
        "digit" => is_digit,
        "graph" => is_graph,
        "lower" => c.is_lowercase(),
        "print" => is_graph || is_space && !c.is_control(),
        "punct" => is_graph && !is_alpha && !is_digit,
        "space" => is_space,
        "upper" => c.is_uppercase(),
        "xdigit" => c.is_ascii_hexdigit(),
        _ => return None,
    };
    Some(is_member && u32::from(c) < BYTES)
}

/// The spaces at which no line is broken are in no class of spaces.
fn is_no_break(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}')
}
