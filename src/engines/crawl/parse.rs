//! From the body of a response to the links that may be followed.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Range;
use std::time::{Duration, Instant};

use url::Url;

use super::links::{Link, LinkKind};
use super::options::Options;
use super::scope::Scope;
use crate::web::charset;
use crate::web::css;
use crate::web::fetch::Response;
use crate::web::html::{Category, Item, Scanner, Wants};
use crate::web::percent;
use crate::web::sitemap::Sitemap;
use crate::web::urls;

/// Bytes read from a body at once.
pub(super) const READ_SIZE: usize = 16 << 10;
/// Maximum number of links of one page that are kept.
const LINKS_MAX: usize = 50_000;

/// What was read from a body.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// The links in scope, each once.
    pub(super) links: Vec<Link>,
    /// Sorted hashes of the fragments that the page defines; `None` if they are not kept.
    pub(super) fragment_ids: Option<Vec<u64>>,
    /// Number of links that are too long to follow.
    pub(super) n_too_long: usize,
}

/// What an HTML page contains, before links are resolved.
#[derive(Default)]
struct RawPage {
    /// The text of all links in one string, and the range of each.
    texts: String,
    links: Vec<(Range<usize>, Category)>,
    base: Option<String>,
    fragment_ids: Vec<u64>,
    nofollow: bool,
}

/// The hash of a URL's fragment, percent-decoded; never 0.
fn fragment_hash(fragment: &str) -> u64 {
    let mut hasher = DefaultHasher::new(); // its keys are fixed
    percent::decoded(fragment).hash(&mut hasher);
    hasher.finish().max(1)
}

/// The body of a response, read in pieces, with a deadline and a count of its bytes.
pub(super) struct Body<'a> {
    pub(super) response: Response,
    /// Holds the piece that was read last.
    pub(super) buf: &'a mut [u8],
    pub(super) n_bytes: u64,
    pub(super) deadline: Instant,
    /// Called with each piece, to save the body.
    pub(super) save: &'a mut dyn FnMut(&[u8]) -> Result<(), String>,
}

impl Body<'_> {
    /// Reads into the buffer until it holds at least `n_min` bytes, or the body ends. Returns the
    /// number of bytes read.
    fn read(&mut self, n_min: usize) -> Result<usize, String> {
        let mut n_read = 0;
        while n_read < n_min {
            let n = self.response.read(&mut self.buf[n_read..]).map_err(|err| err.to_string())?;
            if n == 0 {
                break;
            }
            n_read += n;
        }
        if Instant::now() > self.deadline {
            return Err("the page takes too long".to_owned());
        }
        self.n_bytes += n_read as u64;
        (self.save)(&self.buf[..n_read])?;
        Ok(n_read)
    }

    /// Reads to the end without parsing, for a body that is only saved.
    pub(super) fn read_to_end(&mut self) -> Result<(), String> {
        while self.read(1)? > 0 {}
        Ok(())
    }

    /// Reads the whole body into memory.
    fn read_all(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        loop {
            match self.read(1)? {
                0 => return Ok(bytes),
                n => bytes.extend_from_slice(&self.buf[..n]),
            }
        }
    }
}

/// Reads an HTML page. Links read before an error count, too.
pub(super) fn page(
    body: &mut Body<'_>,
    url: &Url,
    scope: &Scope,
    options: &Options,
) -> (Parsed, Result<(), String>) {
    let wants = Wants { assets: options.assets, ids: options.keep_links };
    let mut raw = RawPage::default();
    let result = scan(body, wants, options.robots, &mut raw);
    let base = raw.base.as_deref().and_then(|base| url.join(base).ok());
    let nofollow = options.robots && (raw.nofollow || has_nofollow_header(&body.response));
    let is_followed = |category: Category| !(nofollow && category == Category::Page);
    let links = raw.links.into_iter().filter(|(_, category)| is_followed(*category));
    let links = links.map(|(range, category)| (&raw.texts[range], category));
    let mut parsed = resolve(links, base.as_ref().unwrap_or(url), scope);
    raw.fragment_ids.sort_unstable();
    parsed.fragment_ids = options.keep_links.then_some(raw.fragment_ids);
    (parsed, result)
}

fn has_nofollow_header(response: &Response) -> bool {
    response.header("x-robots-tag").is_some_and(|directives| has_nofollow(&directives))
}

/// Whether directives to robots, as in `noindex, nofollow`, forbid following links.
fn has_nofollow(directives: &str) -> bool {
    let directives = directives.to_ascii_lowercase();
    directives.split([',', ':']).map(str::trim).any(|word| word == "nofollow" || word == "none")
}

/// Decodes a page piece by piece and collects what the scanner reports.
fn scan(body: &mut Body<'_>, wants: Wants, robots: bool, raw: &mut RawPage) -> Result<(), String> {
    let mut n = body.read(charset::PRESCAN)?;
    let content_type = body.response.header("content-type");
    let encoding = charset::choose(&body.buf[..n], content_type.as_deref());
    let mut text = charset::ToUtf8::new(encoding);
    let mut scanner = Scanner::new(wants, |item| raw.add(item, robots));
    while n > 0 {
        scanner.write(text.convert(&body.buf[..n], false)).map_err(|err| err.to_string())?;
        n = body.read(1)?;
    }
    scanner.write(text.convert(b"", true)).map_err(|err| err.to_string())?;
    scanner.end().map_err(|err| err.to_string())
}

impl RawPage {
    fn add(&mut self, item: Item<'_>, robots: bool) {
        match item {
            Item::Link(_, Category::Page, true) if robots => (),
            Item::Link(text, category, _) if self.links.len() < LINKS_MAX => {
                // One byte above the limit is enough to see that a link is too long.
                let end = text.floor_char_boundary(urls::LENGTH_MAX + 1);
                let start = self.texts.len();
                self.texts += &text[..end];
                self.links.push((start..self.texts.len(), category));
            }
            Item::Link(..) => (),
            Item::Base(base) => _ = self.base.get_or_insert_with(|| base.to_owned()),
            Item::Id(id) => self.fragment_ids.push(id_hash(id)),
            Item::Robots(directives) => self.nofollow |= has_nofollow(directives),
        }
    }
}

/// The hash of an element's id, which is not percent-decoded; never 0.
fn id_hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.as_bytes().to_vec().hash(&mut hasher);
    hasher.finish().max(1)
}

/// Resolves links and keeps those in scope, each once.
fn resolve<T: AsRef<str>>(
    links: impl Iterator<Item = (T, Category)>,
    base: &Url,
    scope: &Scope,
) -> Parsed {
    let mut parsed = Parsed::default();
    for (text, category) in links {
        match urls::resolve(base, text.as_ref()) {
            Ok(url) => parsed.links.extend(scope.contains(&url).then(|| link(url, category))),
            Err(urls::NotFetched::TooLong) => parsed.n_too_long += 1,
            Err(_) => (),
        }
    }
    let mut seen = HashSet::with_capacity(parsed.links.len());
    let is_first: Vec<bool> = parsed.links.iter().map(|link| seen.insert(link)).collect();
    let mut is_first = is_first.into_iter();
    parsed.links.retain(|_| is_first.next() == Some(true));
    parsed
}

fn link(mut url: Url, category: Category) -> Link {
    let fragment = url.fragment().filter(|f| !f.is_empty()).map(str::to_owned);
    url.set_fragment(None);
    let kind = match category {
        Category::Page => LinkKind::Page(fragment.as_deref().map_or(0, fragment_hash)),
        Category::Asset => LinkKind::Asset,
    };
    let fragment = fragment.filter(|_| category == Category::Page);
    Link { key: own_key(url.as_str()), url: url.into(), kind, fragment }
}

/// The key of a URL where it differs from the URL.
fn own_key(url: &str) -> Option<String> {
    let key = urls::key(url);
    (key != url).then(|| key.into_owned())
}

/// The target of a redirect from `from`, and whether it is in scope. `None` if it is no URL.
pub(super) fn redirect(location: &str, from: &Url, scope: &Scope) -> Option<(Link, bool)> {
    let mut url = urls::resolve(from, location).ok()?;
    url.set_fragment(None);
    let is_in_scope = scope.contains(&url);
    let (key, kind) = (own_key(url.as_str()), LinkKind::Redirect);
    Some((Link { key, url: url.into(), kind, fragment: None }, is_in_scope))
}

/// Reads a style sheet. The images, fonts and sheets that it refers to are its links.
pub(super) fn style_sheet(
    body: &mut Body<'_>,
    url: &Url,
    scope: &Scope,
) -> (Parsed, Result<(), String>) {
    match body.read_all() {
        Ok(sheet) => {
            let sheet = String::from_utf8_lossy(&sheet);
            let ranges = css::urls(&sheet).into_iter().take(LINKS_MAX);
            let links = ranges.map(|range| (&sheet[range], Category::Asset));
            (resolve(links, url, scope), Ok(()))
        }
        Err(err) => (Parsed::default(), Err(err)),
    }
}

/// Reads a sitemap of up to `size_max` bytes, unzipped. The pages that it names count as assets:
/// they are no deeper than the sitemap.
pub(super) fn sitemap(
    body: &mut Body<'_>,
    url: &Url,
    scope: &Scope,
    size_max: u64,
) -> (Parsed, Result<(), String>) {
    match body.read_all().and_then(|file| Sitemap::read(file, size_max)) {
        Ok(sitemap) => {
            let locations = sitemap.locations().take(LINKS_MAX);
            let links = locations.map(|location| (location, Category::Asset));
            (resolve(links, url, scope), Ok(()))
        }
        Err(err) => (Parsed::default(), Err(err)),
    }
}

/// The time that a Retry-After header asks to wait, in seconds or until a date (RFC 9110, 10.2.3).
pub(super) fn retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(value.trim()).ok()?;
    Some(
        Duration::try_from(date.timestamp().duration_since(jiff::Timestamp::now()))
            .unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let check = |value: &str, expected: Option<u64>| {
            assert_eq!(retry_after(value), expected.map(Duration::from_secs), "{value}");
        };
        check(" 120 ", Some(120));
        check("Wed, 21 Oct 2015 07:28:00 GMT", Some(0)); // in the past
        check("soon", None);
        check("-1", None);
        check("", None);
    }

    #[test]
    fn nofollow_is_a_word_among_directives() {
        assert!(
            has_nofollow("noindex, NoFollow")
                && has_nofollow("none")
                && has_nofollow("bot: nofollow")
        );
        assert!(
            !has_nofollow("") && !has_nofollow("index, follow") && !has_nofollow("nofollowing")
        );
    }

    #[test]
    fn fragments_are_decoded_and_ids_are_not() {
        assert_eq!(fragment_hash("a%20b"), id_hash("a b"));
        assert_ne!(fragment_hash("a"), fragment_hash("A"));
    }
}
