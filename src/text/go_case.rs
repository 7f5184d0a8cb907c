//! Upper and lower case as in Go's `strings` package, for bytes that need not be UTF-8.
//!
//! Go maps each character to one character: `ß` has no upper case, and a sigma at the end of a word
//! is no exception, where Rust's `str::to_uppercase` returns `SS` and its `to_lowercase` `ς`. The
//! programs that echo text follow the book's, and so Go. Each byte that is not UTF-8 becomes
//! U+FFFD, as in Go.

/// Returns `text` in upper case, as Go's `strings.ToUpper` does.
///
/// ```
/// use threadbare::text::go_case;
///
/// assert_eq!(go_case::upper("Straße".as_bytes()), "STRAßE".as_bytes());
/// ```
#[must_use]
pub fn upper(text: &[u8]) -> Vec<u8> {
    map(text, upper_char)
}

/// Returns `text` in lower case, as Go's `strings.ToLower` does.
#[must_use]
pub fn lower(text: &[u8]) -> Vec<u8> {
    map(text, |c| c.to_lowercase().next().unwrap_or(c))
}

fn map(text: &[u8], map_char: impl Fn(char) -> char) -> Vec<u8> {
    let mut mapped = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        mapped.extend(chunk.valid().chars().map(&map_char));
        mapped.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    mapped.into_bytes()
}

/// The simple upper-case mapping (to one character) of `UnicodeData.txt`.
fn upper_char(c: char) -> char {
    let mut full = c.to_uppercase();
    match (full.next(), full.next()) {
        (Some(upper), None) => upper,
        // Greek with iota subscript: the full mapping is two letters, the simple one is title case.
        _ => match c {
            '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
                char::from_u32(c as u32 + 8).unwrap_or(c)
            }
            '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(c as u32 + 9).unwrap_or(c),
            _ => c,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_mapped_as_in_go() {
        let check = |text: &str, up: &str, low: &str| {
            assert_eq!(upper(text.as_bytes()), up.as_bytes(), "upper {text}");
            assert_eq!(lower(text.as_bytes()), low.as_bytes(), "lower {text}");
        };
        check("Hello", "HELLO", "hello");
        check("ß", "ß", "ß");
        check("ΑΣ", "ΑΣ", "ασ");
        check("ᾳ", "ᾼ", "ᾳ");
        check("ᾀ", "ᾈ", "ᾀ");
        check("İ", "İ", "i");
        check("ŉ", "ŉ", "ŉ");
        check("", "", "");
    }

    #[test]
    fn each_byte_that_is_not_utf8_is_replaced() {
        assert_eq!(upper(b"a\xff\xfeb\0"), "A\u{fffd}\u{fffd}B\0".as_bytes());
        assert_eq!(lower(b"\xe2\x82"), "\u{fffd}\u{fffd}".as_bytes());
    }
}
