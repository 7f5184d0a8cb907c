//! The links of a web page, fetched with ureq and read with scraper.

use std::fmt;
use std::io::Read;
use std::sync::LazyLock;
use std::time::Duration;

use scraper::{Html, Selector};
use ureq::{Agent, ResponseExt};
use url::Url;

use crate::web::urls::{is_web, without_fragment};

/// Maximum time for connecting, and for the head of a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time from the head of a response to its last byte.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// The largest page read, in bytes. Its tree takes about fifty times as much memory.
const PAGE_MAX: u64 = 2 << 20;
/// Maximum number of nested elements: the parser's time grows with the square of it.
const NESTING_MAX: usize = 4_000;
/// The number of requests that the book's crawlers make at once to one host.
const IDLE_PER_HOST: usize = 20;

/// A page that could not be read, and why.
#[derive(Debug)]
pub struct Error {
    url: String,
    cause: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.cause)
    }
}

impl std::error::Error for Error {}

/// Fetches `url` and returns the URLs that its `<a href>` link to, in the order of the page.
///
/// The URLs are absolute and without fragment, and either http or https. A page that is not HTML has
/// no links. Redirects are followed.
///
/// # Errors
/// When the page cannot be fetched, its status is not 200, or it is too large or too deeply nested.
pub fn extract(url: &str) -> Result<Vec<String>, Error> {
    let error = |cause: String| Error { url: url.to_owned(), cause };
    let mut response = agent().get(url).call().map_err(|err| error(err.to_string()))?;
    if response.status() != 200 {
        return Err(error(response.status().to_string()));
    }
    if !response.body().mime_type().is_none_or(|mime| mime.contains("html")) {
        return Ok(Vec::new());
    }
    let base = Url::parse(&response.get_uri().to_string()).map_err(|err| error(err.to_string()))?;
    let mut page = Vec::new();
    let body = response.body_mut().as_reader().take(PAGE_MAX + 1).read_to_end(&mut page);
    body.map_err(|err| error(err.to_string()))?;
    check(&page).map_err(error)?;
    Ok(targets(&String::from_utf8_lossy(&page), base))
}

/// The agent of the process, which keeps connections open between requests.
fn agent() -> &'static Agent {
    static AGENT: LazyLock<Agent> = LazyLock::new(|| {
        // No timeout for the whole call: ureq would start a thread for every name look-up.
        Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_connect(Some(RESPONSE_TIMEOUT))
            .timeout_recv_response(Some(RESPONSE_TIMEOUT))
            .timeout_recv_body(Some(BODY_TIMEOUT))
            .max_idle_connections_per_host(IDLE_PER_HOST)
            .max_idle_connections(4 * IDLE_PER_HOST)
            .user_agent(concat!("threadbare/", env!("CARGO_PKG_VERSION")))
            .build()
            .into()
    });
    &AGENT
}

/// Refuses pages that would keep the parser busy for minutes.
fn check(page: &[u8]) -> Result<(), String> {
    if page.len() as u64 > PAGE_MAX {
        return Err(format!("the page is larger than {PAGE_MAX} bytes"));
    }
    let opens = |pair: &&[u8]| pair[0] == b'<' && pair[1].is_ascii_alphabetic();
    let closes = |pair: &&[u8]| *pair == b"</";
    let n_open = page.windows(2).filter(opens).count();
    let n_closed = page.windows(2).filter(closes).count();
    if n_open.saturating_sub(n_closed) > NESTING_MAX {
        return Err(format!("more than {NESTING_MAX} nested elements"));
    }
    Ok(())
}

/// The URLs that the links of `page` lead to.
fn targets(page: &str, page_url: Url) -> Vec<String> {
    static LINKS: LazyLock<Selector> = LazyLock::new(|| selector("a[href]"));
    static BASE: LazyLock<Selector> = LazyLock::new(|| selector("base[href]"));
    let tree = Html::parse_document(page);
    let base = tree.select(&BASE).find_map(|element| element.attr("href"));
    let base = base.and_then(|href| page_url.join(href).ok()).unwrap_or(page_url);
    tree.select(&LINKS)
        .filter_map(|element| base.join(element.attr("href")?).ok()) // an invalid URL is no link
        .filter(is_web)
        .map(without_fragment)
        .collect()
}

fn selector(css: &str) -> Selector {
    Selector::parse(css).expect("a constant that parses")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(page: &str) -> Vec<String> {
        targets(page, Url::parse("http://host/dir/page?q").unwrap())
    }

    #[test]
    fn targets_are_absolute_and_without_fragment() {
        let check = |href: &str, expected: &[&str]| {
            assert_eq!(links(&format!("<a href=\"{href}\">x</a>")), expected, "{href}");
        };
        check("/a", &["http://host/a"]);
        check("b#part", &["http://host/dir/b"]);
        check("#part", &["http://host/dir/page?q"]);
        check("../c", &["http://host/c"]);
        check("//other/d", &["http://other/d"]);
        check("https://other:443/", &["https://other/"]);
        check("a&amp;b", &["http://host/dir/a&b"]);
        check("mailto:a@b", &[]);
        check("javascript:void(0)", &[]);
        check("http://[", &[]);
    }

    #[test]
    fn a_base_moves_relative_links() {
        assert_eq!(links("<base href=/x/><a href=y>"), ["http://host/x/y"]);
    }

    #[test]
    fn pages_too_large_or_too_deep_for_the_parser_are_refused() {
        assert!(check(b"<p>fine<br><br>").is_ok());
        assert!(check("<div>".repeat(NESTING_MAX + 1).as_bytes()).is_err());
        assert!(check("<div></div>".repeat(NESTING_MAX + 1).as_bytes()).is_ok());
        assert!(check(&vec![b' '; 1 + usize::try_from(PAGE_MAX).unwrap()]).is_err());
    }
}
