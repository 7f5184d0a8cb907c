//! The coordinator of a crawl: it alone decides what is fetched, and when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam::channel::{self, Receiver, Sender};
use crossbeam::select;

use super::fetched::FetchedPage;
use super::hosts::{Hosts, NextFetch, RETRY_AFTER_MAX, Refusal, SitemapUrl};
use super::identity;
use super::ids::{HostId, PageId};
use super::options::Options;
use super::outcome::{Crawl, Error, Page, Summary};
use super::page_entry::PageEntry;
use super::pages::Pages;
use super::record::{self, Record};
use super::spool::SavedBody;
use super::state::{State, StateWriter};
use super::worker::{Job, JobOutcome, JobResult, JobRole, RobotsError};
use super::workers::Workers;
use crate::web::robots::Robots;
use crate::web::urls;

/// Crawls from the URLs `starts` until nothing is left to fetch, or `done` is closed.
///
/// Calls `report` on this thread with the pages finished since the last call and the summary so
/// far. When `report` returns false, the crawl ends as if `done` were closed.
///
/// # Errors
/// When the machine has no room for the worker threads, or the state file cannot be used. A page that cannot be fetched is no error
/// of the crawl: it is reported as a [`Page`] with an `error`.
///
/// # Examples
/// A site of two pages that refer to each other, on a port of this machine:
///
/// ```
/// use std::io::{BufRead, BufReader, Write};
/// use std::net::TcpListener;
///
/// use threadbare::engines::crawl::{self, Options};
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let start = format!("http://{}/", listener.local_addr()?);
/// std::thread::spawn(move || {
///     for mut client in listener.incoming().flatten() {
///         let mut head = BufReader::new(&client).lines().map_while(Result::ok);
///         let is_robots = head.next().is_some_and(|line| line.contains("/robots.txt"));
///         head.take_while(|line| !line.is_empty()).for_each(drop);
///         let status = if is_robots { "404 Not Found" } else { "200 OK" };
///         let page = "<a href=/>first</a> <a href=/second>second</a>";
///         let head = "Content-Type: text/html\r\nConnection: close\r\n";
///         _ = write!(client, "HTTP/1.1 {status}\r\n{head}\r\n{page}");
///     }
/// });
///
/// let mut urls = Vec::new();
/// let never = crossbeam::channel::never();
/// let crawl = crawl::run(&[start.clone()], &Options::default(), &never, &mut |pages, _| {
///     urls.extend(pages.iter().map(|page| page.url.to_string()));
///     true
/// })?;
/// assert_eq!(urls, [start.clone(), start + "second"]);
/// assert_eq!((crawl.summary.n_pages, crawl.summary.n_failed), (2, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn run(
    starts: &[String],
    options: &Options,
    done: &Receiver<()>,
    report: &mut dyn FnMut(&[Page], &Summary) -> bool,
) -> Result<Crawl, Error> {
    let start = Instant::now();
    let mut coordinator = Coordinator::new(options, starts);
    coordinator.open_state(starts).map_err(Error::State)?;
    let workers = match Workers::start(starts, options) {
        Ok(workers) => workers,
        Err(err) => {
            _ = coordinator.state.take().map(StateWriter::end); // nothing was written
            return Err(Error::Workers(err));
        }
    };
    let is_cancelled = !coordinator.run(&workers, done, report);
    workers.end(is_cancelled);
    let Coordinator { mut summary, pages, saved, state, .. } = coordinator;
    let state_error = state.and_then(|state| state.end().err());
    summary.is_cancelled = is_cancelled;
    summary.time = start.elapsed();
    summary.n_waiting = 0;
    summary.is_limited |= pages.is_limited;
    let folder = options.folder.clone();
    Ok(Crawl { summary, pages, saved, outside: None, state_error, folder })
}

/// The state of a crawl.
struct Coordinator<'a> {
    options: &'a Options,
    pages: Pages,
    hosts: Hosts,
    summary: Summary,
    /// Jobs sent to the workers whose results have not been received.
    n_in_flight: usize,
    saved: Vec<(PageId, SavedBody)>,
    /// Pages finished since the last report.
    unreported: Vec<Page>,
    /// Where the state is saved, if it is.
    state: Option<StateWriter>,
}

impl<'a> Coordinator<'a> {
    fn new(options: &'a Options, starts: &[String]) -> Self {
        let mut coordinator = Coordinator {
            options,
            pages: Pages::new(options),
            hosts: Hosts::new(options),
            summary: Summary::default(),
            n_in_flight: 0,
            saved: Vec::new(),
            unreported: Vec::new(),
            state: None,
        };
        for start in starts {
            coordinator.pages.add_start(start);
        }
        coordinator
    }

    /// Opens the state file, if there is to be one, and does again what it says was done.
    fn open_state(&mut self, starts: &[String]) -> Result<(), String> {
        let Some(path) = &self.options.state else { return Ok(()) };
        let mut state = State::open(path, &identity::identity(starts, self.options))?;
        let mut n_damaged = 0;
        state.replay(|record| match record::decode(record) {
            Some(record) => self.replay(record),
            None => n_damaged += 1,
        })?;
        if n_damaged > 0 {
            return Err(format!("{}: {n_damaged} damaged records", path.display()));
        }
        self.state = Some(state.start_writer()?);
        Ok(())
    }

    fn replay(&mut self, record: Record) {
        match record {
            Record::Sitemap { url, is_guess } => self.pages.add_sitemap(&url, is_guess),
            Record::Page(page) => {
                // A page that another led to which failed for a moment is found again later.
                let id = self.pages.find(&urls::key(&page.url));
                if let Some(id) = id.filter(|&id| self.pages.is_queued(id)) {
                    self.finish(id, FetchedPage::from(*page));
                }
            }
        }
    }

    /// Adds a record to the state, if that is saved.
    fn save(&self, record: impl FnOnce() -> Option<Vec<u8>>) {
        if let Some(state) = &self.state
            && let Some(record) = record()
        {
            state.write(record);
        }
    }

    /// Returns true when nothing is left to fetch, false when the crawl was cancelled.
    fn run(
        &mut self,
        workers: &Workers,
        done: &Receiver<()>,
        report: &mut dyn FnMut(&[Page], &Summary) -> bool,
    ) -> bool {
        loop {
            self.send_jobs(&workers.jobs);
            self.summary.n_waiting = self.hosts.n_waiting() + self.n_in_flight;
            let goes_on = self.unreported.is_empty() || report(&self.unreported, &self.summary);
            self.unreported.clear();
            if !goes_on {
                return false;
            }
            if self.n_in_flight == 0 && self.hosts.n_waiting() == 0 {
                return true;
            }
            let delay_over = self.hosts.next_delay_end().map_or_else(channel::never, channel::at);
            select! {
                recv(workers.results) -> result => {
                    self.handle(result.expect("workers live as long as their jobs"));
                    // Results that are there already cost no further wake-up.
                    workers.results.try_iter().for_each(|result| self.handle(result));
                }
                recv(delay_over) -> _ => (),
                recv(done) -> _ => return false,
            }
        }
    }

    /// Sends the workers every job that may be started now, as far as their queue has room.
    fn send_jobs(&mut self, jobs: &Sender<Job>) {
        for id in self.pages.take_queued() {
            self.hosts.add(id, &self.pages.get(id).url);
        }
        while !jobs.is_full()
            && let Some(next) = self.hosts.next(Instant::now())
        {
            match self.job(next) {
                Some(job) => {
                    self.n_in_flight += 1;
                    jobs.try_send(job).expect("there is room, and the workers live");
                }
                None => self.hosts.request_skipped(next.host),
            }
        }
    }

    /// The job that fetches `next`. `None` if it is a page that must not be fetched.
    fn job(&mut self, next: NextFetch) -> Option<Job> {
        let Some(id) = next.page else {
            let url = self.hosts.robots_url(next.host).into();
            return Some(Job { id: None, host: next.host, url, role: JobRole::Page });
        };
        let entry = self.pages.get(id);
        let (url, role) = (Arc::clone(&entry.url), role(entry));
        let Err(refusal) = self.hosts.allows(next.host, &url) else {
            return Some(Job { id: Some(id), host: next.host, url, role });
        };
        self.refuse(id, url, refusal);
        None
    }

    /// Records that a page must not be fetched. A start URL that is forbidden has failed.
    fn refuse(&mut self, id: PageId, url: Arc<str>, refusal: Refusal) {
        let (reason, is_failure) = match refusal {
            Refusal::Forbidden => {
                let is_wanted = self.pages.is_start(id) && !self.pages.get(id).is_guess;
                ("forbidden by robots.txt".to_owned(), is_wanted)
            }
            Refusal::Unreachable(reason) => (reason, true),
        };
        self.summary.n_forbidden += usize::from(!is_failure);
        self.pages.mark_refused(id, is_failure.then(|| reason.clone()));
        if is_failure {
            self.summary.n_failed += 1;
            let depth = self.pages.get(id).depth;
            self.report(Page { url, depth, error: Some(reason), ..Page::default() });
        }
    }

    fn handle(&mut self, result: JobResult) {
        self.n_in_flight -= 1;
        match result.outcome {
            JobOutcome::Robots(robots) => self.handle_robots(result.host, robots),
            JobOutcome::Page(fetched) => {
                let id = result.id.expect("a page has an id");
                if let Some(pause) = fetched.retry_after {
                    self.hosts.pause(result.host, pause.min(RETRY_AFTER_MAX));
                }
                let n_attempts = self.pages.count_attempt(id);
                if fetched.is_temporary && n_attempts <= self.options.retries {
                    // After Retry-After the host is paused already.
                    let is_paused = fetched.retry_after.is_some();
                    let delay = if is_paused { Duration::ZERO } else { back_off(n_attempts) };
                    self.hosts.add_delayed(id, result.host, delay);
                } else {
                    self.finish(id, *fetched);
                }
            }
        }
        self.hosts.request_finished(result.host);
    }

    fn handle_robots(&mut self, host: HostId, robots: Result<Robots, RobotsError>) {
        if let Err(RobotsError { is_temporary: true, retry_after, .. }) = robots {
            let n_attempts = self.hosts.count_robots_attempt(host);
            if n_attempts <= self.options.retries {
                let pause = retry_after.map(|pause| pause.min(RETRY_AFTER_MAX));
                self.hosts.retry_robots(host, pause.unwrap_or_else(|| back_off(n_attempts)));
                return;
            }
        }
        for SitemapUrl { url, is_guess } in
            self.hosts.set_robots(host, robots.map_err(|err| err.reason))
        {
            self.pages.add_sitemap(&url, is_guess);
            self.save(|| record::encode(&Record::Sitemap { url, is_guess }));
        }
    }

    fn finish(&mut self, id: PageId, fetched: FetchedPage) {
        let FetchedPage { page, links, are_sitemaps, fragment_ids, saved, record, .. } = fetched;
        self.save(|| record);
        let referrer = self.pages.referrer(id).map(Arc::clone);
        let mut page = Page { depth: self.pages.get(id).depth, referrer, ..page };
        let is_absent =
            self.pages.get(id).is_guess && page.status.is_some() && page.error.is_some();
        let leaves_scope = page.redirect.is_some() && links.targets.iter().all(|to| to.is_outside);
        let is_broken = !page.is_cut && !is_absent;
        let error = page.error.clone().filter(|_| is_broken);
        self.pages.set_status(id, page.status);
        if let Err(reason) = self.pages.mark_done(id, error, links, are_sitemaps, fragment_ids) {
            page.error = Some(reason);
        }
        if is_absent {
            return; // a site without a sitemap
        }
        if self.pages.is_start(id) && page.error.is_none() && leaves_scope {
            let to = page.redirect.as_deref().unwrap_or_default();
            page.error = Some(format!("redirects to {to}, which is out of scope"));
        }
        self.saved.extend(saved.map(|saved| (id, saved)));
        self.summary.n_bytes += page.n_bytes;
        self.summary.n_unchanged += usize::from(page.status == Some(304));
        self.summary.n_failed += usize::from(page.error.is_some());
        self.summary.n_incomplete += usize::from(page.is_cut || !page.warnings.is_empty());
        self.summary.n_pages += usize::from(page.error.is_none() && page.redirect.is_none());
        self.report(page);
    }

    /// Queues a page for the next report. The pages of a folder are named by their files.
    fn report(&mut self, mut page: Page) {
        if let Some(folder) = &self.options.folder {
            page.url = folder.shown(&page.url).into();
            page.referrer = page.referrer.map(|url| folder.page_name(&url).into());
        }
        self.unreported.push(page);
    }
}

fn role(entry: &PageEntry) -> JobRole {
    match () {
        () if entry.is_sitemap => JobRole::Sitemap,
        () if entry.is_requisite => JobRole::Requisite,
        () => JobRole::Page,
    }
}

/// The delay before the next attempt: 0.5 s after the first, then 1 s, 2 s and so on.
fn back_off(n_attempts: u32) -> Duration {
    Duration::from_millis(250) * 2_u32.saturating_pow(n_attempts.min(8))
}
