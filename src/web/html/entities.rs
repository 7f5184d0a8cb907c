//! Character references in attribute values (HTML standard, 13.2.5.72 to 13.2.5.80).

use std::borrow::Cow;

use markup5ever::data::{C1_REPLACEMENTS, NAMED_ENTITIES};

/// `text` with its character references decoded as browsers do it in an attribute value.
#[must_use]
pub fn decode(text: &str) -> Cow<'_, str> {
    let first = memchr::memchr(b'&', text.as_bytes());
    let Some(first) = first else { return Cow::Borrowed(text) };
    let mut decoded = text[..first].to_owned();
    let mut rest = &text[first..];
    while let Some(at) = rest.find('&') {
        decoded += &rest[..at];
        rest = &rest[at..];
        if let Some((chars, after)) = reference(rest) {
            decoded.extend(chars.into_iter().flatten());
            rest = after;
        } else {
            decoded.push('&');
            rest = &rest[1..];
        }
    }
    Cow::Owned(decoded + rest)
}

/// The characters that the reference at the start of `text` stands for, and the text after it.
fn reference(text: &str) -> Option<([Option<char>; 2], &str)> {
    let name = &text[1..];
    if let Some(number) = name.strip_prefix('#') {
        return numeric(number).map(|(c, after)| ([Some(c), None], after));
    }
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    let is_terminated = name[end..].starts_with(';');
    if is_terminated && let Some(chars) = named(&name[..=end]) {
        return Some((chars, &name[end + 1..]));
    }
    // Some names need no semicolon, but `&copy` in `?a=b&copy=c` is no reference.
    let goes_on =
        |at: usize| name[at..].starts_with(|c: char| c == '=' || c.is_ascii_alphanumeric());
    let longest = (1..=end).rev().find(|&at| named(&name[..at]).is_some())?;
    (!goes_on(longest)).then(|| (named(&name[..longest]).unwrap_or_default(), &name[longest..]))
}

fn named(name: &str) -> Option<[Option<char>; 2]> {
    let &(first, second) = NAMED_ENTITIES.get(name)?;
    let char = |code| char::from_u32(code).filter(|&c| c != '\0');
    char(first).map(|first| [Some(first), char(second)]) // 0 stands for the beginning of a longer name
}

fn numeric(text: &str) -> Option<(char, &str)> {
    let (digits, radix) = match text.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (text, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    if end == 0 {
        return None;
    }
    let code = u32::from_str_radix(&digits[..end], radix).unwrap_or(u32::MAX); // too large
    let after = digits[end..].strip_prefix(';').unwrap_or(&digits[end..]);
    Some((character(code), after))
}

/// The character of a number, with the corrections that the standard prescribes.
fn character(code: u32) -> char {
    let windows_1252 = code.checked_sub(0x80).and_then(|n| C1_REPLACEMENTS.get(n as usize));
    let code = windows_1252.copied().flatten().map_or(code, u32::from);
    char::from_u32(code).filter(|&c| c != '\0').unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use scraper::Html;

    /// What scraper decodes `text` to.
    fn oracle(text: &str) -> String {
        let tree = Html::parse_fragment(&format!("<p title=\"{text}\">"));
        let selector = scraper::Selector::parse("p").unwrap();
        tree.select(&selector).next().unwrap().attr("title").unwrap().to_owned()
    }

    #[test]
    fn references_are_decoded() {
        let check = |text: &str, expected: &str| {
            assert_eq!(decode(text), expected, "{text}");
            assert_eq!(oracle(text), expected, "{text}, by scraper");
        };
        check("plain", "plain");
        check("a&amp;b&#38;c&#x26;d&#X26", "a&b&c&d&");
        check("?a=1&copy=2&amp=3", "?a=1&copy=2&amp=3");
        check("?a=1&lang;", "?a=1\u{27e8}");
        check("&copy &copy;&notit;&not;", "\u{a9} \u{a9}&notit;\u{ac}");
        check("&#150;&#0;&#xd800;&#99999999999;", "\u{2013}\u{fffd}\u{fffd}\u{fffd}");
        check("&NotEqualTilde;", "\u{2242}\u{338}");
        check("&;&#;&#x;&& &nonsense; &", "&;&#;&#x;&& &nonsense; &");
        check("&\u{e4};", "&\u{e4};");
    }

    proptest! {
        #[test]
        fn decodes_like_scraper(text in "(&|&amp|&lt|&copy|&not|in|&#x?|[0-9]{1,3}|;|=|[a-z ]|\u{e4}){0,12}") {
            prop_assert_eq!(decode(&text), oracle(&text));
        }
    }
}
