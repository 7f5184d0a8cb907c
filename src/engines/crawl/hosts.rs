//! What each host allows: its robots.txt, its pace, and the pages that wait for both.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::Options;
use super::pages::Id;
use crate::web::robots::Robots;
use crate::web::urls;

/// A longer Retry-After is shortened to this; a page that still fails then has failed.
pub(super) const PAUSE_MAX: Duration = Duration::from_mins(1);

/// A host's place among the hosts.
pub(super) type HostId = u32;

/// What may be fetched now: a page, or the robots.txt of its host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) host: HostId,
    pub(super) page: Option<Id>,
}

/// Why a page must not be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Forbidden,
    Unreachable(String),
}

#[derive(Debug)]
enum Rules {
    Unknown,
    Asked,
    Known(Robots),
    Unreachable(String),
}

#[derive(Debug)]
struct Host {
    origin: String,
    rules: Rules,
    waiting: VecDeque<Id>,
    n_in_hand: usize,
    /// The pause after each request, and until when the last one lasts.
    interval: Duration,
    not_before: Option<Instant>,
    is_in_ring: bool,
}

/// What happens when a delay is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    Host(HostId),
    Page(HostId, Id),
}

/// All hosts that were met.
#[derive(Debug)]
pub(super) struct Hosts {
    ids: HashMap<String, HostId>,
    all: Vec<Host>,
    /// Hosts that may have something to fetch; each has its turn.
    ring: VecDeque<HostId>,
    delays: BinaryHeap<Reverse<(Instant, Wake)>>,
    n_waiting: usize,
    per_host: usize,
    interval: Duration,
    obeys: bool,
    sitemap: bool,
}

impl Hosts {
    pub(super) fn new(options: &Options) -> Self {
        let interval = options.rate.map(|rate| Duration::try_from_secs_f64(1.0 / rate));
        Hosts {
            ids: HashMap::new(),
            all: Vec::new(),
            ring: VecDeque::new(),
            delays: BinaryHeap::new(),
            n_waiting: 0,
            per_host: options.per_host,
            interval: interval.unwrap_or(Ok(Duration::ZERO)).unwrap_or(PAUSE_MAX),
            obeys: options.robots,
            sitemap: options.sitemap,
        }
    }

    /// Pages that wait for their turn or for a delay.
    pub(super) fn n_waiting(&self) -> usize {
        self.n_waiting
    }

    pub(super) fn add(&mut self, page: Id, url: &str) {
        let origin = urls::origin(url);
        let host = self.ids.get(origin).copied().unwrap_or_else(|| self.add_host(origin));
        self.n_waiting += 1;
        self.queue(host, page);
    }

    fn add_host(&mut self, origin: &str) -> HostId {
        let id = HostId::try_from(self.all.len()).expect("there are fewer hosts than pages");
        let is_asked = self.obeys || self.sitemap;
        let rules = if is_asked { Rules::Unknown } else { Rules::Known(Robots::allow_all()) };
        self.all.push(Host {
            origin: origin.to_owned(),
            rules,
            waiting: VecDeque::new(),
            n_in_hand: 0,
            interval: self.interval,
            not_before: None,
            is_in_ring: false,
        });
        self.ids.insert(origin.to_owned(), id);
        id
    }

    /// Adds a page that is to be tried again after `wait`.
    pub(super) fn add_later(&mut self, page: Id, host: HostId, wait: Duration) {
        self.n_waiting += 1;
        self.delays.push(Reverse((Instant::now() + wait, Wake::Page(host, page))));
    }

    fn queue(&mut self, host: HostId, page: Id) {
        self.host(host).waiting.push_back(page);
        self.wake(host);
    }

    fn host(&mut self, id: HostId) -> &mut Host {
        &mut self.all[id as usize]
    }

    /// Gives the host a turn, unless it has one coming.
    fn wake(&mut self, id: HostId) {
        let host = self.host(id);
        if !std::mem::replace(&mut host.is_in_ring, true) {
            self.ring.push_back(id);
        }
    }

    /// What may be fetched now. Whoever takes it says when it is [`finished`](Self::finished).
    pub(super) fn next(&mut self, now: Instant) -> Option<Next> {
        while self.next_wake().is_some_and(|due| due <= now)
            && let Some(Reverse((_, wake))) = self.delays.pop()
        {
            match wake {
                Wake::Host(host) => self.wake(host),
                Wake::Page(host, page) => self.queue(host, page),
            }
        }
        while let Some(id) = self.ring.pop_front() {
            self.host(id).is_in_ring = false;
            if let Some(next) = self.turn(id, now) {
                return Some(next);
            }
        }
        None
    }

    /// What the host has to fetch, if it may.
    fn turn(&mut self, id: HostId, now: Instant) -> Option<Next> {
        let per_host = self.per_host;
        let host = self.host(id);
        if matches!(host.rules, Rules::Unknown) {
            host.rules = Rules::Asked;
            host.n_in_hand += 1;
            return Some(Next { host: id, page: None });
        }
        if matches!(host.rules, Rules::Asked) || host.n_in_hand >= per_host {
            return None; // its turn comes with the next result
        }
        if host.waiting.is_empty() {
            return None;
        }
        if let Some(due) = host.not_before.filter(|&due| due > now) {
            self.delays.push(Reverse((due, Wake::Host(id))));
            return None;
        }
        let page = host.waiting.pop_front();
        host.n_in_hand += 1;
        host.not_before = (!host.interval.is_zero()).then(|| now + host.interval);
        self.n_waiting -= 1;
        self.wake(id);
        Some(Next { host: id, page })
    }

    /// When something may be fetched that may not be now.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        self.delays.peek().map(|Reverse((due, _))| *due)
    }

    /// A request to the host is over.
    pub(super) fn finished(&mut self, id: HostId) {
        self.host(id).n_in_hand -= 1;
        self.wake(id);
    }

    /// What was taken is not fetched after all, and costs the host nothing.
    pub(super) fn refused(&mut self, id: HostId) {
        self.host(id).not_before = None;
        self.finished(id);
    }

    /// No request to the host for so long.
    pub(super) fn pause(&mut self, id: HostId, pause: Duration) {
        let until = Some(Instant::now() + pause);
        let host = self.host(id);
        host.not_before = host.not_before.max(until);
    }

    pub(super) fn robots_url(&self, id: HostId) -> String {
        format!("{}/robots.txt", self.all[id as usize].origin)
    }

    /// Enters the host's robots.txt, or why there is none. Returns the sitemaps to read.
    pub(super) fn set_robots(&mut self, id: HostId, robots: Result<Robots, String>) -> Vec<String> {
        let (obeys, sitemap, least) = (self.obeys, self.sitemap, self.interval);
        let host = self.host(id);
        let mut sitemaps = robots.as_ref().map_or(&[][..], Robots::sitemaps).to_vec();
        host.rules = match robots {
            Ok(robots) if obeys => {
                host.interval = robots.delay().unwrap_or_default().max(least);
                Rules::Known(robots)
            }
            Err(why) if obeys => Rules::Unreachable(why),
            _ => Rules::Known(Robots::allow_all()),
        };
        if sitemaps.is_empty() {
            sitemaps.push(format!("{}/sitemap.xml", host.origin));
        }
        if sitemap { sitemaps } else { Vec::new() }
    }

    /// Whether the host allows the page.
    pub(super) fn allows(&self, id: HostId, url: &str) -> Result<(), Refusal> {
        match &self.all[id as usize].rules {
            Rules::Known(robots) if robots.allows(urls::path(url)) => Ok(()),
            Rules::Unreachable(why) => Err(Refusal::Unreachable(format!("robots.txt: {why}"))),
            _ => Err(Refusal::Forbidden),
        }
    }
}
