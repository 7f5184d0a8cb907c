//! Attribute values that are more than one URL: srcset, refresh, rel.

use std::ops::Range;

use super::items::Category;

/// Whether `word` is among the words of `text`, in upper or lower case.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    text.split_ascii_whitespace().any(|w| w.eq_ignore_ascii_case(word))
}

/// The category of a `<link>` with that rel; `None` if its URL is not worth a request.
pub(super) fn link_category(rel: &str) -> Option<Category> {
    const ASSETS: [&str; 7] = [
        "stylesheet",
        "icon",
        "preload",
        "modulepreload",
        "manifest",
        "apple-touch-icon",
        "mask-icon",
    ];
    const HINTS: [&str; 4] = ["dns-prefetch", "preconnect", "pingback", "edituri"];
    let is_one_of = |words: &[&str]| words.iter().any(|word| has_word(rel, word));
    match () {
        () if is_one_of(&ASSETS) => Some(Category::Asset),
        () if is_one_of(&HINTS) => None,
        () => Some(Category::Page),
    }
}

/// The ranges of the URLs in a srcset.
pub(super) fn srcset(value: &str) -> Vec<Range<usize>> {
    let is_gap = |c: char| c.is_ascii_whitespace() || c == ',';
    let mut urls = Vec::new();
    let mut at = 0;
    while let Some(start) = value[at..].find(|c| !is_gap(c)).map(|n| at + n) {
        let end = value[start..].find(|c: char| c.is_ascii_whitespace());
        let end = end.map_or(value.len(), |n| start + n);
        let url = value[start..end].trim_end_matches(',');
        urls.push(start..start + url.len());
        // A comma directly after the URL ends the candidate; otherwise its descriptors follow.
        at = if url.len() < end - start { end } else { descriptors_end(value, end) };
    }
    urls
}

/// The position of the comma after the descriptors; one inside parentheses does not count.
fn descriptors_end(value: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    let is_end = |(_, c): &(usize, char)| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => (),
        }
        *c == ',' && depth == 0
    };
    value[from..].char_indices().find(is_end).map_or(value.len(), |(n, _)| from + n)
}

/// The range of the URL in the content of a refresh, as in `5; url='x'`.
pub(super) fn refresh(value: &str) -> Option<Range<usize>> {
    let rest = value.trim_start();
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    if rest.len() == value.trim_start().len() {
        return None; // without a time this is no refresh
    }
    let separator = |c: char| c == ';' || c == ',' || c.is_ascii_whitespace();
    let url = rest.trim_start_matches(separator);
    if url.len() == rest.len() {
        return None;
    }
    let url = after_name(url).unwrap_or(url);
    let unquoted = url.strip_prefix(['"', '\'']);
    let url = match unquoted {
        Some(inside) => inside.split(&url[..1]).next().unwrap_or(inside),
        None => url.trim_end(),
    };
    let start = url.as_ptr() as usize - value.as_ptr() as usize;
    (!url.is_empty()).then(|| start..start + url.len())
}

/// The text after `url =`, if `text` begins with that.
fn after_name(text: &str) -> Option<&str> {
    let name = text.get(..3).filter(|name| name.eq_ignore_ascii_case("url"))?;
    text[name.len()..].trim_start().strip_prefix('=').map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn srcsets() {
        let check = |value: &str, expected: &[&str]| {
            let urls: Vec<&str> = srcset(value).into_iter().map(|url| &value[url]).collect();
            assert_eq!(urls, expected, "{value}");
        };
        check("a.png", &["a.png"]);
        check("a.png 1x, b.png 2x", &["a.png", "b.png"]);
        check(" a,b.png 1x ,, c.png, d", &["a,b.png", "c.png", "d"]);
        check("a (x,y) 1x, b", &["a", "b"]);
        check(", ,", &[]);
        check("", &[]);
    }

    #[test]
    fn refreshes() {
        let check = |value: &str, expected: Option<&str>| {
            assert_eq!(refresh(value).map(|url| &value[url]), expected, "{value}");
        };
        check("5; url=x", Some("x"));
        check(" 0;URL = 'a b' ", Some("a b"));
        check("0, /x ", Some("/x"));
        check("0;url=\"x", Some("x"));
        check("5", None);
        check("url=x", None);
        check("0;", None);
        check("\u{e4}", None);
    }

    #[test]
    fn rels() {
        assert_eq!(link_category("alternate StyleSheet"), Some(Category::Asset));
        assert_eq!(link_category("next"), Some(Category::Page));
        assert_eq!(link_category("preconnect"), None);
        assert!(has_word("noopener NoFollow", "nofollow") && !has_word("nofollowing", "nofollow"));
    }

    proptest! {
        #[test]
        fn urls_are_apart_and_without_spaces(value in "[0-9;, url='\"()x\u{e4}]{0,20}") {
            let urls = srcset(&value);
            prop_assert!(urls.windows(2).all(|pair| pair[0].end <= pair[1].start), "{urls:?}");
            for url in urls {
                prop_assert!(!value[url.clone()].is_empty() && !value[url].contains(' '));
            }
            prop_assert!(refresh(&value).is_none_or(|url| !value[url].is_empty()));
        }
    }
}
