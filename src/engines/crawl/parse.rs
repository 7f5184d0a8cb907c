//! From the body of a response to the links that may be followed.

use std::ops::Range;
use std::time::{Duration, Instant};

use url::Url;

use super::links::{Links, Place};
use super::options::Options;
use super::page_links::{self, LINKS_MAX, Resolved};
use super::scope::{Role, Scope};
use super::texts;
use crate::web::charset;
use crate::web::css::{self, SheetUrl};
use crate::web::fetch::Response;
use crate::web::html::{self, Category, Item, Scanner, Wants};
use crate::web::sitemap::Sitemap;
use crate::web::sniff;
use crate::web::urls::{self, Base};

/// Bytes read from a body at once.
pub(super) const READ_SIZE: usize = 16 << 10;

/// What was read from a body.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    /// The links in scope, each once.
    pub(super) links: Links,
    /// Whether the links lead to sitemaps.
    pub(super) are_sitemaps: bool,
    /// Sorted hashes of the fragments that the page defines; `None` if they are not kept.
    pub(super) fragment_ids: Option<Vec<u64>>,
    /// What was left out.
    pub(super) warnings: Vec<String>,
}

/// What an HTML page contains, before links are resolved.
#[derive(Default)]
struct RawPage {
    /// The text of all links in one string, and the range of each.
    texts: String,
    links: Vec<(Range<usize>, Category)>,
    /// Where each of the links is, if that is wanted.
    places: Option<Places>,
    base: Option<String>,
    fragment_ids: Vec<u64>,
    nofollow: bool,
    /// Number of links above the maximum.
    n_over_limit: usize,
    warnings: Vec<String>,
}

/// Where links are.
#[derive(Default)]
struct Places {
    /// The line of the links that are reported next.
    line: usize,
    /// The number of links reported so far.
    n_reported: usize,
    /// The number of each link that is kept, among all that were reported.
    numbers: Vec<usize>,
    kept: Vec<Place>,
}

impl Places {
    /// Records a link, which may be kept.
    fn add(&mut self, is_kept: bool) {
        if is_kept {
            let line = u32::try_from(self.line).unwrap_or(u32::MAX);
            self.numbers.push(self.n_reported);
            self.kept.push(Place { line, ..Place::default() });
        }
        self.n_reported += 1;
    }

    fn set_text(&mut self, number: usize, text: &str) {
        if let Ok(index) = self.numbers.binary_search(&number) {
            self.kept[index].text = text.into();
        }
    }
}

/// The body of a response, read in pieces, with a deadline and a count of its bytes.
pub(super) struct Body<'a> {
    pub(super) response: Response,
    /// Holds the piece that was read last.
    pub(super) buf: &'a mut [u8],
    pub(super) n_bytes: u64,
    pub(super) deadline: Instant,
    /// The number of bytes in the buffer that were read to look at them, and are still to be parsed.
    pub(super) n_ahead: usize,
    /// Called with each piece, to save the body.
    pub(super) save: &'a mut dyn FnMut(&[u8]) -> Result<(), String>,
}

impl Body<'_> {
    /// Reads into the buffer until it holds at least `n_min` bytes, or the body ends. Returns the
    /// number of bytes read.
    fn read(&mut self, n_min: usize) -> Result<usize, String> {
        let mut n_read = std::mem::take(&mut self.n_ahead);
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

    /// Reads the first bytes of the body, without using them up.
    pub(super) fn peek(&mut self) -> Result<&[u8], String> {
        while self.n_ahead < sniff::HEAD {
            let room = &mut self.buf[self.n_ahead..];
            match self.response.read(room).map_err(|err| err.to_string())? {
                0 => break,
                n => self.n_ahead += n,
            }
        }
        Ok(&self.buf[..self.n_ahead])
    }

    /// Reads to the end without parsing, for a body that is only saved.
    pub(super) fn read_to_end(&mut self) -> Result<(), String> {
        while self.read(1)? > 0 {}
        Ok(())
    }

    /// Reads the whole body into memory.
    fn read_all(&mut self) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        self.read_all_into(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the whole body into memory; what was read before an error is there, too.
    fn read_all_into(&mut self, bytes: &mut Vec<u8>) -> Result<(), String> {
        loop {
            match self.read(1)? {
                0 => return Ok(()),
                n => bytes.extend_from_slice(&self.buf[..n]),
            }
        }
    }
}

/// How the markup of a page is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup {
    Html,
    Xhtml,
    /// An SVG image, whose ids are no targets of fragments.
    Svg,
}

/// Reads an HTML or XHTML page. Links read before an error count, too.
pub(super) fn page(
    body: &mut Body<'_>,
    markup: Markup,
    url: &Url,
    scope: &Scope,
    options: &Options,
) -> (Parsed, Result<(), String>) {
    let keeps_ids = options.keep_links && markup != Markup::Svg;
    let places = options.keep_places.then(Places::default);
    let wants = Wants { assets: options.assets, ids: keeps_ids, places: places.is_some() };
    let mut raw = RawPage { places, ..RawPage::default() };
    let result = match markup {
        Markup::Html => scan(body, wants, options.robots, &mut raw),
        Markup::Xhtml | Markup::Svg => scan_xml(body, wants, options.robots, &mut raw),
    };
    let base = raw.base.as_deref().and_then(|base| url.join(base).ok());
    let base = Base::new(base.unwrap_or_else(|| url.clone()));
    let nofollow = options.robots && (raw.nofollow || has_nofollow_header(&body.response));
    if nofollow {
        raw.remove_links_to_pages();
    }
    let links = raw.links.iter();
    let links = links.map(|(range, category)| (&raw.texts[range.clone()], *category));
    let places = raw.places.take().map(|places| places.kept);
    let mut parsed = resolved(links, &base, scope, Role::Requisite, places);
    if raw.n_over_limit > 0 {
        parsed.warnings.push(over_limit(raw.n_over_limit));
    }
    parsed.warnings.append(&mut raw.warnings);
    raw.fragment_ids.sort_unstable();
    parsed.fragment_ids = keeps_ids.then_some(raw.fragment_ids);
    (parsed, result)
}

fn over_limit(n: usize) -> String {
    format!("more than {LINKS_MAX} links: left out {n}")
}

/// The links that are followed or kept, with their places if these are given, and a warning about
/// those that are too long.
fn resolved<'t>(
    links: impl Iterator<Item = (&'t str, Category)>,
    base: &Base,
    scope: &Scope,
    asset_role: Role,
    places: Option<Vec<Place>>,
) -> Parsed {
    let Resolved { mut links, sources, n_too_long } =
        page_links::resolve(links, base, scope, asset_role);
    if let Some(mut places) = places {
        links.places = sources.iter().map(|&n| std::mem::take(&mut places[n])).collect();
    }
    let warning = (n_too_long > 0).then(|| format!("links too long to follow: {n_too_long}"));
    Parsed { links, warnings: Vec::from_iter(warning), ..Parsed::default() }
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
    let mut result = Ok(());
    while n > 0 {
        scanner.write(text.convert(&body.buf[..n], false));
        match body.read(1) {
            Ok(n_read) => n = n_read,
            Err(err) => {
                result = Err(err);
                break;
            }
        }
    }
    scanner.write(text.convert(b"", true));
    let n_skipped = scanner.end();
    if n_skipped > 0 {
        raw.warnings.push(format!("tags or style sheets too long to read: {n_skipped}"));
    }
    result
}

/// Decodes a page of XML and collects what it contains, with its byte order and encoding.
fn scan_xml(
    body: &mut Body<'_>,
    wants: Wants,
    robots: bool,
    raw: &mut RawPage,
) -> Result<(), String> {
    let mut bytes = Vec::new();
    let result = body.read_all_into(&mut bytes);
    let content_type = body.response.header("content-type");
    let page = charset::decode_xml(&bytes, content_type.as_deref());
    if let Err(err) = html::scan_xml(&page, wants, |item| raw.add(item, robots))
        && result.is_ok()
    {
        raw.warnings.push(format!("not well-formed XML: {err}"));
    }
    result
}

impl RawPage {
    fn add(&mut self, item: Item<'_>, robots: bool) {
        match item {
            Item::Line(line) => {
                if let Some(places) = &mut self.places {
                    places.line = line;
                }
            }
            Item::Text(number, text) => {
                if let Some(places) = &mut self.places {
                    places.set_text(number, text);
                }
            }
            Item::Link(_, Category::Page, true) if robots => self.add_place(false),
            Item::Link(text, category, _) if self.links.len() < LINKS_MAX => {
                // One byte above the limit is enough to see that a link is too long.
                let end = text.floor_char_boundary(urls::LENGTH_MAX + 1);
                let start = self.texts.len();
                self.texts += &text[..end];
                self.links.push((start..self.texts.len(), category));
                self.add_place(true);
            }
            Item::Link(..) => {
                self.n_over_limit += 1;
                self.add_place(false);
            }
            Item::Base(base) => _ = self.base.get_or_insert_with(|| base.to_owned()),
            Item::Id(id) => self.fragment_ids.push(texts::hash(id.as_bytes())),
            Item::Robots(directives) => self.nofollow |= has_nofollow(directives),
        }
    }

    fn add_place(&mut self, is_kept: bool) {
        if let Some(places) = &mut self.places {
            places.add(is_kept);
        }
    }

    /// Removes the links that nofollow forbids to follow.
    fn remove_links_to_pages(&mut self) {
        if let Some(Places { kept, .. }) = &mut self.places {
            let mut links = self.links.iter();
            kept.retain(|_| links.next().is_some_and(|(_, kind)| *kind != Category::Page));
        }
        self.links.retain(|(_, category)| *category != Category::Page);
    }
}

/// Reads a style sheet. The images, fonts and sheets that it refers to are its links.
pub(super) fn style_sheet(
    body: &mut Body<'_>,
    url: &Url,
    scope: &Scope,
    options: &Options,
) -> (Parsed, Result<(), String>) {
    match body.read_all() {
        Ok(sheet) => {
            let content_type = body.response.header("content-type");
            let sheet = charset::decode_sheet(&sheet, content_type.as_deref());
            let urls = css::urls(&sheet);
            let links = urls.iter().map(|one| (&*one.url, Category::Asset));
            let (links, warning) = limited(links, urls.len());
            let places = options.keep_places.then(|| sheet_places(&sheet, &urls));
            let mut parsed =
                resolved(links, &Base::new(url.clone()), scope, Role::Requisite, places);
            parsed.warnings.extend(warning);
            (parsed, Ok(()))
        }
        Err(err) => (Parsed::default(), Err(err)),
    }
}

/// The lines of the URLs in a style sheet, which are in order.
fn sheet_places(sheet: &str, urls: &[SheetUrl<'_>]) -> Vec<Place> {
    let (mut line, mut counted) = (1, 0);
    let place = |url: &SheetUrl<'_>| {
        line += memchr::memchr_iter(b'\n', &sheet.as_bytes()[counted..url.range.start]).count();
        counted = url.range.start;
        Place { line: u32::try_from(line).unwrap_or(u32::MAX), ..Place::default() }
    };
    urls.iter().map(place).collect()
}

/// Reads a sitemap of up to `size_max` bytes, unzipped. The pages that it names count as assets:
/// they are no deeper than the sitemap.
pub(super) fn sitemap(
    body: &mut Body<'_>,
    url: &Url,
    scope: &Scope,
    size_max: u64,
) -> (Parsed, Result<(), String>) {
    let sitemap = match body.read_all().and_then(|file| Sitemap::read(file, size_max)) {
        Ok(sitemap) => sitemap,
        Err(err) => return (Parsed::default(), Err(err)),
    };
    let are_sitemaps = !sitemap.sitemaps.is_empty();
    let locations = if are_sitemaps { &sitemap.sitemaps } else { &sitemap.pages };
    let links = locations.iter().map(|location| (location.as_str(), Category::Asset));
    let (links, warning) = limited(links, locations.len());
    let mut parsed = resolved(links, &Base::new(url.clone()), scope, Role::Page, None);
    parsed.warnings.extend(warning);
    (Parsed { are_sitemaps, ..parsed }, sitemap.error.map_or(Ok(()), Err))
}

/// As many of `n` links as are kept, and a warning if there are more.
fn limited<T>(
    links: impl Iterator<Item = T>,
    n: usize,
) -> (impl Iterator<Item = T>, Option<String>) {
    let n_over = n.saturating_sub(LINKS_MAX);
    (links.take(LINKS_MAX), (n_over > 0).then(|| over_limit(n_over)))
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
}
