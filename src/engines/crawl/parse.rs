//! From the text of a page to the links that may be followed.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;
use std::ops::Range;
use std::time::{Duration, Instant};

use flate2::read::MultiGzDecoder;
use url::Url;

use super::{Options, Scope};
use crate::web::charset;
use crate::web::css;
use crate::web::fetch::Answer;
use crate::web::html;
use crate::web::html::{Item, Kind, Scanner, Wants};
use crate::web::percent;
use crate::web::urls;

/// Bytes taken from a page at once.
pub(super) const PIECE: usize = 16 << 10;
/// Links of one page that are kept.
const LINKS_MAX: usize = 50_000;

/// How a link is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Target {
    /// One link further; with the hash of the fragment, or 0.
    Page(u64),
    /// Part of what refers to it, and no deeper.
    Part,
    /// The same page elsewhere.
    Redirect,
}

/// A link in scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Link {
    pub(super) url: String,
    /// The key, where it is not the URL itself.
    pub(super) key: Option<String>,
    pub(super) target: Target,
    pub(super) fragment: Option<String>,
}

impl Link {
    pub(super) fn key(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.url)
    }
}

/// What a page says.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) links: Vec<Link>,
    /// Hashes of its fragments, sorted.
    pub(super) ids: Vec<u64>,
    /// Links too long to follow.
    pub(super) n_too_long: usize,
}

/// What the page contained, as it was found.
#[derive(Default)]
struct Raw {
    /// The texts of links, one after the other, and where each is.
    texts: String,
    links: Vec<(Range<usize>, Kind)>,
    base: Option<String>,
    ids: Vec<u64>,
    nofollow: bool,
}

/// The hash of a fragment, as it is compared.
pub(super) fn fragment_hash(fragment: &str) -> u64 {
    let mut hasher = DefaultHasher::new(); // its keys are fixed
    percent::decoded(fragment).hash(&mut hasher);
    hasher.finish().max(1)
}

/// The body of an answer, piece by piece, with its time and size.
pub(super) struct Body<'a> {
    pub(super) answer: Answer,
    /// The piece that was read last.
    pub(super) buf: &'a mut [u8],
    pub(super) n_bytes: u64,
    pub(super) deadline: Instant,
    /// Told of each piece: whoever saves the body.
    pub(super) copy: &'a mut dyn FnMut(&[u8]) -> Result<(), String>,
}

impl Body<'_> {
    /// Fills its buffer as far as `least`, or to the end of the body.
    fn read(&mut self, least: usize) -> Result<usize, String> {
        let mut n_read = 0;
        while n_read < least {
            let n = self.answer.read(&mut self.buf[n_read..]).map_err(|err| err.to_string())?;
            if n == 0 {
                break;
            }
            n_read += n;
        }
        if Instant::now() > self.deadline {
            return Err("the page takes too long".to_owned());
        }
        self.n_bytes += n_read as u64;
        (self.copy)(&self.buf[..n_read])?;
        Ok(n_read)
    }

    /// Reads on to the end, for the sake of the copy.
    pub(super) fn finish(&mut self) -> Result<(), String> {
        while self.read(1)? > 0 {}
        Ok(())
    }

    /// The whole body.
    fn whole(&mut self) -> Result<Vec<u8>, String> {
        let mut whole = Vec::new();
        loop {
            match self.read(1)? {
                0 => return Ok(whole),
                n => whole.extend_from_slice(&self.buf[..n]),
            }
        }
    }
}

/// Reads an HTML page. What was found stands, even when the page breaks off.
pub(super) fn page(
    body: &mut Body<'_>,
    url: &Url,
    scope: &Scope,
    options: &Options,
) -> (Parsed, Result<(), String>) {
    let wants = Wants { assets: options.assets, ids: options.remember };
    let mut raw = Raw::default();
    let ended = scan(body, wants, options.robots, &mut raw);
    let base = raw.base.as_deref().and_then(|base| url.join(base).ok());
    let forbids = options.robots && (raw.nofollow || header_forbids(&body.answer));
    let links = raw.links.into_iter().filter(|(_, kind)| !(forbids && *kind == Kind::Page));
    let links = links.map(|(range, kind)| (&raw.texts[range], kind));
    let mut parsed = resolve(links, base.as_ref().unwrap_or(url), scope);
    raw.ids.sort_unstable();
    parsed.ids = raw.ids;
    (parsed, ended)
}

fn header_forbids(answer: &Answer) -> bool {
    answer.header("x-robots-tag").is_some_and(|orders| forbids(&orders))
}

fn forbids(orders: &str) -> bool {
    let orders = orders.to_ascii_lowercase();
    orders.split([',', ':']).map(str::trim).any(|word| word == "nofollow" || word == "none")
}

fn scan(body: &mut Body<'_>, wants: Wants, robots: bool, raw: &mut Raw) -> Result<(), String> {
    let mut n = body.read(charset::PRESCAN)?;
    let content_type = body.answer.header("content-type");
    let encoding = charset::choose(&body.buf[..n], content_type.as_deref());
    let mut text = charset::ToUtf8::new(encoding);
    let mut scanner = Scanner::new(wants, |item| raw.add(item, robots));
    while n > 0 {
        scanner.write(text.piece(&body.buf[..n], false)).map_err(|err| err.to_string())?;
        n = body.read(1)?;
    }
    scanner.write(text.piece(b"", true)).map_err(|err| err.to_string())?;
    scanner.end().map_err(|err| err.to_string())
}

impl Raw {
    fn add(&mut self, item: Item<'_>, robots: bool) {
        match item {
            Item::Link(_, Kind::Page, true) if robots => (),
            Item::Link(text, kind, _) if self.links.len() < LINKS_MAX => {
                // The rest of a text that is too long has no say in how it is refused.
                let end = text.floor_char_boundary(urls::LENGTH_MAX + 1);
                let start = self.texts.len();
                self.texts += &text[..end];
                self.links.push((start..self.texts.len(), kind));
            }
            Item::Link(..) => (),
            Item::Base(base) => _ = self.base.get_or_insert_with(|| base.to_owned()),
            Item::Id(id) => self.ids.push(fragment_hash_of_id(id)),
            Item::Robots(orders) => self.nofollow |= forbids(orders),
        }
    }
}

/// An id is compared as it is.
fn fragment_hash_of_id(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.as_bytes().to_vec().hash(&mut hasher);
    hasher.finish().max(1)
}

/// The links in scope, each once.
fn resolve<T: AsRef<str>>(
    links: impl Iterator<Item = (T, Kind)>,
    base: &Url,
    scope: &Scope,
) -> Parsed {
    let mut parsed = Parsed::default();
    for (text, kind) in links {
        match urls::resolve(base, text.as_ref()) {
            Ok(url) => parsed.links.extend(scope.contains(&url).then(|| link(url, kind))),
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

fn link(mut url: Url, kind: Kind) -> Link {
    let fragment = url.fragment().filter(|f| !f.is_empty()).map(str::to_owned);
    url.set_fragment(None);
    let target = match kind {
        Kind::Page => Target::Page(fragment.as_deref().map_or(0, fragment_hash)),
        Kind::Asset => Target::Part,
    };
    let fragment = fragment.filter(|_| kind == Kind::Page);
    Link { key: own_key(url.as_str()), url: url.into(), target, fragment }
}

fn own_key(url: &str) -> Option<String> {
    let key = urls::key(url);
    (key != url).then(|| key.into_owned())
}

/// Where a redirect leads, and whether that is in scope.
pub(super) fn redirect(location: &str, from: &Url, scope: &Scope) -> Option<(Link, bool)> {
    let mut url = urls::resolve(from, location).ok()?;
    url.set_fragment(None);
    let is_in_scope = scope.contains(&url);
    let (key, target) = (own_key(url.as_str()), Target::Redirect);
    Some((Link { key, url: url.into(), target, fragment: None }, is_in_scope))
}

/// Reads a style sheet: what it refers to is part of it.
pub(super) fn sheet(body: &mut Body<'_>, url: &Url, scope: &Scope) -> (Parsed, Result<(), String>) {
    match body.whole() {
        Ok(sheet) => {
            let sheet = String::from_utf8_lossy(&sheet);
            let texts = css::urls(&sheet).into_iter().take(LINKS_MAX);
            let links = texts.map(|range| (&sheet[range], Kind::Asset));
            (resolve(links, url, scope), Ok(()))
        }
        Err(err) => (Parsed::default(), Err(err)),
    }
}

/// Reads a sitemap, or an index of sitemaps, as it is or gzipped, up to `most` bytes: what it names
/// is as near as itself.
pub(super) fn sitemap(
    body: &mut Body<'_>,
    url: &Url,
    scope: &Scope,
    most: u64,
) -> (Parsed, Result<(), String>) {
    match body.whole().and_then(|map| unzipped(map, most)) {
        Ok(map) => {
            let map = String::from_utf8_lossy(&map);
            let places = map.split("<loc>").skip(1).take(LINKS_MAX);
            let texts = places.filter_map(|place| place.split("</loc>").next());
            let decoded = |text: &str| html::entities::decode(text.trim()).into_owned();
            (resolve(texts.map(|text| (decoded(text), Kind::Asset)), url, scope), Ok(()))
        }
        Err(err) => (Parsed::default(), Err(err)),
    }
}

/// What a file contains, which may be gzipped.
fn unzipped(file: Vec<u8>, most: u64) -> Result<Vec<u8>, String> {
    if !file.starts_with(&[0x1F, 0x8B]) {
        return Ok(file);
    }
    let mut content = Vec::new();
    let mut limited = MultiGzDecoder::new(&*file).take(most.saturating_add(1));
    match limited.read_to_end(&mut content) {
        Ok(n) if n as u64 <= most => Ok(content),
        Ok(_) => Err("the sitemap is too large".to_owned()),
        Err(err) => Err(format!("gzip: {err}")),
    }
}

/// How long Retry-After asks to wait: seconds, or a date.
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
    fn a_pause_is_seconds_or_a_date() {
        let check = |value: &str, expected: Option<u64>| {
            assert_eq!(retry_after(value), expected.map(Duration::from_secs), "{value}");
        };
        check(" 120 ", Some(120));
        check("Wed, 21 Oct 2015 07:28:00 GMT", Some(0)); // long over
        check("soon", None);
        check("-1", None);
        check("", None);
    }

    #[test]
    fn what_is_gzipped_is_bounded() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &[7; 1_000]).unwrap();
        let file = encoder.finish().unwrap();
        assert_eq!(unzipped(file.clone(), 1_000), Ok(vec![7; 1_000]));
        assert_eq!(unzipped(file.clone(), 999), Err("the sitemap is too large".to_owned()));
        assert!(unzipped(file[..20].to_vec(), 1_000).is_err());
        assert_eq!(unzipped(vec![7; 20], 1), Ok(vec![7; 20]), "it was bounded on its way");
    }

    #[test]
    fn orders_to_crawlers() {
        assert!(forbids("noindex, NoFollow") && forbids("none") && forbids("bot: nofollow"));
        assert!(!forbids("") && !forbids("index, follow") && !forbids("nofollowing"));
    }

    #[test]
    fn ids_are_compared_as_they_are_and_fragments_decoded() {
        assert_eq!(fragment_hash("a%20b"), fragment_hash_of_id("a b"));
        assert_ne!(fragment_hash("a"), fragment_hash("A"));
    }
}
