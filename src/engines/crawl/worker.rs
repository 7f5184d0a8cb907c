//! A thread that fetches, one job after the other.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use url::Url;

use super::hosts::HostId;
use super::pages::Id;
use super::parse::{self, Body, Link, Parsed};
use super::save::{Saved, Spool};
use super::{Options, Page, Scope};
use crate::web::fetch::{self, Answer};
use crate::web::robots::{self, Robots};

/// Redirects a robots.txt may take (RFC 9309, 2.3.1.2).
const ROBOTS_HOPS: usize = 5;
/// The name by which robots.txt calls us.
const AGENT: &str = "threadbare";

/// A URL to fetch: a page, or without one a robots.txt.
pub(super) struct Job {
    pub(super) id: Option<Id>,
    pub(super) host: HostId,
    pub(super) url: Arc<str>,
}

/// A job done.
pub(super) struct Done {
    pub(super) id: Option<Id>,
    pub(super) host: HostId,
    pub(super) found: Found,
}

/// What came of it.
pub(super) enum Found {
    Robots(Result<Robots, String>),
    Page(Box<Fetched>),
}

/// A page, and all it leads to.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) page: Page,
    pub(super) links: Vec<Link>,
    /// Hashes of its fragments, if it has any to be remembered.
    pub(super) ids: Option<Vec<u64>>,
    /// The body, if bodies are saved.
    pub(super) saved: Option<Saved>,
    /// Whether another try may go better, and how long the host asks us to wait.
    pub(super) is_passing: bool,
    pub(super) pause: Option<Duration>,
}

/// What the threads share.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) client: fetch::Client,
    pub(super) scope: Arc<Scope>,
    pub(super) options: Arc<Options>,
    pub(super) is_cancelled: Arc<AtomicBool>,
}

impl Worker {
    /// Works until there are no more jobs.
    pub(super) fn work(&self, jobs: &Receiver<Job>, results: &Sender<Done>) {
        let mut buf = vec![0; parse::PIECE];
        for Job { id, host, url } in jobs {
            if self.is_cancelled.load(Ordering::Relaxed) {
                return;
            }
            // Somewhere a page may be that makes a parser panic; it must not end the crawl.
            let found = catch_unwind(AssertUnwindSafe(|| match id {
                Some(_) => Found::Page(Box::new(self.page(&url, &mut buf))),
                None => Found::Robots(self.robots(&url)),
            }));
            let found = found.unwrap_or_else(|_| panicked(id, &url));
            if results.send(Done { id, host, found }).is_err() {
                return;
            }
        }
    }

    fn robots(&self, url: &str) -> Result<Robots, String> {
        let mut url = Url::parse(url).map_err(|err| err.to_string())?;
        for _ in 0..=ROBOTS_HOPS {
            let answer = self.client.get(url.as_str()).map_err(|err| err.to_string())?;
            match answer.status {
                200..=299 => return Ok(Robots::parse(&beginning(answer), AGENT)),
                300..=399 => {
                    let location = answer.header("location").unwrap_or_default();
                    url = url.join(&location).map_err(|err| err.to_string())?;
                }
                400..=499 => return Ok(Robots::allow_all()),
                status => return Err(fetch::reason(status)),
            }
        }
        Ok(Robots::allow_all())
    }

    fn page(&self, url: &Arc<str>, buf: &mut [u8]) -> Fetched {
        let start = Instant::now();
        let mut fetched = match self.client.get(url) {
            Ok(answer) => self.answered(url, answer, start, buf),
            Err(err) => {
                let page = Page { error: Some(err.to_string()), ..Page::default() };
                Fetched { page, is_passing: err.is_passing, ..Fetched::default() }
            }
        };
        fetched.page.url = Arc::clone(url);
        fetched.page.time = start.elapsed();
        fetched
    }

    fn answered(&self, url: &str, answer: Answer, start: Instant, buf: &mut [u8]) -> Fetched {
        let (status, mime) = (answer.status, answer.mime());
        let page = Page { status: Some(status), mime, ..Page::default() };
        let mut fetched = Fetched { page, ..Fetched::default() };
        let Ok(base) = Url::parse(url) else { return fetched }; // it was parsed before
        match status {
            200..=299 => self.read(answer, &base, start, buf, &mut fetched),
            300..=399 => self.redirected(&answer, &base, &mut fetched),
            _ => {
                fetched.page.error = Some(fetch::reason(status));
                fetched.is_passing = matches!(status, 429 | 502..=504);
                if matches!(status, 429 | 503) {
                    let value = answer.header("retry-after");
                    fetched.pause = value.as_deref().and_then(parse::retry_after);
                }
            }
        }
        fetched
    }

    fn redirected(&self, answer: &Answer, from: &Url, fetched: &mut Fetched) {
        let location = answer.header("location").unwrap_or_default();
        match parse::redirect(&location, from, &self.scope) {
            Some((link, is_in_scope)) if !location.is_empty() => {
                fetched.page.redirect = Some(link.url.clone());
                fetched.links.extend(is_in_scope.then_some(link));
            }
            _ => fetched.page.error = Some(format!("{} to nowhere", fetch::reason(answer.status))),
        }
    }

    /// Reads the body, if it is of a type that has links or is to be saved.
    fn read(
        &self,
        answer: Answer,
        url: &Url,
        start: Instant,
        buf: &mut [u8],
        fetched: &mut Fetched,
    ) {
        let mime = &*fetched.page.mime;
        let spool = self.options.spool.as_deref().map(Spool::new).transpose();
        let mut spool = match spool {
            Ok(spool) => spool,
            Err(err) => return fetched.page.error = Some(err),
        };
        let content_type = answer.header("content-type").unwrap_or_default();
        let mut copy = |piece: &[u8]| spool.as_mut().map_or(Ok(()), |spool| spool.write(piece));
        let deadline = start + self.options.fetch.timeout;
        let mut body = Body { answer, buf, n_bytes: 0, deadline, copy: &mut copy };
        let (parsed, ended) = match mime {
            "text/html" | "application/xhtml+xml" => {
                let (parsed, ended) = parse::page(&mut body, url, &self.scope, &self.options);
                fetched.ids = self.options.remember.then(|| parsed.ids.clone());
                (parsed, ended)
            }
            "text/css" if self.options.assets => parse::sheet(&mut body, url, &self.scope),
            _ if self.options.sitemap && is_sitemap(mime, url) => {
                parse::sitemap(&mut body, url, &self.scope, self.options.fetch.body_max)
            }
            _ if self.options.spool.is_some() => (Parsed::default(), body.finish()),
            _ => (Parsed::default(), Ok(())),
        };
        fetched.page.n_bytes = body.n_bytes;
        fetched.saved = spool.filter(|_| ended.is_ok()).map(|spool| spool.finish(content_type));
        fetched.page.error = ended.err();
        fetched.page.n_links = parsed.links.len();
        fetched.page.n_too_long = parsed.n_too_long;
        fetched.links = parsed.links;
    }
}

/// Whether it may be one: XML, or a file called so that is gzipped.
fn is_sitemap(mime: &str, url: &Url) -> bool {
    match mime {
        "text/xml" | "application/xml" => true,
        "application/gzip" | "application/x-gzip" | "application/octet-stream" => {
            url.path().ends_with(".xml.gz")
        }
        _ => false,
    }
}

fn panicked(id: Option<Id>, url: &Arc<str>) -> Found {
    let error = "this page made the parser panic".to_owned();
    if id.is_none() {
        return Found::Robots(Err(error));
    }
    let page = Page { url: Arc::clone(url), error: Some(error), ..Page::default() };
    Found::Page(Box::new(Fetched { page, ..Fetched::default() }))
}

/// As much of a robots.txt as is read, however it ends.
fn beginning(mut answer: Answer) -> Vec<u8> {
    let (mut text, mut buf) = (Vec::new(), [0; 8 << 10]);
    while let Ok(n @ 1..) = answer.read(&mut buf) {
        text.extend_from_slice(&buf[..n]);
        if text.len() as u64 >= robots::SIZE_MAX {
            break;
        }
    }
    text
}
