//! The URLs in a style sheet: `url(...)` and `@import "..."`.

use std::ops::Range;

/// The ranges of the URLs in a style sheet, without quotes and in order.
#[must_use]
pub fn urls(sheet: &str) -> Vec<Range<usize>> {
    let bytes = sheet.as_bytes();
    let mut urls = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest.starts_with(b"/*") {
            at = sheet[at + 2..].find("*/").map_or(bytes.len(), |end| at + 2 + end + 2);
        } else if starts_with(rest, b"url(") && !is_inside_name(bytes, at) {
            let url = unquoted_or_string(bytes, at + 4);
            at = url.end.max(at + 4);
            urls.push(url);
        } else if starts_with(rest, b"@import") {
            at = skip_space(bytes, at + 7);
            if matches!(bytes.get(at), Some(b'"' | b'\'')) {
                let url = string(bytes, at);
                at = url.end + 1;
                urls.push(url);
            }
        } else if matches!(rest[0], b'"' | b'\'') {
            at = string(bytes, at).end + 1;
        } else {
            at += 1;
        }
    }
    urls.retain(|url| !url.is_empty());
    urls
}

fn starts_with(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len() && text[..word.len()].eq_ignore_ascii_case(word)
}

/// Whether the byte before `at` is part of a name, as in `my-url(`.
fn is_inside_name(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || b"-_".contains(&bytes[at - 1]))
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let is_text = |byte: &u8| !byte.is_ascii_whitespace();
    bytes[from..].iter().position(is_text).map_or(bytes.len(), |n| from + n)
}

/// The range of the URL after `url(`, in quotes or not.
fn unquoted_or_string(bytes: &[u8], from: usize) -> Range<usize> {
    let start = skip_space(bytes, from);
    if matches!(bytes.get(start), Some(b'"' | b'\'')) {
        return string(bytes, start);
    }
    let is_end = |byte: &u8| *byte == b')' || byte.is_ascii_whitespace();
    start..bytes[start..].iter().position(is_end).map_or(bytes.len(), |n| start + n)
}

/// The range inside the string whose opening quote is at `at`. The end of a line ends it, too.
fn string(bytes: &[u8], at: usize) -> Range<usize> {
    let (quote, start) = (bytes[at], at + 1);
    let mut end = start;
    while end < bytes.len() && bytes[end] != quote && bytes[end] != b'\n' {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    start..end.min(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_found() {
        let check = |sheet: &str, expected: &[&str]| {
            let texts: Vec<&str> = urls(sheet).into_iter().map(|url| &sheet[url]).collect();
            assert_eq!(texts, expected, "{sheet}");
        };
        check(
            "a { background: url(a.png) } b { background: URL( 'b c.png' ) }",
            &["a.png", "b c.png"],
        );
        check("@import \"x.css\"; @IMPORT url(y.css) screen;", &["x.css", "y.css"]);
        check("/* url(no) */ a { content: 'url(no)' } b { src: url(yes) }", &["yes"]);
        check("a { b: my-url(no) } url()", &[]);
        check("url(unfinished", &["unfinished"]);
        check("url('a\\'b')", &["a\\'b"]);
        check("url(\u{e4})", &["\u{e4}"]);
        check("/* unfinished url(no)", &[]);
    }

    proptest! {
        #[test]
        fn ranges_are_apart_and_not_empty(
            sheet in "(url\\(|@import|[\"'()/* \\\\\n\u{e4}]){0,20}",
        ) {
            let urls = urls(&sheet);
            prop_assert!(urls.windows(2).all(|pair| pair[0].end <= pair[1].start), "{urls:?}");
            prop_assert!(urls.into_iter().all(|url| !sheet[url].is_empty()));
        }
    }
}
