//! Percent-encoding (RFC 3986, 2.1 and 6.2.2): two spellings of one path become equal.

use std::borrow::Cow;

/// The normal form of `text`: unreserved characters are decoded, bytes outside ASCII are encoded,
/// hexadecimal digits are in upper case. A `%` that begins no encoding stays as it is.
#[must_use]
pub fn normal(text: &str) -> Cow<'_, str> {
    if text.is_ascii() && !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut normal = String::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let decoded = encoded(rest);
        rest = if decoded.is_some() { &rest[3..] } else { after };
        // A digit decoded after a `%` that begins no encoding would make it begin one.
        let is_open = normal.bytes().rev().take(2).any(|byte| byte == b'%');
        let is_plain = decoded.map_or(byte.is_ascii(), |byte| is_unreserved(byte) && !is_open);
        let byte = decoded.unwrap_or(byte);
        if is_plain {
            normal.push(byte.into());
        } else {
            push(&mut normal, byte);
        }
    }
    Cow::Owned(normal)
}

/// The bytes that `text` stands for, with every `%XX` decoded.
#[must_use]
pub fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let decoded = encoded(rest);
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &rest[3..] } else { after };
    }
    bytes
}

/// A name as a segment of a URL's path: every byte is encoded that may mean anything else there.
#[must_use]
pub fn encoded_name(name: &[u8]) -> String {
    encoded_except(name, is_unreserved)
}

/// The text in which every byte is encoded for which `is_plain` is false.
#[must_use]
pub fn encoded_except(bytes: &[u8], is_plain: impl Fn(u8) -> bool) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if is_plain(byte) {
            text.push(byte.into());
        } else {
            push(&mut text, byte);
        }
    }
    text
}

/// The byte encoded by the `%XX` that `text` begins with, if it does.
fn encoded(text: &[u8]) -> Option<u8> {
    let &[b'%', high, low, ..] = text else { return None };
    let digit = |c: u8| char::from(c).to_digit(16);
    u8::try_from(digit(high)? << 4 | digit(low)?).ok()
}

fn push(text: &mut String, byte: u8) {
    let digit = |n: u8| char::from(b"0123456789ABCDEF"[usize::from(n)]);
    text.extend(['%', digit(byte >> 4), digit(byte & 15)]);
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_become_one() {
        let check = |text: &str, expected: &str| assert_eq!(normal(text), expected, "{text}");
        check("/plain?q=1", "/plain?q=1");
        check("/%7Ejoe", "/~joe");
        check("/%7ejoe%2f", "/~joe%2F");
        check("/\u{e4}", "/%C3%A4");
        check("/100%", "/100%");
        check("/%zz%4", "/%zz%4");
        check("%2541", "%2541");
        check("%%30A", "%%30A");
    }

    proptest! {
        #[test]
        fn normal_is_final_and_means_the_same(text in "([a-zA-Z/%~\u{e4}]|%[0-9a-fA-F]{2}){0,20}") {
            let once = normal(&text).into_owned();
            prop_assert_eq!(decoded(&once), decoded(&text));
            prop_assert_eq!(normal(&once), &*once);
        }
    }
}
