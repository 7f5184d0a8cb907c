//! Upper and lower case as Go's `strings` package has it, on bytes that need not be UTF-8.
//!
//! Go maps rune by rune, one to one: `ß` has no upper case and a final sigma is no exception.
//! Rust's `str::to_uppercase` gives `SS` and its `to_lowercase` `ς`. An echo that should sound
//! like the book's follows Go. Bytes that are not UTF-8 become U+FFFD, one each, as in Go.

/// Upper case, as `strings.ToUpper`.
#[must_use]
pub fn upper(text: &[u8]) -> Vec<u8> {
    map(text, upper_rune)
}

/// Lower case, as `strings.ToLower`.
#[must_use]
pub fn lower(text: &[u8]) -> Vec<u8> {
    map(text, |c| c.to_lowercase().next().unwrap_or(c))
}

fn map(text: &[u8], rune: impl Fn(char) -> char) -> Vec<u8> {
    let mut mapped = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        mapped.extend(chunk.valid().chars().map(&rune));
        mapped.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    mapped.into_bytes()
}

/// The simple (one to one) upper case of `UnicodeData.txt`.
fn upper_rune(c: char) -> char {
    let mut full = c.to_uppercase();
    match (full.next(), full.next()) {
        (Some(upper), None) => upper,
        // Greek with iota below: the full mapping writes the iota out, the simple one is title case.
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
    fn case_is_gos() {
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
    fn bytes_that_are_no_text_are_replaced_one_by_one() {
        assert_eq!(upper(b"a\xff\xfeb\0"), "A\u{fffd}\u{fffd}B\0".as_bytes());
        assert_eq!(lower(b"\xe2\x82"), "\u{fffd}\u{fffd}".as_bytes());
    }
}
