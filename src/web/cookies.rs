//! Cookies (RFC 6265): those that servers set during a run, and those of a file.
//!
//! There is no list of public suffixes. A cookie for a whole top-level domain is refused, one for
//! `co.uk` is not.

use std::cmp::Reverse;
use std::fmt;
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use cookie_store::{CookieError, CookieStore, RawCookie};
use url::Url;

use crate::threads::lock;

/// The longest cookie that is kept, in bytes (RFC 6265, 6.1).
const COOKIE_MAX: usize = 4 << 10;
/// How many cookies are kept (RFC 6265, 6.1).
const COOKIES_MAX: usize = 3_000;
/// The longest Cookie header that is sent, in bytes; servers refuse longer ones.
const HEADER_MAX: usize = 8 << 10;

/// The cookies of a run; clones share them.
#[derive(Clone, Default)]
pub struct Cookies {
    store: Arc<Mutex<CookieStore>>,
    /// The number of cookies ever stored: while it is 0, a request needs no lock.
    n_stored: Arc<AtomicUsize>,
}

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Their values are secrets.
        f.debug_struct("Cookies").field("n_stored", &self.n_stored).finish_non_exhaustive()
    }
}

impl Cookies {
    /// Reads the cookies in the file `path`, which has the format of Netscape's `cookies.txt`, as
    /// curl and browsers' extensions write it: domain, whether subdomains count, path, whether it is
    /// for https only, expiry in seconds since 1970 or 0, name and value, with a tab between.
    ///
    /// # Errors
    /// When the file cannot be read, or a line is no cookie; the message has its number.
    pub fn read(path: &str) -> Result<Self, String> {
        let text = fs::read(path).map_err(|err| err.to_string())?;
        let cookies = Cookies::default();
        for (number, line) in (1..).zip(String::from_utf8_lossy(&text).lines()) {
            let added = cookies.add_line(line);
            added.map_err(|reason| format!("line {number}: {reason}"))?;
        }
        Ok(cookies)
    }

    fn add_line(&self, line: &str) -> Result<(), String> {
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        if line.starts_with('#') || line.trim().is_empty() {
            return Ok(());
        }
        let (set_cookie, url) = set_cookie(line)?;
        match lock(&self.store).parse(&set_cookie, &url) {
            Ok(_) => {
                self.n_stored.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(CookieError::Expired) => Ok(()),
            Err(err) => Err(err.to_string()),
        }
    }

    /// The value of the Cookie header for a request to `url`, if there is one: cookies with longer
    /// paths first (RFC 6265, 5.4).
    pub(super) fn header(&self, url: &str) -> Option<String> {
        if self.n_stored.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let url = Url::parse(url).ok()?;
        let store = lock(&self.store);
        let mut cookies = store.matches(&url);
        cookies.sort_by_key(|cookie| (Reverse(cookie.path.len()), cookie.name().to_owned()));
        let mut header = String::new();
        for cookie in cookies {
            let (name, value) = (cookie.name(), cookie.value());
            if header.len() + name.len() + value.len() < HEADER_MAX {
                let separator = if header.is_empty() { "" } else { "; " };
                header.extend([separator, name, "=", value]);
            }
        }
        (!header.is_empty()).then_some(header)
    }

    /// Stores the cookies that the response from `url` sets.
    pub(super) fn store<'a>(&self, url: &str, set_cookies: impl Iterator<Item = &'a [u8]>) {
        let mut set_cookies = set_cookies.peekable();
        if set_cookies.peek().is_none() {
            return;
        }
        let Ok(url) = Url::parse(url) else { return };
        for cookie in set_cookies.filter_map(acceptable) {
            if self.n_stored.load(Ordering::Relaxed) >= COOKIES_MAX {
                return;
            }
            if lock(&self.store).insert_raw(&cookie, &url).is_ok() {
                self.n_stored.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// A Set-Cookie header's cookie, if it can be sent back and is not for a whole top-level domain.
fn acceptable(header: &[u8]) -> Option<RawCookie<'_>> {
    let header = str::from_utf8(header).ok().filter(|header| header.len() <= COOKIE_MAX)?;
    let cookie = RawCookie::parse(header).ok()?;
    let is_sendable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let is_narrow = cookie.domain().is_none_or(|domain| {
        let domain = domain.trim_matches('.');
        domain.contains('.') || domain.eq_ignore_ascii_case("localhost")
    });
    let is_kept = is_narrow && is_sendable(cookie.name()) && is_sendable(cookie.value());
    is_kept.then_some(cookie)
}

/// The Set-Cookie header that a line of a file stands for, and the URL of a response with it.
fn set_cookie(line: &str) -> Result<(String, Url), String> {
    let fields: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
    let (&[domain, subdomains, path, secure, expiry, name], value) = match &*fields {
        [first @ .., value] if fields.len() == 7 => (first.try_into().expect("six fields"), *value),
        _ if fields.len() == 6 => (fields[..].try_into().expect("six fields"), ""), // as curl does
        _ => return Err(format!("{} fields instead of 7 with a tab between", fields.len())),
    };
    let host = domain.trim_start_matches('.');
    let url = Url::parse(&format!("https://{host}/")).map_err(|err| format!("{domain}: {err}"))?;
    if name.is_empty() || [name, value, path].iter().any(|field| field.contains(';')) {
        return Err("no cookie has such a name, value or path".to_owned());
    }
    let mut cookie = format!("{name}={value}; Path={path}");
    if is_true(subdomains)? && url.domain().is_some() {
        cookie.extend(["; Domain=", host]);
    }
    if is_true(secure)? {
        cookie += "; Secure";
    }
    let seconds = expiry.split('.').next().unwrap_or_default();
    let expiry: i64 = seconds.parse().map_err(|_| format!("{expiry}: no time in seconds"))?;
    if expiry != 0 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let age = expiry.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
        cookie.extend(["; Max-Age=", &age.max(0).to_string()]);
    }
    Ok((cookie, url))
}

fn is_true(text: &str) -> Result<bool, String> {
    match () {
        () if text.eq_ignore_ascii_case("true") => Ok(true),
        () if text.eq_ignore_ascii_case("false") => Ok(false),
        () => Err(format!("{text}: neither TRUE nor FALSE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(cookies: &Cookies, url: &str) -> String {
        cookies.header(url).unwrap_or_default()
    }

    #[test]
    fn cookies_are_sent_where_rfc_6265_says() {
        let cookies = Cookies::default();
        let set = |url: &str, cookie: &str| cookies.store(url, [cookie.as_bytes()].into_iter());
        let check =
            |url: &str, expected: &str| assert_eq!(header(&cookies, url), expected, "{url}");
        check("http://a.example.org/", "");
        set("http://a.example.org/dir/page", "own=1"); // default path, this host only
        set("http://a.example.org/", "wide=2; Domain=example.org; Path=/");
        set("https://a.example.org/", "safe=3; Secure; HttpOnly");
        set("http://a.example.org/", "foreign=4; Domain=other.org");
        set("http://a.example.org/", "huge=5; Domain=org");
        set("http://a.example.org/", "old=6; Max-Age=0");
        set("http://a.example.org/", "umlaut=\u{e4}");
        check("http://a.example.org/dir/x", "own=1; wide=2");
        check("http://a.example.org/directory", "wide=2");
        check("https://a.example.org/", "safe=3; wide=2");
        check("http://b.example.org/", "wide=2");
        check("http://other.org/", "");
        set("http://a.example.org/", "wide=7; Domain=example.org; Path=/");
        check("http://b.example.org/", "wide=7");
        set("http://b.example.org/", "wide=; Domain=example.org; Path=/; Max-Age=0");
        check("http://b.example.org/", "");
    }

    #[test]
    fn cookies_are_bounded() {
        let cookies = Cookies::default();
        for n in 0..4_000 {
            let cookie = format!("name{n}={}", "x".repeat(1_000));
            cookies.store("http://h.test/", [cookie.as_bytes()].into_iter());
        }
        let long = format!("long={}", "x".repeat(5_000));
        cookies.store("http://i.test/", [long.as_bytes()].into_iter());
        assert!((7_000..HEADER_MAX).contains(&header(&cookies, "http://h.test/").len()));
        assert_eq!(header(&cookies, "http://i.test/"), "");
    }

    fn read(text: &str) -> Result<Cookies, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, text).unwrap();
        Cookies::read(file.path().to_str().unwrap())
    }

    #[test]
    fn files_are_read_as_curl_writes_them() {
        let cookies = read(
            "# Netscape HTTP Cookie File\n\n.example.org\tTRUE\t/\tFALSE\t0\tall\t1\r\n\
             #HttpOnly_a.example.org\tFALSE\t/dir\tTRUE\t4102444800\tsafe\t2\n\
             example.org\tTRUE\t/\tFALSE\t1\texpired\t3\n127.0.0.1\tFALSE\t/\tFALSE\t0\tempty\n",
        );
        let cookies = cookies.unwrap();
        assert_eq!(header(&cookies, "https://a.example.org/dir/"), "safe=2; all=1");
        assert_eq!(header(&cookies, "http://a.example.org/dir/"), "all=1");
        assert_eq!(header(&cookies, "http://b.a.example.org/"), "all=1");
        assert_eq!(header(&cookies, "http://127.0.0.1:81/"), "empty=");
    }

    #[test]
    fn a_bad_line_is_named() {
        let check = |line: &str, expected: &str| {
            assert_eq!(read(&format!("# x\n{line}\n")).unwrap_err(), expected);
        };
        check("example.org TRUE / FALSE 0 a b", "line 2: 1 fields instead of 7 with a tab between");
        check("h.test\tYES\t/\tFALSE\t0\ta\tb", "line 2: YES: neither TRUE nor FALSE");
        check("h.test\tTRUE\t/\tFALSE\tsoon\ta\tb", "line 2: soon: no time in seconds");
        check("\tTRUE\t/\tFALSE\t0\ta\tb", "line 2: : empty host");
        check("h.test\tTRUE\t/\tFALSE\t0\t\tb", "line 2: no cookie has such a name, value or path");
        assert!(Cookies::read("/nowhere").is_err());
    }
}
