//! The media type of a body whose Content-Type says nothing (WHATWG MIME Sniffing, 5 and 7.1).

/// How many bytes of a body are looked at, as the standard says.
pub const HEAD: usize = 1_445;

/// Tags that a page may begin with.
const TAGS: [&str; 16] = [
    "!DOCTYPE HTML",
    "HTML",
    "HEAD",
    "SCRIPT",
    "IFRAME",
    "H1",
    "DIV",
    "FONT",
    "TABLE",
    "A",
    "STYLE",
    "TITLE",
    "B",
    "BODY",
    "BR",
    "P",
];

/// Whether a Content-Type, in lower case and without parameters, says nothing about the body.
#[must_use]
pub fn is_unknown(mime: &str) -> bool {
    let is_type =
        mime.split_once('/').is_some_and(|(kind, sub)| !kind.is_empty() && !sub.is_empty());
    !is_type || matches!(mime, "unknown/unknown" | "application/unknown" | "*/*")
}

/// The media type of a body that begins with `head`, as far as it may have links: HTML or XML.
#[must_use]
pub fn mime(head: &[u8]) -> Option<&'static str> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = text.iter().position(|byte| !b"\t\n\x0C\r ".contains(byte))?;
    let text = &text[start..];
    if text.starts_with(b"<?xml") {
        return Some("text/xml");
    }
    let tag = text.strip_prefix(b"<")?;
    let begins = |name: &&str| {
        let found = tag.get(..name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name.as_bytes()))
            && matches!(tag.get(name.len()), Some(b' ' | b'>'))
    };
    (tag.starts_with(b"!--") || TAGS.iter().any(|name| begins(&name))).then_some("text/html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_recognised() {
        let check = |head: &str, expected: Option<&str>| {
            assert_eq!(mime(head.as_bytes()), expected, "{head}")
        };
        check("<!doctype html>\n", Some("text/html"));
        check(" \n<html lang=en>", Some("text/html"));
        check("\u{feff}<P>", Some("text/html"));
        check("<!-- -->", Some("text/html"));
        check("<?xml version='1.0'?>", Some("text/xml"));
        check("<htmlx>", None);
        check("<a", None);
        check("plain <a href=x>", None);
        check("", None);
        assert!(is_unknown("") && is_unknown("html") && is_unknown("*/*"));
        assert!(!is_unknown("text/plain"));
    }
}
