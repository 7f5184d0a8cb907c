//! The page, as it is sent: one file, and a policy under which nothing else runs.

use std::sync::LazyLock;

use data_encoding::BASE64;
use ring::digest::{SHA256, digest};

/// The page. It loads nothing but itself.
const PAGE: &str = include_str!("page.html");

/// The policy of the page but for the host: only the style and the script in it count, which their
/// hashes show (Content Security Policy Level 3, 2.3.1).
static POLICY: LazyLock<String> = LazyLock::new(|| {
    format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; connect-src 'self'",
        hash(element("script")),
        hash(element("style"))
    )
});

/// The answer to a request for the page, which may connect to `host`.
pub(super) fn response(host: &str) -> String {
    let policy = &*POLICY;
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: {policy} ws://{host} wss://{host}\r\n\
         X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n\
         Cache-Control: no-cache\r\nConnection: close\r\n\r\n{PAGE}",
        PAGE.len()
    )
}

fn hash(text: &str) -> String {
    format!("sha256-{}", BASE64.encode(digest(&SHA256, text.as_bytes()).as_ref()))
}

/// The text between the tags of the page's one element of this name.
fn element(name: &str) -> &'static str {
    let (start, end) = (format!("<{name}>"), format!("</{name}>"));
    let text = PAGE.split_once(&*start).and_then(|(_, text)| text.split_once(&*end));
    text.map_or("", |(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_one_file_that_loads_nothing() {
        for name in ["script", "style"] {
            assert!(element(name).len() > 100, "{name}");
            assert_eq!(PAGE.matches(&format!("<{name}")).count(), 1, "{name}");
        }
        for outside in ["src=", "@import", "url(", "innerHTML", "http://", "https://", " on"] {
            let is_there = PAGE.split('<').any(|tag| outside == " on" && is_handler(tag));
            assert!(!is_there && (outside == " on" || !PAGE.contains(outside)), "{outside}");
        }
    }

    /// Whether a tag has an attribute such as onclick, which the policy forbids.
    fn is_handler(tag: &str) -> bool {
        let attributes = tag.split('>').next().unwrap_or_default();
        attributes.split_whitespace().any(|word| word.starts_with("on") && word.contains('='))
    }

    #[test]
    fn hashes_are_those_of_the_standard() {
        // CSP Level 3, 2.3.1: the hash of `alert('Hello, world.');`.
        let expected = "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=";
        assert_eq!(hash("alert('Hello, world.');"), expected);
    }
}
