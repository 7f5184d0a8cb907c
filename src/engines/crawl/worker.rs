//! A worker thread of a crawl: it fetches one URL after the other and parses what comes back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use url::Url;

use super::ids::{HostId, PageId};
use super::links::Link;
use super::options::Options;
use super::outcome::Page;
use super::parse::{self, Body, Parsed};
use super::scope::Scope;
use super::spool::{SavedBody, Spool};
use crate::web::fetch::{self, Response};
use crate::web::robots::{self, Robots};
use crate::web::sitemap;

/// Maximum number of redirects to a robots.txt (RFC 9309, 2.3.1.2).
const ROBOTS_REDIRECTS_MAX: usize = 5;
/// Our product token in robots.txt.
const AGENT: &str = "threadbare";

/// A URL to fetch: a page, or without an id a robots.txt.
pub(super) struct Job {
    pub(super) id: Option<PageId>,
    pub(super) host: HostId,
    pub(super) url: Arc<str>,
}

/// What a worker returns for a [`Job`].
pub(super) struct JobResult {
    pub(super) id: Option<PageId>,
    pub(super) host: HostId,
    pub(super) outcome: JobOutcome,
}

/// The rules of a robots.txt, or a page.
pub(super) enum JobOutcome {
    Robots(Result<Robots, String>),
    Page(Box<FetchedPage>),
}

/// A page with everything it leads to.
#[derive(Default)]
pub(super) struct FetchedPage {
    pub(super) page: Page,
    pub(super) links: Vec<Link>,
    /// Sorted hashes of the fragments that the page defines; `None` if they are not kept.
    pub(super) fragment_ids: Option<Vec<u64>>,
    /// The body, if bodies are saved.
    pub(super) saved: Option<SavedBody>,
    /// Whether another attempt may succeed.
    pub(super) is_temporary: bool,
    /// How long the host asks to wait before the next request.
    pub(super) retry_after: Option<Duration>,
}

impl FetchedPage {
    fn failed(error: String) -> Self {
        let page = Page { error: Some(error), ..Page::default() };
        FetchedPage { page, ..FetchedPage::default() }
    }
}

/// The state that the worker threads share; each has a clone.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) client: fetch::Client,
    pub(super) scope: Arc<Scope>,
    pub(super) options: Arc<Options>,
    pub(super) is_cancelled: Arc<AtomicBool>,
}

impl Worker {
    /// Works until `jobs` is closed or the crawl cancelled.
    pub(super) fn run(&self, jobs: &Receiver<Job>, results: &Sender<JobResult>) {
        let mut buf = vec![0; parse::READ_SIZE];
        for Job { id, host, url } in jobs {
            if self.is_cancelled.load(Ordering::Relaxed) {
                return;
            }
            // A page that makes a parser panic must not end the crawl.
            let outcome = catch_unwind(AssertUnwindSafe(|| match id {
                Some(_) => JobOutcome::Page(Box::new(self.page(&url, &mut buf))),
                None => JobOutcome::Robots(self.robots(&url)),
            }));
            let outcome = outcome.unwrap_or_else(|_| panicked(id, &url));
            if results.send(JobResult { id, host, outcome }).is_err() {
                return;
            }
        }
    }

    /// Fetches a robots.txt. Without one, or after too many redirects, everything is allowed.
    fn robots(&self, url: &str) -> Result<Robots, String> {
        let mut url = Url::parse(url).map_err(|err| err.to_string())?;
        for _ in 0..=ROBOTS_REDIRECTS_MAX {
            let response = self.client.get(url.as_str()).map_err(|err| err.to_string())?;
            match response.status {
                200..=299 => return Ok(Robots::parse(&read_robots(response), AGENT)),
                300..=399 => {
                    let location = response.header("location").unwrap_or_default();
                    url = url.join(&location).map_err(|err| err.to_string())?;
                }
                400..=499 => return Ok(Robots::allow_all()),
                status => return Err(fetch::status_text(status)),
            }
        }
        Ok(Robots::allow_all())
    }

    fn page(&self, url: &Arc<str>, buf: &mut [u8]) -> FetchedPage {
        let start = Instant::now();
        let mut fetched = match self.client.get(url) {
            Ok(response) => self.response(url, response, start, buf),
            Err(err) => {
                let is_temporary = err.is_temporary;
                FetchedPage { is_temporary, ..FetchedPage::failed(err.to_string()) }
            }
        };
        fetched.page.url = Arc::clone(url);
        fetched.page.time = start.elapsed();
        fetched
    }

    fn response(
        &self,
        url: &str,
        response: Response,
        start: Instant,
        buf: &mut [u8],
    ) -> FetchedPage {
        let (status, mime) = (response.status, response.mime());
        let mut fetched = match (status, Url::parse(url)) {
            (_, Err(err)) => FetchedPage::failed(err.to_string()),
            (200..=299, Ok(base)) => {
                let read = self.read(response, &mime, &base, start, buf);
                read.unwrap_or_else(FetchedPage::failed)
            }
            (300..=399, Ok(base)) => self.redirect(&response, &base),
            _ => failure(&response),
        };
        fetched.page.status = Some(status);
        fetched.page.mime = mime;
        fetched
    }

    fn redirect(&self, response: &Response, from: &Url) -> FetchedPage {
        let location = response.header("location").unwrap_or_default();
        let target = parse::redirect(&location, from, &self.scope);
        let Some((link, is_in_scope)) = target.filter(|_| !location.is_empty()) else {
            let status = fetch::status_text(response.status);
            return FetchedPage::failed(format!("{status} without a valid Location"));
        };
        let page = Page { redirect: Some(link.url.clone()), ..Page::default() };
        let links = Vec::from_iter(is_in_scope.then_some(link));
        FetchedPage { page, links, ..FetchedPage::default() }
    }

    /// Reads the body, if it is of a type that has links or is to be saved.
    ///
    /// # Errors
    /// When the body cannot be saved. A body that breaks off still has the links read so far.
    fn read(
        &self,
        response: Response,
        mime: &str,
        url: &Url,
        start: Instant,
        buf: &mut [u8],
    ) -> Result<FetchedPage, String> {
        let mut spool = self.options.spool.as_deref().map(Spool::new).transpose()?;
        let content_type = response.header("content-type").unwrap_or_default();
        let mut save = |piece: &[u8]| spool.as_mut().map_or(Ok(()), |spool| spool.write(piece));
        let deadline = start + self.options.fetch.timeout;
        let mut body = Body { response, buf, n_bytes: 0, deadline, save: &mut save };
        let (parsed, result) = self.parse(&mut body, mime, url);
        let page = Page {
            n_bytes: body.n_bytes,
            n_links: parsed.links.len(),
            n_too_long: parsed.n_too_long,
            ..Page::default()
        };
        let saved = spool.filter(|_| result.is_ok()).map(|spool| spool.finish(content_type));
        Ok(FetchedPage {
            page: Page { error: result.err(), ..page },
            links: parsed.links,
            fragment_ids: parsed.fragment_ids,
            saved,
            ..FetchedPage::default()
        })
    }

    /// Parses the body as its media type demands; an error means that it is incomplete.
    fn parse(&self, body: &mut Body<'_>, mime: &str, url: &Url) -> (Parsed, Result<(), String>) {
        match mime {
            "text/html" | "application/xhtml+xml" => {
                parse::page(body, url, &self.scope, &self.options)
            }
            "text/css" if self.options.assets => parse::style_sheet(body, url, &self.scope),
            _ if self.options.sitemap && sitemap::is_sitemap(mime, url.path()) => {
                parse::sitemap(body, url, &self.scope, self.options.fetch.body_max)
            }
            _ if self.options.spool.is_some() => (Parsed::default(), body.read_to_end()),
            _ => (Parsed::default(), Ok(())),
        }
    }
}

/// A response with a status that is neither success nor redirect.
fn failure(response: &Response) -> FetchedPage {
    let status = response.status;
    let value = matches!(status, 429 | 503).then(|| response.header("retry-after")).flatten();
    FetchedPage {
        is_temporary: matches!(status, 429 | 502..=504),
        retry_after: value.as_deref().and_then(parse::retry_after),
        ..FetchedPage::failed(fetch::status_text(status))
    }
}

fn panicked(id: Option<PageId>, url: &Arc<str>) -> JobOutcome {
    let error = "this page made the parser panic".to_owned();
    if id.is_none() {
        return JobOutcome::Robots(Err(error));
    }
    let mut fetched = FetchedPage::failed(error);
    fetched.page.url = Arc::clone(url);
    JobOutcome::Page(Box::new(fetched))
}

/// Reads a robots.txt up to [`robots::SIZE_MAX`]; what was read before an error counts.
fn read_robots(mut response: Response) -> Vec<u8> {
    let (mut text, mut buf) = (Vec::new(), [0; 8 << 10]);
    while let Ok(n @ 1..) = response.read(&mut buf) {
        text.extend_from_slice(&buf[..n]);
        if text.len() as u64 >= robots::SIZE_MAX {
            break;
        }
    }
    text
}
