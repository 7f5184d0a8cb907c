//! What each host allows: its robots.txt, its rate limit, and the pages that wait for both.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use url::Url;

use super::ids::{HostId, PageId};
use super::options::Options;
use crate::web::robots::Robots;
use crate::web::urls;

/// The longest Retry-After that is waited for; longer ones are shortened to this.
pub(super) const RETRY_AFTER_MAX: Duration = Duration::from_mins(1);

/// A request that may be made now: a page, or the robots.txt of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NextFetch {
    pub(super) host: HostId,
    /// `None` for the robots.txt.
    pub(super) page: Option<PageId>,
}

/// Why a page must not be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// robots.txt forbids it.
    Forbidden,
    /// robots.txt could not be fetched, for this reason (RFC 9309, 2.3.1.4).
    Unreachable(String),
}

/// The URL of a sitemap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SitemapUrl {
    pub(super) url: String,
    /// Whether it is the usual URL, which no robots.txt names.
    pub(super) is_guess: bool,
}

#[derive(Debug)]
enum RobotsState {
    Unknown,
    Requested,
    Known(Robots),
    Unreachable(String),
}

#[derive(Debug)]
struct Host {
    origin: String,
    robots: RobotsState,
    n_robots_attempts: u32,
    waiting: VecDeque<PageId>,
    n_in_flight: usize,
    /// Minimum time between the starts of two requests.
    interval: Duration,
    /// No request before this instant.
    not_before: Option<Instant>,
    /// Whether the host is in [`Hosts::ready`].
    is_ready: bool,
}

/// What becomes ready when a delay ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Delayed {
    Host(HostId),
    Page(HostId, PageId),
}

/// The hosts of all known pages.
#[derive(Debug)]
pub(super) struct Hosts {
    ids: HashMap<String, HostId>,
    all: Vec<Host>,
    /// Hosts that may have something to fetch, served in turn.
    ready: VecDeque<HostId>,
    delays: BinaryHeap<Reverse<(Instant, Delayed)>>,
    n_waiting: usize,
    per_host: usize,
    interval: Duration,
    obeys_robots: bool,
    reads_sitemaps: bool,
}

impl Hosts {
    pub(super) fn new(options: &Options) -> Self {
        let interval = options.rate.map(|rate| Duration::try_from_secs_f64(1.0 / rate));
        Hosts {
            ids: HashMap::new(),
            all: Vec::new(),
            ready: VecDeque::new(),
            delays: BinaryHeap::new(),
            n_waiting: 0,
            per_host: options.per_host,
            interval: interval.unwrap_or(Ok(Duration::ZERO)).unwrap_or(RETRY_AFTER_MAX),
            obeys_robots: options.robots,
            reads_sitemaps: options.sitemap,
        }
    }

    /// Number of pages that wait for their turn or for the end of a delay.
    pub(super) fn n_waiting(&self) -> usize {
        self.n_waiting
    }

    /// Queues a page at its host.
    pub(super) fn add(&mut self, page: PageId, url: &str) {
        let origin = urls::origin(url);
        let host = self.ids.get(origin).copied().unwrap_or_else(|| self.add_host(origin));
        self.n_waiting += 1;
        self.queue(host, page);
    }

    fn add_host(&mut self, origin: &str) -> HostId {
        let id = HostId::try_from(self.all.len()).expect("there are fewer hosts than pages");
        let needs_robots = self.obeys_robots || self.reads_sitemaps;
        let known = RobotsState::Known(Robots::allow_all());
        self.all.push(Host {
            origin: origin.to_owned(),
            robots: if needs_robots { RobotsState::Unknown } else { known },
            n_robots_attempts: 0,
            waiting: VecDeque::new(),
            n_in_flight: 0,
            interval: self.interval,
            not_before: None,
            is_ready: false,
        });
        self.ids.insert(origin.to_owned(), id);
        id
    }

    /// Queues a page that is to be tried again after `delay`.
    pub(super) fn add_delayed(&mut self, page: PageId, host: HostId, delay: Duration) {
        self.n_waiting += 1;
        self.delays.push(Reverse((Instant::now() + delay, Delayed::Page(host, page))));
    }

    fn queue(&mut self, host: HostId, page: PageId) {
        self.host(host).waiting.push_back(page);
        self.mark_ready(host);
    }

    fn host(&mut self, id: HostId) -> &mut Host {
        &mut self.all[id as usize]
    }

    /// Puts the host at the end of the ready queue, unless it is in there.
    fn mark_ready(&mut self, id: HostId) {
        let host = self.host(id);
        if !std::mem::replace(&mut host.is_ready, true) {
            self.ready.push_back(id);
        }
    }

    /// Takes the next request that may be made at `now`. The caller ends it by
    /// [`request_finished`](Self::request_finished) or [`request_skipped`](Self::request_skipped).
    pub(super) fn next(&mut self, now: Instant) -> Option<NextFetch> {
        while self.next_delay_end().is_some_and(|end| end <= now)
            && let Some(Reverse((_, delayed))) = self.delays.pop()
        {
            match delayed {
                Delayed::Host(host) => self.mark_ready(host),
                Delayed::Page(host, page) => self.queue(host, page),
            }
        }
        while let Some(id) = self.ready.pop_front() {
            self.host(id).is_ready = false;
            if let Some(next) = self.next_of_host(id, now) {
                return Some(next);
            }
        }
        None
    }

    /// Takes the host's next request, if it has one that may be made at `now`.
    fn next_of_host(&mut self, id: HostId, now: Instant) -> Option<NextFetch> {
        let per_host = self.per_host;
        let host = self.host(id);
        let delay_end = host.not_before.filter(|&end| end > now);
        if matches!(host.robots, RobotsState::Unknown) && delay_end.is_none() {
            host.robots = RobotsState::Requested;
            host.n_in_flight += 1;
            return Some(NextFetch { host: id, page: None });
        }
        if matches!(host.robots, RobotsState::Requested) || host.n_in_flight >= per_host {
            return None; // the next result of this host makes it ready again
        }
        if host.waiting.is_empty() {
            return None;
        }
        if let Some(end) = delay_end {
            self.delays.push(Reverse((end, Delayed::Host(id))));
            return None;
        }
        let page = host.waiting.pop_front();
        host.n_in_flight += 1;
        host.not_before = (!host.interval.is_zero()).then(|| now + host.interval);
        self.n_waiting -= 1;
        self.mark_ready(id);
        Some(NextFetch { host: id, page })
    }

    /// When the next delay ends.
    pub(super) fn next_delay_end(&self) -> Option<Instant> {
        self.delays.peek().map(|Reverse((end, _))| *end)
    }

    /// Records that a request to the host has ended.
    pub(super) fn request_finished(&mut self, id: HostId) {
        self.host(id).n_in_flight -= 1;
        self.mark_ready(id);
    }

    /// Records that a request was not made after all; the host's next one need not wait for it.
    pub(super) fn request_skipped(&mut self, id: HostId) {
        self.host(id).not_before = None;
        self.request_finished(id);
    }

    /// Makes no request to the host for the duration `pause` from now.
    pub(super) fn pause(&mut self, id: HostId, pause: Duration) {
        let end = Some(Instant::now() + pause);
        let host = self.host(id);
        host.not_before = host.not_before.max(end);
    }

    pub(super) fn robots_url(&self, id: HostId) -> String {
        format!("{}/robots.txt", self.all[id as usize].origin)
    }

    /// Counts an attempt to fetch the robots.txt. Returns the number of attempts, this one included.
    pub(super) fn count_robots_attempt(&mut self, id: HostId) -> u32 {
        let host = self.host(id);
        host.n_robots_attempts = host.n_robots_attempts.saturating_add(1);
        host.n_robots_attempts
    }

    /// Requests the robots.txt again after `delay`.
    pub(super) fn retry_robots(&mut self, id: HostId, delay: Duration) {
        self.pause(id, delay);
        self.host(id).robots = RobotsState::Unknown;
    }

    /// Stores the host's robots.txt, or why it could not be fetched. Returns the sitemaps to read.
    pub(super) fn set_robots(
        &mut self,
        id: HostId,
        robots: Result<Robots, String>,
    ) -> Vec<SitemapUrl> {
        let (obeys_robots, interval_min) = (self.obeys_robots, self.interval);
        let reads_sitemaps = self.reads_sitemaps;
        let base = self.robots_url(id);
        let host = self.host(id);
        let named = robots.as_ref().map_or(&[][..], Robots::sitemaps);
        let sitemaps = if reads_sitemaps { sitemaps(named, &base) } else { Vec::new() };
        host.robots = match robots {
            Ok(robots) if obeys_robots => {
                host.interval = robots.delay().unwrap_or_default().max(interval_min);
                RobotsState::Known(robots)
            }
            Err(reason) if obeys_robots => RobotsState::Unreachable(reason),
            _ => RobotsState::Known(Robots::allow_all()),
        };
        sitemaps
    }

    /// Checks whether the host's robots.txt allows fetching the page.
    ///
    /// # Errors
    /// When it forbids the page or could not be fetched itself.
    pub(super) fn allows(&self, id: HostId, url: &str) -> Result<(), Refusal> {
        match &self.all[id as usize].robots {
            RobotsState::Known(robots) if robots.allows(urls::path(url)) => Ok(()),
            RobotsState::Unreachable(reason) => {
                Err(Refusal::Unreachable(format!("robots.txt: {reason}")))
            }
            _ => Err(Refusal::Forbidden),
        }
    }
}

/// The sitemaps that the robots.txt at `base` names, or the usual one if it names none.
fn sitemaps(named: &[String], base: &str) -> Vec<SitemapUrl> {
    let Ok(base) = Url::parse(base) else { return Vec::new() };
    let resolved = |text: &str| urls::resolve(&base, text).ok().map(urls::without_fragment);
    if named.is_empty() {
        let usual = resolved("/sitemap.xml").map(|url| SitemapUrl { url, is_guess: true });
        return Vec::from_iter(usual);
    }
    let named = named.iter().filter_map(|text| resolved(text));
    named.map(|url| SitemapUrl { url, is_guess: false }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROBOTS: NextFetch = NextFetch { host: 0, page: None };

    fn page(host: HostId, page: PageId) -> NextFetch {
        NextFetch { host, page: Some(page) }
    }

    /// Hosts that ignore robots.txt, and `n_pages` pages of `http://h/`.
    fn hosts(n_pages: PageId, options: &Options) -> Hosts {
        let mut hosts = Hosts::new(&Options { robots: false, ..options.clone() });
        (0..n_pages).for_each(|id| hosts.add(id, "http://h/"));
        hosts
    }

    fn robots(text: &str) -> Robots {
        Robots::parse(text.as_bytes(), "threadbare")
    }

    #[test]
    fn robots_txt_is_fetched_once_and_before_every_page() {
        let (mut hosts, now) = (Hosts::new(&Options::default()), Instant::now());
        hosts.add(0, "http://h/a");
        hosts.add(1, "http://h/b");
        assert_eq!((hosts.next(now), hosts.next(now)), (Some(ROBOTS), None));
        assert_eq!(hosts.robots_url(0), "http://h/robots.txt");
        assert_eq!(hosts.set_robots(0, Ok(robots(""))), []);
        hosts.request_finished(0);
        assert_eq!(hosts.n_waiting(), 2);
        let taken = [hosts.next(now), hosts.next(now), hosts.next(now)];
        assert_eq!(taken, [Some(page(0, 0)), Some(page(0, 1)), None]);
        assert_eq!(hosts.n_waiting(), 0);
    }

    #[test]
    fn a_scheme_a_host_and_a_port_make_one_host_and_hosts_take_turns() {
        let (mut hosts, now) = (hosts(0, &Options::default()), Instant::now());
        let urls = ["http://a/1", "http://a/2", "http://a/3", "http://a:81/", "https://a/"];
        (0..).zip(urls).for_each(|(id, url)| hosts.add(id, url));
        let order: Vec<NextFetch> = std::iter::from_fn(|| hosts.next(now)).collect();
        assert_eq!(order, [page(0, 0), page(1, 3), page(2, 4), page(0, 1), page(0, 2)]);
    }

    #[test]
    fn no_more_requests_in_flight_than_allowed_per_host() {
        let options = Options { per_host: 2, ..Options::default() };
        let (mut hosts, now) = (hosts(4, &options), Instant::now());
        assert!(hosts.next(now).is_some() && hosts.next(now).is_some());
        assert_eq!(hosts.next(now), None);
        hosts.request_finished(0);
        assert_eq!((hosts.next(now), hosts.next(now)), (Some(page(0, 2)), None));
    }

    #[test]
    fn a_rate_spaces_requests() {
        let options = Options { rate: Some(10.0), ..Options::default() };
        let (mut hosts, start) = (hosts(2, &options), Instant::now());
        let after = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!((hosts.next(start), hosts.next(start)), (Some(page(0, 0)), None));
        assert_eq!(hosts.next_delay_end(), Some(after(100)));
        assert_eq!((hosts.next(after(99)), hosts.next(after(100))), (None, Some(page(0, 1))));
    }

    #[test]
    fn crawl_delay_counts_where_it_is_longer_than_the_rate() {
        let check = |rate: f64, ms: u64| {
            let mut hosts = Hosts::new(&Options { rate: Some(rate), ..Options::default() });
            hosts.add(0, "http://h/");
            hosts.add(1, "http://h/x");
            let start = Instant::now();
            assert_eq!(hosts.next(start), Some(ROBOTS));
            hosts.set_robots(0, Ok(robots("User-agent: *\nCrawl-delay: 2")));
            hosts.request_finished(0);
            assert_eq!((hosts.next(start), hosts.next(start)), (Some(page(0, 0)), None));
            assert_eq!(hosts.next_delay_end(), Some(start + Duration::from_millis(ms)));
        };
        check(10.0, 2_000);
        check(0.25, 4_000);
    }

    #[test]
    fn a_skipped_request_costs_its_host_nothing() {
        let options = Options { rate: Some(0.001), per_host: 1, ..Options::default() };
        let (mut hosts, now) = (hosts(2, &options), Instant::now());
        assert_eq!(hosts.next(now), Some(page(0, 0)));
        hosts.request_skipped(0);
        assert_eq!(hosts.next(now), Some(page(0, 1)));
    }

    #[test]
    fn a_paused_host_and_a_delayed_page_wait() {
        let (mut hosts, start) = (hosts(1, &Options::default()), Instant::now());
        hosts.pause(0, Duration::from_hours(1));
        hosts.pause(0, Duration::ZERO); // does not shorten the first pause
        assert_eq!(hosts.next(start), None);
        hosts.add(1, "http://other/");
        assert_eq!(hosts.next(start), Some(page(1, 1)), "other hosts do not wait");
        hosts.add_delayed(2, 1, Duration::from_mins(1));
        assert_eq!((hosts.n_waiting(), hosts.next(start)), (2, None));
        assert_eq!(hosts.next(start + Duration::from_mins(2)), Some(page(1, 2)));
        assert_eq!(hosts.next(start + Duration::from_hours(2)), Some(page(0, 0)));
    }

    #[test]
    fn pages_are_refused_as_robots_txt_says() {
        let check = |obey: bool, rules: Result<Robots, String>, expected: Result<(), Refusal>| {
            let mut hosts = Hosts::new(&Options { robots: obey, ..Options::default() });
            hosts.add(0, "http://h/");
            hosts.set_robots(0, rules);
            assert_eq!(hosts.allows(0, "http://h/a?b"), expected);
        };
        let forbids = || Ok(robots("User-agent: *\nDisallow: /a?"));
        let unreachable = || Err("timed out".to_owned());
        check(true, Ok(robots("")), Ok(()));
        check(true, forbids(), Err(Refusal::Forbidden));
        check(true, unreachable(), Err(Refusal::Unreachable("robots.txt: timed out".to_owned())));
        check(false, forbids(), Ok(()));
        check(false, unreachable(), Ok(()));
    }

    #[test]
    fn sitemaps_are_those_of_robots_txt_or_the_usual_one() {
        let check = |sitemap: bool, rules: Result<Robots, String>, expected: &[(&str, bool)]| {
            let options = Options { sitemap, robots: false, ..Options::default() };
            let mut hosts = Hosts::new(&options);
            hosts.add(0, "http://h/");
            let expected: Vec<SitemapUrl> = expected
                .iter()
                .map(|&(url, is_guess)| SitemapUrl { url: url.to_owned(), is_guess })
                .collect();
            assert_eq!(hosts.set_robots(0, rules), expected);
        };
        check(true, Ok(robots("Sitemap: http://h/s.xml")), &[("http://h/s.xml", false)]);
        check(true, Ok(robots("Sitemap: s.xml#x")), &[("http://h/s.xml", false)]);
        check(true, Ok(robots("")), &[("http://h/sitemap.xml", true)]);
        check(true, Err(String::new()), &[("http://h/sitemap.xml", true)]);
        check(false, Ok(robots("Sitemap: http://h/s.xml")), &[]);
    }
}
