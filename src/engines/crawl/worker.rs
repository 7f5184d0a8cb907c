//! A worker thread of a crawl: it fetches one URL after the other and parses what comes back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crossbeam::channel::{Receiver, Sender};
use url::Url;

use super::archive::Entry;
use super::fetched::FetchedPage;
use super::ids::{HostId, PageId};
use super::options::Options;
use super::outcome::Page;
use super::page_links;
use super::parse::{self, Body, Markup, Parsed};
use super::record;
use super::scope::{Role, Scope};
use super::spool::{self, SavedBody, Spool, Validators};
use crate::web::fetch::{self, Response};
use crate::web::robots::{self, Robots};
use crate::web::sitemap;
use crate::web::sniff;
use crate::web::urls::Base;

/// Maximum number of redirects to a robots.txt (RFC 9309, 2.3.1.2).
const ROBOTS_REDIRECTS_MAX: usize = 5;
/// The product token in robots.txt if the User-Agent header has none.
const AGENT: &str = "threadbare";

/// A URL to fetch: a page, or without an id a robots.txt.
pub(super) struct Job {
    pub(super) id: Option<PageId>,
    pub(super) host: HostId,
    pub(super) url: Arc<str>,
    pub(super) role: JobRole,
}

/// What a page is fetched as.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum JobRole {
    Page,
    /// A part of a page: an image, script or style sheet.
    Requisite,
    Sitemap,
}

/// What a worker returns for a [`Job`].
pub(super) struct JobResult {
    pub(super) id: Option<PageId>,
    pub(super) host: HostId,
    pub(super) outcome: JobOutcome,
}

/// The rules of a robots.txt, or a page.
pub(super) enum JobOutcome {
    Robots(Result<Robots, RobotsError>),
    Page(Box<FetchedPage>),
}

/// Why there are no rules of a robots.txt.
pub(super) struct RobotsError {
    pub(super) reason: String,
    /// Whether another attempt may succeed.
    pub(super) is_temporary: bool,
    /// How long the host asks to wait before that.
    pub(super) retry_after: Option<Duration>,
}

impl RobotsError {
    fn lasting(reason: String) -> Self {
        RobotsError { reason, is_temporary: false, retry_after: None }
    }
}

impl From<fetch::Error> for RobotsError {
    fn from(err: fetch::Error) -> Self {
        RobotsError { is_temporary: err.is_temporary, ..RobotsError::lasting(err.to_string()) }
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
        for Job { id, host, url, role } in jobs {
            if self.is_cancelled.load(Ordering::Relaxed) {
                return;
            }
            // A page that makes a parser panic must not end the crawl.
            let outcome = catch_unwind(AssertUnwindSafe(|| match id {
                Some(_) => JobOutcome::Page(Box::new(self.page(&url, role, &mut buf))),
                None => JobOutcome::Robots(self.robots(&url)),
            }));
            let outcome = outcome.unwrap_or_else(|_| panicked(id, &url));
            if results.send(JobResult { id, host, outcome }).is_err() {
                return;
            }
        }
    }

    fn get(&self, url: &str) -> Result<Response, fetch::Error> {
        match &self.options.folder {
            Some(folder) if folder.is_origin_of(url) => {
                folder.get(url, self.options.fetch.body_max)
            }
            _ => self.client.get(url),
        }
    }

    /// Requests a page. If it has not changed since the last run, the response is its copy, as it was
    /// sent then, and the entry of that is returned, too.
    fn get_if_changed<'e>(
        &self,
        url: &str,
        earlier: Option<&'e Entry>,
    ) -> Result<(Response, Option<&'e Entry>), fetch::Error> {
        let (Some(entry), Some(archive)) = (earlier, &self.options.archive) else {
            return Ok((self.get(url)?, None));
        };
        let Validators { etag, last_modified, robots } = &entry.validators;
        // Where both are sent, the server has to ignore the date (RFC 9110, 13.1.3).
        let headers = [("if-none-match", etag), ("if-modified-since", last_modified)];
        let headers = headers.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?)));
        let response = self.client.get_with(url, &headers.collect::<Vec<_>>())?;
        if response.status != 304 {
            return Ok((response, None));
        }
        let Some(body) = archive.body(entry) else {
            return Ok((self.get(url)?, None)); // what we have is damaged
        };
        let robots = response.header("x-robots-tag").or_else(|| robots.clone());
        let headers = [
            ("content-type", &*entry.content_type),
            ("etag", &response.header("etag").or_else(|| etag.clone()).unwrap_or_default()),
            ("last-modified", last_modified.as_deref().unwrap_or_default()),
            ("x-robots-tag", robots.as_deref().unwrap_or_default()),
        ];
        let copy = Response::new(200, &headers, body, self.options.fetch.body_max);
        Ok((copy, Some(entry)))
    }

    /// Reads the copy of a page that has not changed.
    fn unchanged(
        &self,
        copy: Response,
        entry: &Entry,
        role: JobRole,
        start: Instant,
        buf: &mut [u8],
    ) -> FetchedPage {
        let validators = validators(&copy);
        let mut fetched = if spool::has_links(&entry.content_type) {
            self.response(&entry.url, copy, role, start, buf)
        } else {
            // Only its links are read, if it is a sitemap: the file stays.
            let options = Options { spool: None, ..(*self.options).clone() };
            let reader = Worker { options: Arc::new(options), ..self.clone() };
            let mut fetched = reader.response(&entry.url, copy, role, start, buf);
            let content_type = entry.content_type.clone();
            fetched.saved = Some(SavedBody { path: None, content_type, validators });
            fetched
        };
        fetched.page.status = Some(304);
        fetched.page.n_bytes = 0; // were read from the network
        fetched
    }

    /// Fetches a robots.txt. Without one, or after too many redirects, everything is allowed.
    fn robots(&self, url: &str) -> Result<Robots, RobotsError> {
        if self.options.folder.as_ref().is_some_and(|folder| folder.is_origin_of(url)) {
            return Ok(Robots::allow_all()); // it is there for others
        }
        let lasting = |err: url::ParseError| RobotsError::lasting(err.to_string());
        let mut url = Url::parse(url).map_err(lasting)?;
        for _ in 0..=ROBOTS_REDIRECTS_MAX {
            let response = self.client.get(url.as_str())?;
            match response.status {
                200..=299 => return Ok(Robots::parse(&read_robots(response), self.agent())),
                300..=399 => {
                    let location = response.location().unwrap_or_default();
                    url = url.join(&location).map_err(lasting)?;
                }
                429 | 500.. => return Err(robots_failure(&response)),
                _ => return Ok(Robots::allow_all()),
            }
        }
        Ok(Robots::allow_all())
    }

    fn agent(&self) -> &str {
        robots::product_token(&self.options.fetch.user_agent, AGENT)
    }

    fn page(&self, url: &Arc<str>, role: JobRole, buf: &mut [u8]) -> FetchedPage {
        let start = Instant::now();
        let earlier = self.options.archive.as_ref().and_then(|archive| archive.current(url));
        let response = if self.options.probes {
            self.probe(url).map(|response| (response, None))
        } else {
            self.get_if_changed(url, earlier)
        };
        let mut fetched = match response {
            Ok((response, None)) => self.response(url, response, role, start, buf),
            Ok((response, Some(entry))) => self.unchanged(response, entry, role, start, buf),
            Err(err) => {
                let is_temporary = err.is_temporary;
                FetchedPage { is_temporary, ..FetchedPage::failed(err.to_string()) }
            }
        };
        fetched.page.url = Arc::clone(url);
        fetched.page.time = start.elapsed();
        if self.options.state.is_some() {
            fetched.record = record::encode_page(&fetched);
        }
        fetched
    }

    /// Asks whether the URL exists: by GET where HEAD is refused or fails, as some servers do not
    /// know it or answer it with 403, 404 or nothing at all.
    fn probe(&self, url: &str) -> Result<Response, fetch::Error> {
        match self.client.head(url) {
            Ok(response) if response.status < 400 || response.status == 429 => Ok(response),
            Err(err) if !err.is_temporary => Err(err),
            _ => self.client.get(url),
        }
    }

    fn response(
        &self,
        url: &str,
        mut response: Response,
        role: JobRole,
        start: Instant,
        buf: &mut [u8],
    ) -> FetchedPage {
        let (status, mime) = (response.status, response.mime());
        let deadline = start + self.options.fetch.timeout;
        let mut fetched = match (status, Url::parse(url)) {
            (_, Err(err)) => FetchedPage::failed(err.to_string()),
            (200..=299, Ok(base)) if !self.options.probes => {
                let n_bytes = 0;
                let body =
                    Body { response, buf, n_bytes, n_ahead: 0, deadline, save: &mut |_| Ok(()) };
                self.read(body, &mime, &base, role).unwrap_or_else(FetchedPage::failed)
            }
            (status, Ok(base)) => {
                response.discard(buf);
                match status {
                    200..=299 => FetchedPage::default(),
                    300..=399 => self.redirect(&response, base, role),
                    _ if self.accepts(status) => {
                        let retry_after = retry_after(&response);
                        FetchedPage { retry_after, ..FetchedPage::default() }
                    }
                    _ => failure(&response),
                }
            }
        };
        fetched.page.status = Some(status);
        fetched.page.mime = mime;
        fetched
    }

    fn accepts(&self, status: u16) -> bool {
        self.options.accepted.iter().any(|codes| codes.contains(&status))
    }

    fn redirect(&self, response: &Response, from: Url, role: JobRole) -> FetchedPage {
        let location = response.location().unwrap_or_default();
        let role = if role == JobRole::Requisite { Role::Requisite } else { Role::Page };
        let target = page_links::redirect(&location, &Base::new(from), &self.scope, role);
        let Some((links, url)) = target.filter(|_| !location.is_empty()) else {
            let status = fetch::status_text(response.status);
            return FetchedPage::failed(format!("{status} without a valid Location"));
        };
        let page = Page { redirect: Some(url), ..Page::default() };
        FetchedPage { page, links, ..FetchedPage::default() }
    }

    /// Reads the body, if it is of a type that has links or is to be saved.
    ///
    /// # Errors
    /// When the body cannot be saved. A body that breaks off still has the links read so far.
    fn read(
        &self,
        body: Body<'_>,
        mime: &str,
        url: &Url,
        role: JobRole,
    ) -> Result<FetchedPage, String> {
        let mut spool = self.options.spool.as_deref().map(Spool::new).transpose()?;
        let mut content_type = body.response.header("content-type").unwrap_or_default();
        let mut save = |piece: &[u8]| spool.as_mut().map_or(Ok(()), |spool| spool.write(piece));
        let mut body = Body { save: &mut save, ..body };
        let sniffed = sniffed(&mut body, mime)?;
        if let Some(sniffed) = sniffed {
            sniffed.clone_into(&mut content_type);
        }
        let mime = sniffed.unwrap_or(mime);
        let (parsed, result) = self.parse(&mut body, mime, url, role);
        let page = Page {
            n_bytes: body.n_bytes,
            n_links: parsed.links.links.len(),
            warnings: parsed.warnings,
            is_cut: result.as_ref().is_err_and(|err| err == fetch::TOO_LARGE),
            ..Page::default()
        };
        let validators = validators(&body.response);
        let saved = spool.filter(|_| result.is_ok()).map(|spool| SavedBody {
            path: Some(spool.finish()),
            content_type,
            validators,
        });
        Ok(FetchedPage {
            page: Page { error: result.err(), ..page },
            links: parsed.links,
            are_sitemaps: parsed.are_sitemaps,
            fragment_ids: parsed.fragment_ids,
            saved,
            ..FetchedPage::default()
        })
    }

    /// Parses the body as its media type demands; an error means that it is incomplete.
    fn parse(
        &self,
        body: &mut Body<'_>,
        mime: &str,
        url: &Url,
        role: JobRole,
    ) -> (Parsed, Result<(), String>) {
        let (scope, options) = (&self.scope, &self.options);
        let page = |body: &mut Body<'_>, markup| parse::page(body, markup, url, scope, options);
        let may_be_sitemap = role == JobRole::Sitemap || sitemap::is_sitemap(mime, url.path());
        match mime {
            "text/html" => page(body, Markup::Html),
            "application/xhtml+xml" => page(body, Markup::Xhtml),
            "image/svg+xml" if options.assets => page(body, Markup::Svg),
            "text/css" if options.assets => parse::style_sheet(body, url, scope, options),
            _ if options.sitemap && may_be_sitemap => {
                parse::sitemap(body, url, scope, options.fetch.body_max)
            }
            _ if options.spool.is_some() => (Parsed::default(), body.read_to_end()),
            _ => {
                body.response.discard(body.buf);
                (Parsed::default(), Ok(()))
            }
        }
    }
}

/// The media type that the first bytes of the body show, if its header says nothing.
fn sniffed(body: &mut Body<'_>, mime: &str) -> Result<Option<&'static str>, String> {
    if !sniff::is_unknown(mime) {
        return Ok(None);
    }
    Ok(sniff::mime(body.peek()?))
}

fn validators(response: &Response) -> Validators {
    // What is not ASCII cannot be sent back.
    let header = |name| response.header(name).filter(|value: &String| value.is_ascii());
    Validators {
        etag: header("etag"),
        last_modified: header("last-modified"),
        robots: header("x-robots-tag"),
    }
}

/// A robots.txt that may be there, but not now (RFC 9309, 2.3.1.4).
fn robots_failure(response: &Response) -> RobotsError {
    RobotsError {
        is_temporary: is_temporary(response.status),
        retry_after: retry_after(response),
        ..RobotsError::lasting(fetch::status_text(response.status))
    }
}

fn is_temporary(status: u16) -> bool {
    matches!(status, 429 | 502..=504)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let may_ask = matches!(response.status, 429 | 503);
    response.header("retry-after").filter(|_| may_ask).as_deref().and_then(parse::retry_after)
}

/// A response with a status that is neither success nor redirect.
fn failure(response: &Response) -> FetchedPage {
    FetchedPage {
        is_temporary: is_temporary(response.status),
        retry_after: retry_after(response),
        ..FetchedPage::failed(fetch::status_text(response.status))
    }
}

fn panicked(id: Option<PageId>, url: &Arc<str>) -> JobOutcome {
    let error = "this page made the parser panic".to_owned();
    if id.is_none() {
        return JobOutcome::Robots(Err(RobotsError::lasting(error)));
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
