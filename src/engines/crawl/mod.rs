//! 8.6 A web site, page by page: twenty threads fetch, one thread decides.
//!
//! The owner alone knows what has been seen, what waits and what each host allows; so there is no
//! lock here. Workers take a URL, fetch it, and hand back one result with all its links. They never
//! wait for a host's sake: what has to wait, waits in the owner's heap of delays.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fmt, io};

use crossbeam::channel::{self, Receiver, Sender};
use crossbeam::select;
use regex::Regex;

use crate::threads;
use crate::web::fetch;
use hosts::{Hosts, Refusal};
use pages::Pages;
use worker::{Done, Fetched, Found, Job, Worker};

pub mod check;
mod hosts;
pub mod local;
pub mod mirror;
mod pages;
mod parse;
mod save;
mod scope;
mod worker;

pub use scope::Scope;

/// Jobs in hand: enough that no worker waits for the owner.
const JOBS: usize = 64;
/// Results in hand.
const RESULTS: usize = 64;
/// How long workers have to notice that they are to end.
const GRACE: Duration = Duration::from_millis(150);

/// What to crawl, and how.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Clone, Debug)]
pub struct Options {
    /// Threads that fetch, and so requests in flight.
    pub n_workers: usize,
    /// Links followed from the start.
    pub depth: Option<u32>,
    /// Pages asked for in all.
    pub pages_max: usize,
    /// Also what pages are shown with.
    pub assets: bool,
    /// Whether robots.txt, nofollow and the like count.
    pub robots: bool,
    /// Whether to begin with the pages that sitemaps name, too.
    pub sitemap: bool,
    /// Requests a second to one host.
    pub rate: Option<f64>,
    /// Requests in flight to one host.
    pub per_host: usize,
    /// How often to try again what may go better another time.
    pub retries: u32,
    /// Whether to remember who links to what, and targets of fragments.
    pub remember: bool,
    /// A folder to save bodies in.
    pub spool: Option<PathBuf>,
    /// What is followed.
    pub scope: ScopeOptions,
    /// How requests are made.
    pub fetch: fetch::Options,
}

/// Which links are followed.
#[derive(Clone, Debug, Default)]
pub struct ScopeOptions {
    /// Only what is in the folder of a start.
    pub below: bool,
    /// Further hosts, with port where it is not the usual one.
    pub hosts: Vec<String>,
    /// Every host.
    pub span: bool,
    /// URLs have to match one of these, if there are any.
    pub include: Vec<Regex>,
    /// URLs must match none of these.
    pub exclude: Vec<Regex>,
}

/// What became of one URL.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The URL as it was asked for.
    pub url: Arc<str>,
    /// Links followed from the start when it was asked for.
    pub depth: u32,
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// Where it sent us.
    pub redirect: Option<String>,
    /// Content-Type without parameters.
    pub mime: String,
    /// Bytes read of the body.
    pub n_bytes: u64,
    /// Links in it that are in scope, each counted once.
    pub n_links: usize,
    /// Links in it that are too long to follow.
    pub n_too_long: usize,
    /// From the request to the last byte.
    pub time: Duration,
}

/// What came of a whole crawl.
#[derive(Debug)]
pub struct Crawl {
    /// What is worth knowing in all.
    pub summary: Summary,
    pages: Pages,
    saved: Vec<(pages::Id, save::Saved)>,
}

/// A crawl in numbers.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// URLs that were answered with success.
    pub n_pages: usize,
    /// URLs that failed.
    pub n_failed: usize,
    /// URLs that robots.txt forbids.
    pub n_forbidden: usize,
    /// Bytes read of bodies.
    pub n_bytes: u64,
    /// URLs waiting now.
    pub n_waiting: usize,
    /// Whether there was more than the limits allowed.
    pub is_limited: bool,
    /// Whether it was told to stop.
    pub is_cancelled: bool,
    /// How long it took.
    pub time: Duration,
}

/// What a crawl cannot begin without.
#[derive(Debug)]
pub struct Error(io::Error);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "workers: {}", self.0)
    }
}

impl std::error::Error for Error {}

/// Crawls from `starts` until nothing is left, or `done` is closed.
///
/// `report` is called on this thread with pages as they are done, a few at a time, and with the
/// state of the crawl; when it returns false, the crawl ends as if `done` were closed.
///
/// # Errors
/// When the machine has no room for the workers.
pub fn run(
    starts: &[String],
    options: &Options,
    done: &Receiver<()>,
    report: &mut dyn FnMut(&[Page], &Summary) -> bool,
) -> Result<Crawl, Error> {
    let start = Instant::now();
    let workers = Workers::start(starts, options).map_err(Error)?;
    let mut owner = Owner::new(options, starts);
    let is_cancelled = !owner.work(&workers, done, report);
    workers.end(is_cancelled);
    owner.summary.is_cancelled = is_cancelled;
    owner.summary.time = start.elapsed();
    let Owner { mut summary, pages, saved, .. } = owner;
    summary.n_waiting = 0;
    summary.is_limited |= pages.is_limited;
    Ok(Crawl { summary, pages, saved })
}

/// The threads that fetch, and both channels to them.
struct Workers {
    jobs: Sender<Job>,
    results: Receiver<Done>,
    client: fetch::Client,
    is_cancelled: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Workers {
    fn start(starts: &[String], options: &Options) -> io::Result<Self> {
        threads::check_room(options.n_workers)?;
        let (jobs, to_do) = channel::bounded(JOBS);
        let (finished, results) = channel::bounded(RESULTS);
        let client = fetch::Client::new(&options.fetch);
        let is_cancelled = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            client: client.clone(),
            scope: Arc::new(Scope::new(starts, &options.scope)),
            options: Arc::new(options.clone()),
            is_cancelled: Arc::clone(&is_cancelled),
        };
        let mut threads = Vec::new();
        for _ in 0..options.n_workers {
            let (worker, to_do, finished) = (worker.clone(), to_do.clone(), finished.clone());
            // Not scoped: who hangs in a DNS look-up is left behind when the crawl is cancelled.
            let thread = std::thread::Builder::new().name("crawler".to_owned());
            threads.push(thread.spawn(move || worker.work(&to_do, &finished))?);
        }
        Ok(Workers { jobs, results, client, is_cancelled, threads })
    }

    /// Joins the threads; after a cancellation, those that end in time.
    fn end(self, is_cancelled: bool) {
        drop(self.jobs); // ends the workers
        if is_cancelled {
            self.is_cancelled.store(true, Ordering::Relaxed);
            self.client.shutdown();
            let deadline = Instant::now() + GRACE;
            while self.results.recv_deadline(deadline).is_ok() {}
        }
        for thread in self.threads {
            if !is_cancelled || thread.is_finished() {
                thread.join().expect("a worker catches its panics");
            }
        }
    }
}

/// The one who knows.
struct Owner<'a> {
    options: &'a Options,
    pages: Pages,
    hosts: Hosts,
    summary: Summary,
    /// Jobs that workers have.
    n_in_hand: usize,
    saved: Vec<(pages::Id, save::Saved)>,
    /// Pages done since the last report.
    news: Vec<Page>,
}

impl<'a> Owner<'a> {
    fn new(options: &'a Options, starts: &[String]) -> Self {
        let mut owner = Owner {
            options,
            pages: Pages::new(options),
            hosts: Hosts::new(options),
            summary: Summary::default(),
            n_in_hand: 0,
            saved: Vec::new(),
            news: Vec::new(),
        };
        for start in starts {
            owner.pages.add_start(start);
        }
        owner
    }

    /// Whether it came to its own end.
    fn work(
        &mut self,
        workers: &Workers,
        done: &Receiver<()>,
        report: &mut dyn FnMut(&[Page], &Summary) -> bool,
    ) -> bool {
        loop {
            self.hand_out(&workers.jobs);
            self.summary.n_waiting = self.hosts.n_waiting() + self.n_in_hand;
            let goes_on = self.news.is_empty() || report(&self.news, &self.summary);
            self.news.clear();
            if !goes_on {
                return false;
            }
            if self.n_in_hand == 0 && self.hosts.n_waiting() == 0 {
                return true;
            }
            let wake = self.hosts.next_wake().map_or_else(channel::never, channel::at);
            select! {
                recv(workers.results) -> result => {
                    self.take(result.expect("workers live as long as their jobs"));
                    // What else is there costs no waking.
                    workers.results.try_iter().for_each(|result| self.take(result));
                }
                recv(wake) -> _ => (),
                recv(done) -> _ => return false,
            }
        }
    }

    /// Gives the workers all that may be fetched now, as far as their queue has room.
    fn hand_out(&mut self, jobs: &Sender<Job>) {
        for id in self.pages.take_found() {
            self.hosts.add(id, &self.pages.get(id).url);
        }
        while !jobs.is_full()
            && let Some(next) = self.hosts.next(Instant::now())
        {
            match self.job(next) {
                Some(job) => {
                    self.n_in_hand += 1;
                    jobs.try_send(job).expect("there is room, and the workers live");
                }
                None => self.hosts.refused(next.host),
            }
        }
    }

    /// The job of the next page or robots.txt, unless that page must not be fetched.
    fn job(&mut self, next: hosts::Next) -> Option<Job> {
        let Some(id) = next.page else {
            let url = self.hosts.robots_url(next.host).into();
            return Some(Job { id: None, host: next.host, url });
        };
        let url = Arc::clone(&self.pages.get(id).url);
        let Err(why) = self.hosts.allows(next.host, &url) else {
            return Some(Job { id: Some(id), host: next.host, url });
        };
        self.refuse(id, url, why);
        None
    }

    /// Enters that a page must not be fetched, which is news if we were told to.
    fn refuse(&mut self, id: pages::Id, url: Arc<str>, why: Refusal) {
        let (why, is_failure) = match why {
            Refusal::Forbidden => ("forbidden by robots.txt".to_owned(), self.pages.is_start(id)),
            Refusal::Unreachable(why) => (why, true),
        };
        self.summary.n_forbidden += usize::from(!is_failure);
        self.pages.refuse(id, is_failure.then(|| why.clone()));
        if is_failure {
            self.summary.n_failed += 1;
            let depth = self.pages.get(id).depth;
            self.news.push(Page { url, depth, error: Some(why), ..Page::default() });
        }
    }

    fn take(&mut self, result: Done) {
        self.n_in_hand -= 1;
        match result.found {
            Found::Robots(robots) => {
                let sitemaps = self.hosts.set_robots(result.host, robots);
                for sitemap in sitemaps {
                    self.pages.add_start(&sitemap);
                }
            }
            Found::Page(fetched) => {
                let id = result.id.expect("a page has an id");
                if let Some(pause) = fetched.pause {
                    self.hosts.pause(result.host, pause.min(hosts::PAUSE_MAX));
                }
                let n_tries = self.pages.count_try(id);
                if fetched.is_passing && n_tries <= self.options.retries {
                    let wait =
                        if fetched.pause.is_some() { Duration::ZERO } else { back_off(n_tries) };
                    self.hosts.add_later(id, result.host, wait);
                } else {
                    self.finish(id, *fetched);
                }
            }
        }
        self.hosts.finished(result.host);
    }

    fn finish(&mut self, id: pages::Id, fetched: Fetched) {
        let mut page = Page { depth: self.pages.get(id).depth, ..fetched.page };
        let links = fetched.links;
        let leads_away = page.redirect.is_some() && links.is_empty();
        if let Err(why) = self.pages.finished(id, page.error.clone(), links, fetched.ids) {
            page.error = Some(why);
        }
        if self.pages.is_start(id) && page.error.is_none() && leads_away {
            let to = page.redirect.as_deref().unwrap_or_default();
            page.error = Some(format!("redirects to {to}, which is out of scope"));
        }
        self.saved.extend(fetched.saved.map(|saved| (id, saved)));
        self.summary.n_bytes += page.n_bytes;
        self.summary.n_failed += usize::from(page.error.is_some());
        self.summary.n_pages += usize::from(page.error.is_none() && page.redirect.is_none());
        self.news.push(page);
    }
}

/// 0.5 s, 1 s, 2 s …
fn back_off(tries: u32) -> Duration {
    Duration::from_millis(250) * 2_u32.saturating_pow(tries.min(8))
}
