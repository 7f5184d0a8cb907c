//! Fragments of URLs, and the elements that they refer to (HTML standard, 7.4.2.3.3).

use super::texts::hash;
use crate::web::percent;

/// The fragment of a URL without its directive, as in `#id:~:text=…` (URL Fragment Text Directives,
/// 3.1); `None` if nothing is left.
pub(super) fn without_directive(fragment: &str) -> Option<&str> {
    let id = fragment.split(":~:").next().unwrap_or_default();
    (!id.is_empty()).then_some(id)
}

/// Whether a page with these ids, as sorted hashes, has an element that the fragment refers to.
///
/// The fragment is looked up as it is, then with its percent-encoding decoded; `top` is the top of
/// every page.
pub(super) fn exists(fragment: &str, ids: &[u64]) -> bool {
    let has = |id: &[u8]| ids.binary_search(&hash(id)).is_ok();
    if has(fragment.as_bytes()) {
        return true;
    }
    let decoded = percent::decoded(fragment);
    // Where the decoded bytes are not UTF-8, browsers look for U+FFFD.
    let decoded = String::from_utf8_lossy(&decoded);
    has(decoded.as_bytes()) || decoded.eq_ignore_ascii_case("top")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_as_browsers_find_them() {
        let check = |fragment: &str, id: &str, expected: bool| {
            assert_eq!(exists(fragment, &[hash(id.as_bytes())]), expected, "{fragment} {id}");
        };
        check("a", "a", true);
        check("a", "A", false);
        check("a%20b", "a b", true);
        check("a%20b", "a%20b", true);
        check("impl-From%3CT%3E", "impl-From%3CT%3E", true); // as rustdoc writes it
        check("impl-From%3CT%3E", "impl-From<T>", true);
        check("impl-From%253CT", "impl-From%3CT", true);
        check("%FF", "\u{fffd}", true);
        check("TOP", "", true);
        check("%74op", "", true);
        check("top2", "", false);
    }

    #[test]
    fn directives_belong_to_no_fragment() {
        assert_eq!(without_directive("sec:~:text=a"), Some("sec"));
        assert_eq!(without_directive(":~:text=a"), None);
        assert_eq!(without_directive("a:~b"), Some("a:~b"));
    }
}
