//! URLs, and keys that are equal for different spellings of one URL.

use std::borrow::Cow;

use url::{ParseError, Url};

use crate::web::percent;

/// The longest URL that is followed, in bytes; few servers accept longer ones.
pub const LENGTH_MAX: usize = 64 << 10;

/// Parses an absolute http or https URL. Returns it as text in its normal form, without fragment.
///
/// Without a scheme it is http, as for curl and wget, if the host shows that it is one: it is
/// `localhost`, or it has a dot, a port or brackets.
///
/// # Errors
/// When the text is no URL or has another scheme.
pub fn absolute(text: &str) -> Result<String, String> {
    let text = with_scheme(text);
    let url = Url::parse(&text).map_err(|err| match err {
        ParseError::RelativeUrlWithoutBase => "this is no URL: http://HOST/ is expected".to_owned(),
        err => err.to_string(),
    })?;
    if !is_web(&url) {
        return Err("only http:// and https:// are crawled".to_owned());
    }
    Ok(without_fragment(url))
}

/// The text with `http://` before it, if it begins with a host.
fn with_scheme(text: &str) -> Cow<'_, str> {
    let authority = text.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    if is_host(authority) { format!("http://{text}").into() } else { text.into() }
}

/// Whether the text is a host and not the scheme of a URL, a path or a word.
fn is_host(text: &str) -> bool {
    if text.starts_with('[') {
        return true; // the URL's parser checks the address
    }
    let is_number = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, has_port) = match text.rsplit_once(':') {
        Some((name, port)) if is_number(port) => (name, true),
        _ => (text, false),
    };
    let is_name = !name.is_empty() && !name.starts_with('.') && !name.contains([':', ' ']);
    is_name && (has_port || name.contains('.') || name.eq_ignore_ascii_case("localhost"))
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
    if has_other_scheme(text) {
        return Err(NotFetched::OtherScheme); // an image as a `data:` URL may be of any length
    }
    if text.len() > LENGTH_MAX {
        return Err(NotFetched::TooLong);
    }
    let url = base.join(text).map_err(|_| NotFetched::Malformed)?;
    if !is_web(&url) {
        return Err(NotFetched::OtherScheme);
    }
    if url.as_str().len() > LENGTH_MAX { Err(NotFetched::TooLong) } else { Ok(url) }
}

/// A URL that links are relative to.
#[derive(Clone, Debug)]
pub struct Base {
    url: Url,
    /// The length of `scheme://host:port`.
    n_origin: usize,
    /// The length of the URL up to the last slash of its path.
    n_folder: usize,
}

impl Base {
    /// Prepares `url`, which is http or https, for links.
    #[must_use]
    pub fn new(url: Url) -> Self {
        let n_origin = authority_end(url.as_str());
        let path = url.path();
        let n_folder = n_origin + path.rfind('/').map_or(0, |at| at + 1);
        Base { url, n_origin, n_folder }
    }

    /// The URL itself.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// What [`resolve`] returns for a link that consists of plain path segments, as most do, in a
    /// tenth of the time; `None` for any other link.
    #[must_use]
    pub fn join_plain(&self, text: &str) -> Option<String> {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let is_short = !text.is_empty() && text.len() <= LENGTH_MAX / 2;
        if !is_web(&self.url) || !is_short || text.starts_with("//") || !text.bytes().all(is_plain)
        {
            return None;
        }
        let (n_kept, relative) = match text.strip_prefix('/') {
            Some(rest) => (self.n_origin, rest),
            None => (self.n_folder, text),
        };
        let mut url = String::with_capacity(n_kept + text.len() + 1);
        url += &self.url.as_str()[..n_kept];
        if !url.ends_with('/') || n_kept == self.n_origin {
            url.push('/');
        }
        let (folders, last) =
            relative.rsplit_once('/').map_or((None, relative), |(a, b)| (Some(a), b));
        for segment in folders.into_iter().flat_map(|folders| folders.split('/')) {
            self.push_segment(&mut url, segment, "/");
        }
        self.push_segment(&mut url, last, "");
        (url.len() <= LENGTH_MAX).then_some(url)
    }

    /// Adds a segment to a URL that ends with a slash.
    fn push_segment(&self, url: &mut String, segment: &str, end: &str) {
        match segment {
            "." => (),
            ".." => {
                let folder = &url[self.n_origin..url.len() - 1];
                let n_parent = folder.rfind('/').map_or(1, |at| at + 1);
                url.truncate(self.n_origin + n_parent);
            }
            _ => {
                url.push_str(segment);
                url.push_str(end);
            }
        }
    }
}

/// Whether a link begins with a scheme that is neither http nor https.
fn has_other_scheme(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c <= ' ');
    let Some(end) = text.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)) else {
        return false;
    };
    let scheme = &text[..end];
    text[end..].starts_with(':')
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && !scheme.eq_ignore_ascii_case("http")
        && !scheme.eq_ignore_ascii_case("https")
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
        for text in
            ["", "host", "/path", "ftp://host/", "mailto:a@b.c", "http://", "./a.b", "a b.c"]
        {
            assert!(absolute(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_needs_no_scheme() {
        let check = |text: &str, expected: &str| {
            assert_eq!(absolute(text).as_deref(), Ok(expected), "{text}");
        };
        check("localhost:8000", "http://localhost:8000/");
        check("localhost", "http://localhost/");
        check("LocalHost/a#b", "http://localhost/a");
        check("example.org/x?y=http://z/", "http://example.org/x?y=http://z/");
        check("example.org:81", "http://example.org:81/");
        check("127.0.0.1:80/a", "http://127.0.0.1/a");
        check("[::1]:8000/a", "http://[::1]:8000/a");
        check("host:8000", "http://host:8000/");
        check("http://host", "http://host/");
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
        let data = format!("data:,{}", "x".repeat(100_000));
        for text in ["mailto:a@b", " javascript:void(0)", "data:,x", "ftp://host/", "tel:1", &data]
        {
            assert_eq!(resolved(text), Err(NotFetched::OtherScheme), "{text}");
        }
        assert_eq!(resolved("http://["), Err(NotFetched::Malformed));
        assert_eq!(resolved(&"x".repeat(100_000)), Err(NotFetched::TooLong));
        assert_eq!(resolved(&"\u{fc}".repeat(30_000)), Err(NotFetched::TooLong));
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
        fn plain_links_lead_where_others_do(
            base in "(/|\\.\\.?|[a-z~]|%2e){0,8}", text in "(/|\\.{1,3}|[a-z~]){0,8}",
        ) {
            let base = Base::new(Url::parse(&format!("http://host:81/{base}")).unwrap());
            if let Some(url) = base.join_plain(&text) {
                prop_assert_eq!(url, String::from(resolve(base.url(), &text).unwrap()));
            } else {
                prop_assert!(text.is_empty() || text.starts_with("//"));
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
