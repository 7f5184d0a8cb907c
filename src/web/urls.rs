//! URLs, and keys that are equal for different spellings of one URL.

use std::borrow::Cow;

use url::Url;

use crate::web::percent;

/// The longest URL that is followed, in bytes; few servers accept longer ones.
pub const LENGTH_MAX: usize = 8_192;

/// Parses an absolute http or https URL. Returns it as text in its normal form, without fragment.
///
/// # Errors
/// When the text is no URL or has another scheme.
pub fn absolute(text: &str) -> Result<String, String> {
    let url = Url::parse(text).map_err(|err| err.to_string())?;
    if !is_web(&url) {
        return Err("only http:// and https:// are crawled".to_owned());
    }
    Ok(without_fragment(url))
}

/// Whether the scheme is http or https.
#[must_use]
pub fn is_web(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
}

/// The URL as text, without its fragment.
#[must_use]
pub fn without_fragment(mut url: Url) -> String {
    url.set_fragment(None);
    url.into()
}

/// Resolves the text of a link against `base`, as browsers do.
///
/// # Errors
/// When the result is no http or https URL, or longer than [`LENGTH_MAX`].
pub fn resolve(base: &Url, text: &str) -> Result<Url, NotFetched> {
    if text.len() > LENGTH_MAX {
        return Err(NotFetched::TooLong);
    }
    let url = base.join(text).map_err(|_| NotFetched::Malformed)?;
    if !is_web(&url) {
        return Err(NotFetched::OtherScheme);
    }
    if url.as_str().len() > LENGTH_MAX { Err(NotFetched::TooLong) } else { Ok(url) }
}

/// Why a link cannot be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotFetched {
    /// It is longer than [`LENGTH_MAX`].
    TooLong,
    /// It is no valid URL.
    Malformed,
    /// Its scheme is neither http nor https, as in `mailto:` or `javascript:`.
    OtherScheme,
}

/// The key of a URL without fragment: percent-encoding in its normal form and no empty query.
///
/// The URL's parser has already put scheme and host in lower case and removed default ports and dot
/// segments.
#[must_use]
pub fn key(url: &str) -> Cow<'_, str> {
    let without_query = url.strip_suffix('?').filter(|rest| !rest.contains('?'));
    percent::normal(without_query.unwrap_or(url))
}

/// The origin, `scheme://host:port`, of an absolute URL.
#[must_use]
pub fn origin(url: &str) -> &str {
    &url[..authority_end(url)]
}

/// The path and query of an absolute URL.
#[must_use]
pub fn path(url: &str) -> &str {
    &url[authority_end(url)..]
}

fn authority_end(url: &str) -> usize {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url.len(), |at| host + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arguments_are_absolute() {
        assert_eq!(absolute("HTTP://Host:80#x").as_deref(), Ok("http://host/"));
        for text in ["", "host", "/path", "ftp://host/", "mailto:a@b", "http://"] {
            assert!(absolute(text).is_err(), "{text}");
        }
    }

    fn resolved(text: &str) -> Result<String, NotFetched> {
        let base = Url::parse("http://host/dir/page?q").unwrap();
        let mut url = resolve(&base, text)?;
        url.set_fragment(None);
        Ok(key(url.as_str()).into_owned())
    }

    #[test]
    fn spellings_have_one_key() {
        let check = |text: &str, expected: &str| {
            assert_eq!(resolved(text).as_deref(), Ok(expected), "{text}");
        };
        check("HTTP://HOST:80", "http://host/");
        check("https://host:443/a", "https://host/a");
        check("http://host:8080/a", "http://host:8080/a");
        check("../a/./b/../c#x", "http://host/a/c");
        check("/%7Ejoe/%2f", "http://host/~joe/%2F");
        check("/a?", "http://host/a");
        check("?", "http://host/dir/page");
        check("??", "http://host/dir/page??");
        check("", "http://host/dir/page?q");
        check("  /a\n", "http://host/a");
        check("/\u{fc}", "http://host/%C3%BC");
        check("http://b\u{fc}cher.example/", "http://xn--bcher-kva.example/");
        check("//other/x", "http://other/x");
    }

    #[test]
    fn links_that_are_not_fetched() {
        for text in ["mailto:a@b", "javascript:void(0)", "data:,x", "ftp://host/", "tel:1"] {
            assert_eq!(resolved(text), Err(NotFetched::OtherScheme), "{text}");
        }
        assert_eq!(resolved("http://["), Err(NotFetched::Malformed));
        assert_eq!(resolved(&"x".repeat(100_000)), Err(NotFetched::TooLong));
        assert_eq!(resolved(&"\u{fc}".repeat(4_000)), Err(NotFetched::TooLong));
    }

    #[test]
    fn parts() {
        assert_eq!(origin("http://h:1/a/b?c"), "http://h:1");
        assert_eq!(path("http://h:1/a/b?c"), "/a/b?c");
    }

    proptest! {
        #[test]
        fn a_key_is_a_url_with_that_key(text in "(/|\\.|%[0-9a-fA-F]{2}|[a-z~?=&:@\u{e4}]){0,20}") {
            if let Ok(key) = resolved(&text) {
                prop_assert_eq!(resolved(&key), Ok(key));
            }
        }

        #[test]
        fn a_resolved_url_can_be_fetched(text in "(https?:|//|[#:@]|\\PC){0,20}") {
            if let Ok(key) = resolved(&text) {
                prop_assert!(key.starts_with("http://") || key.starts_with("https://"), "{key}");
                prop_assert!(key.is_ascii() && !key.contains(['#', ' ']), "{key}");
                prop_assert!(path(&key).starts_with('/'), "{key}");
            }
        }
    }
}
