//! What is known of every URL: the seen set, and who links to whom.

use std::collections::HashMap;
use std::sync::Arc;

use super::Options;
use super::parse::{Link, Target};
use crate::web::urls;

/// Redirects followed one after the other.
const HOPS_MAX: u8 = 10;
/// Text of URLs kept; a site that has more is taken for a trap.
const TEXT_MAX: usize = 64 << 20;
const TOO_MANY_HOPS: &str = "more than 10 redirects";
const CIRCLE: &str = "redirects in a circle";

/// A URL's place among the pages.
pub(super) type Id = u32;

/// What is known of one URL.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) url: Arc<str>,
    /// The fewest links from a start so far.
    pub(super) depth: u32,
    /// The fewest redirects that led here in a row.
    hops: u8,
    tries: u8,
    state: State,
    /// Where it leads, if that is kept.
    pub(super) links: Box<[Edge]>,
    /// Hashes of its fragments, sorted; `None` if it is no page or they are not kept.
    pub(super) ids: Option<Box<[u64]>>,
}

/// A link from a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub(super) to: Id,
    pub(super) target: Target,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    /// Too deep so far, or one too many.
    Beyond,
    /// Waiting, or being fetched.
    Wanted,
    Done,
    Forbidden,
    Failed(Box<str>),
}

/// All URLs that were met.
#[derive(Debug)]
pub(super) struct Pages {
    ids: HashMap<Arc<str>, Id>,
    known: Vec<Known>,
    n_starts: usize,
    /// Fragments by their hashes, if links are kept.
    fragments: HashMap<u64, Box<str>>,
    /// To be fetched, and not yet taken.
    found: Vec<Id>,
    n_wanted: usize,
    n_text: usize,
    depth_max: u32,
    n_wanted_max: usize,
    keeps_links: bool,
    pub(super) is_limited: bool,
}

impl Pages {
    pub(super) fn new(options: &Options) -> Self {
        Pages {
            ids: HashMap::new(),
            known: Vec::new(),
            n_starts: 0,
            fragments: HashMap::new(),
            found: Vec::new(),
            n_wanted: 0,
            n_text: 0,
            depth_max: options.depth.unwrap_or(u32::MAX),
            n_wanted_max: options.pages_max,
            keeps_links: options.remember || options.depth.is_some(),
            is_limited: false,
        }
    }

    pub(super) fn add_start(&mut self, url: &str) {
        if let Some(id) = self.id(url, &urls::key(url)) {
            self.reach(id, 0, 0);
            self.n_starts += usize::from(id as usize == self.n_starts);
        }
    }

    pub(super) fn is_start(&self, id: Id) -> bool {
        (id as usize) < self.n_starts
    }

    pub(super) fn get(&self, id: Id) -> &Known {
        &self.known[id as usize]
    }

    pub(super) fn all(&self) -> &[Known] {
        &self.known
    }

    /// What is to be fetched and was not taken before.
    pub(super) fn take_found(&mut self) -> Vec<Id> {
        std::mem::take(&mut self.found)
    }

    /// Counts the tries, this one too.
    pub(super) fn count_try(&mut self, id: Id) -> u32 {
        let known = &mut self.known[id as usize];
        known.tries = known.tries.saturating_add(1);
        known.tries.into()
    }

    /// Enters that it will not be fetched, as a failure if there is a reason.
    pub(super) fn refuse(&mut self, id: Id, why: Option<String>) {
        let state = why.map_or(State::Forbidden, |why| State::Failed(why.into()));
        self.known[id as usize].state = state;
    }

    pub(super) fn fragment(&self, hash: u64) -> &str {
        self.fragments.get(&hash).map_or("", |fragment| fragment)
    }

    /// Why it failed, if it did.
    pub(super) fn failure(&self, id: Id) -> Option<&str> {
        match &self.get(id).state {
            State::Failed(why) => Some(why),
            _ => None,
        }
    }

    /// The page with that key.
    pub(super) fn find(&self, key: &str) -> Option<Id> {
        self.ids.get(key).copied()
    }

    /// Where redirects from that page lead, if they end.
    pub(super) fn end_of_redirects(&self, mut id: Id) -> Option<Id> {
        for _ in 0..=HOPS_MAX {
            match *self.get(id).links {
                [Edge { to, target: Target::Redirect }] => id = to,
                _ => return Some(id),
            }
        }
        None
    }

    /// Enters what a page led to.
    ///
    /// # Errors
    /// When it leads on by one redirect too many, or back to where it came from.
    pub(super) fn finished(
        &mut self,
        id: Id,
        error: Option<String>,
        links: Vec<Link>,
        ids: Option<Vec<u64>>,
    ) -> Result<(), String> {
        let Known { depth, hops, .. } = *self.get(id);
        let mut edges = Vec::with_capacity(if self.keeps_links { links.len() } else { 0 });
        let mut too_many = false;
        for link in links {
            let is_hop = link.target == Target::Redirect;
            if is_hop && hops >= HOPS_MAX {
                too_many = true;
                continue;
            }
            let Some(to) = self.id(&link.url, link.key()) else { continue };
            if let (Target::Page(hash), Some(fragment)) = (link.target, link.fragment) {
                self.fragments.entry(hash).or_insert_with(|| fragment.into());
            }
            let edge = Edge { to, target: link.target };
            self.follow(edge, depth, hops);
            if self.keeps_links || is_hop {
                edges.push(edge);
            }
        }
        let known = &mut self.known[id as usize];
        known.links = edges.into();
        known.ids = ids.map(Vec::into_boxed_slice);
        let is_circle = self.end_of_redirects(id).is_none();
        let trouble = too_many.then_some(TOO_MANY_HOPS).or(is_circle.then_some(CIRCLE));
        let why = error.or(trouble.map(str::to_owned));
        let state = why.map_or(State::Done, |why| State::Failed(why.into()));
        self.known[id as usize].state = state;
        trouble.map_or(Ok(()), |trouble| Err(trouble.to_owned()))
    }

    /// The page of that URL, new if need be and if there is room.
    fn id(&mut self, url: &str, key: &str) -> Option<Id> {
        if let Some(&id) = self.ids.get(key) {
            return Some(id);
        }
        // Without a limit on depth, what cannot be fetched any more need not be remembered.
        let is_full = self.n_wanted >= self.n_wanted_max && self.depth_max == u32::MAX;
        if is_full || self.n_text > TEXT_MAX {
            self.is_limited = true;
            return None;
        }
        let id = Id::try_from(self.known.len()).ok()?;
        let url: Arc<str> = url.into();
        let key = if *key == *url { Arc::clone(&url) } else { key.into() };
        self.n_text += url.len();
        self.ids.insert(key, id);
        self.known.push(Known {
            url,
            depth: u32::MAX,
            hops: u8::MAX,
            tries: 0,
            state: State::Beyond,
            links: Box::default(),
            ids: None,
        });
        Some(id)
    }

    fn follow(&mut self, edge: Edge, depth: u32, hops: u8) {
        match edge.target {
            // What a page is shown with belongs to it, however deep.
            Target::Part => self.reach(edge.to, depth, 0),
            Target::Page(_) => self.reach(edge.to, depth.saturating_add(1), 0),
            Target::Redirect => self.reach(edge.to, depth, hops + 1),
        }
    }

    /// Notes that a page was reached; by a shorter way, what it leads to is nearer too.
    fn reach(&mut self, id: Id, depth: u32, hops: u8) {
        let known = &mut self.known[id as usize];
        let is_nearer = depth < known.depth || hops < known.hops;
        if depth > self.depth_max || !is_nearer {
            return;
        }
        (known.depth, known.hops) = (known.depth.min(depth), known.hops.min(hops));
        match known.state {
            State::Beyond if self.n_wanted < self.n_wanted_max => {
                known.state = State::Wanted;
                self.n_wanted += 1;
                self.found.push(id);
            }
            State::Beyond => self.is_limited = true,
            _ => self.expand(id),
        }
    }

    /// Reaches again, from its kept links, what a page leads to.
    fn expand(&mut self, from: Id) {
        let mut nearer = vec![from];
        while let Some(id) = nearer.pop() {
            let Known { depth, hops, .. } = *self.get(id);
            let links = std::mem::take(&mut self.known[id as usize].links);
            for edge in &links {
                let before = self.get(edge.to).depth;
                let is_open = self.get(edge.to).state == State::Beyond;
                if is_open {
                    self.follow(*edge, depth, hops);
                } else {
                    let cost = u32::from(matches!(edge.target, Target::Page(_)));
                    let known = &mut self.known[edge.to as usize];
                    known.depth = before.min(depth.saturating_add(cost));
                    if known.depth < before {
                        nearer.push(edge.to);
                    }
                }
            }
            self.known[id as usize].links = links;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(depth_max: u32, n_wanted_max: usize) -> Pages {
        Pages {
            ids: HashMap::new(),
            known: Vec::new(),
            n_starts: 0,
            fragments: HashMap::new(),
            found: Vec::new(),
            n_wanted: 0,
            n_text: 0,
            depth_max,
            n_wanted_max,
            keeps_links: true,
            is_limited: false,
        }
    }

    /// The page `from` is done and has these links. Returns what is to be fetched then.
    fn finish(pages: &mut Pages, from: &str, links: &[&str]) -> Vec<String> {
        let link = |url: &&str| Link {
            url: format!("http://h/{url}"),
            key: None,
            target: Target::Page(0),
            fragment: None,
        };
        let id = pages.find(&format!("http://h/{from}")).unwrap();
        pages.finished(id, None, links.iter().map(link).collect(), None).unwrap();
        found(pages)
    }

    fn found(pages: &mut Pages) -> Vec<String> {
        let found = pages.take_found().into_iter();
        found.map(|id| pages.get(id).url.replace("http://h/", "")).collect()
    }

    #[test]
    fn a_shorter_way_leads_further_without_fetching_again() {
        let mut pages = pages(3, 100);
        pages.add_start("http://h/start");
        pages.add_start("http://h/slow");
        assert_eq!(found(&mut pages), ["start", "slow"]);
        assert_eq!(finish(&mut pages, "start", &["a"]), ["a"]);
        assert_eq!(finish(&mut pages, "a", &["b", "start"]), ["b"]);
        assert_eq!(finish(&mut pages, "b", &["c"]), ["c"]);
        assert_eq!(finish(&mut pages, "c", &["d", "b"]), [""; 0], "d is four links away");
        assert_eq!(finish(&mut pages, "slow", &["b"]), ["d"], "now it is three away");
        assert_eq!(pages.get(pages.find("http://h/d").unwrap()).depth, 3);
    }

    #[test]
    fn no_more_pages_than_the_limit() {
        let mut pages = pages(u32::MAX, 2);
        pages.add_start("http://h/start");
        assert_eq!(found(&mut pages), ["start"]);
        assert_eq!(finish(&mut pages, "start", &["a", "b", "c"]), ["a"]);
        assert!(pages.is_limited);
        assert_eq!(pages.all().len(), 2, "what is not fetched is not kept");
    }
}
