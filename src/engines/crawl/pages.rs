//! Every known URL: the seen set, and which page links to which.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::fragments;
use super::ids::PageId;
use super::links::{Edge, LinkKind, Links};
use super::options::Options;
use super::page_entry::{PageEntry, State};
use super::texts::Texts;
use crate::web::urls;

/// Maximum number of redirects followed in a row.
const REDIRECTS_MAX: u8 = 10;
/// Total length of the URLs kept, in bytes; a site that has more is probably generated without end.
const URL_BYTES_MAX: usize = 64 << 20;
/// Number of links that are kept before the good ones among them are dropped.
const LINKS_BEFORE_DROP: usize = 1 << 17;
const TOO_MANY_REDIRECTS: &str = "more than 10 redirects";
const REDIRECT_LOOP: &str = "redirects in a circle";

/// All known URLs.
#[derive(Debug)]
pub(super) struct Pages {
    ids: HashMap<Arc<str>, PageId, RandomState>,
    entries: Vec<PageEntry>,
    n_starts: usize,
    /// The fragments of all links.
    pub(super) fragments: Texts,
    /// What readers see of the links, if their places are kept.
    pub(super) link_texts: Texts,
    /// Pages to fetch that [`take_queued`](Pages::take_queued) has not returned yet.
    queued: Vec<PageId>,
    /// Number of pages that were ever queued.
    n_admitted: usize,
    n_url_bytes: usize,
    depth_max: u32,
    n_admitted_max: usize,
    keeps_links: bool,
    /// Whether links that are known to be good are dropped.
    drops_good_links: bool,
    /// Number of links that are kept, and above which they are looked at again.
    n_links: usize,
    n_links_max: usize,
    /// Whether a limit left URLs out.
    pub(super) is_limited: bool,
}

impl Pages {
    pub(super) fn new(options: &Options) -> Self {
        Pages {
            ids: HashMap::default(),
            entries: Vec::new(),
            n_starts: 0,
            fragments: Texts::default(),
            link_texts: Texts::default(),
            queued: Vec::new(),
            n_admitted: 0,
            n_url_bytes: 0,
            depth_max: options.depth.unwrap_or(u32::MAX),
            n_admitted_max: options.pages_max,
            keeps_links: options.keep_links || options.depth.is_some(),
            drops_good_links: options.depth.is_none(),
            n_links: 0,
            n_links_max: LINKS_BEFORE_DROP,
            is_limited: false,
        }
    }

    pub(super) fn add_start(&mut self, url: &str) {
        let next = PageId::try_from(self.entries.len()).unwrap_or(PageId::MAX);
        if let Some(id) = self.id(url, &urls::key(url), false, next) {
            self.reach(id, 0, 0);
            self.n_starts += usize::from(id as usize == self.n_starts);
        }
    }

    /// Adds a sitemap as a start URL. One that is only a guess need not exist.
    pub(super) fn add_sitemap(&mut self, url: &str, is_guess: bool) {
        let n_before = self.entries.len();
        self.add_start(url);
        if let Some(id) = self.find(&urls::key(url)) {
            let entry = &mut self.entries[id as usize];
            entry.is_sitemap = true;
            entry.is_guess |= is_guess && id as usize >= n_before;
        }
    }

    /// The page that linked to this one first; `None` for a start URL.
    pub(super) fn referrer(&self, id: PageId) -> Option<&Arc<str>> {
        let referrer = self.get(id).referrer;
        (referrer != id).then(|| &self.get(referrer).url)
    }

    pub(super) fn is_start(&self, id: PageId) -> bool {
        (id as usize) < self.n_starts
    }

    pub(super) fn get(&self, id: PageId) -> &PageEntry {
        &self.entries[id as usize]
    }

    pub(super) fn all(&self) -> &[PageEntry] {
        &self.entries
    }

    /// The pages to fetch that were queued since the last call.
    pub(super) fn take_queued(&mut self) -> Vec<PageId> {
        let mut queued = mem::take(&mut self.queued);
        queued.retain(|&id| self.is_queued(id)); // others were fetched before an interruption
        queued
    }

    /// Whether the page waits or is being fetched.
    pub(super) fn is_queued(&self, id: PageId) -> bool {
        self.get(id).state == State::Queued
    }

    /// Counts an attempt to fetch the page. Returns the number of attempts, this one included.
    pub(super) fn count_attempt(&mut self, id: PageId) -> u32 {
        let entry = &mut self.entries[id as usize];
        entry.n_attempts = entry.n_attempts.saturating_add(1);
        entry.n_attempts.into()
    }

    /// Records that the page will not be fetched; with a `reason` it counts as failed.
    pub(super) fn mark_refused(&mut self, id: PageId, reason: Option<String>) {
        let state = reason.map_or(State::Forbidden, |reason| State::Failed(reason.into()));
        self.entries[id as usize].state = state;
    }

    pub(super) fn set_status(&mut self, id: PageId, status: Option<u16>) {
        self.entries[id as usize].status = status;
    }

    /// Whether the page was fetched, and was no redirect.
    pub(super) fn is_fetched(&self, id: PageId) -> bool {
        let entry = self.get(id);
        entry.state == State::Done
            && entry.status.is_some_and(|status| !(300..400).contains(&status))
    }

    /// Why the page failed, if it did.
    pub(super) fn failure(&self, id: PageId) -> Option<&str> {
        match &self.get(id).state {
            State::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Why a page that was there before is gone; `None` if it may be there. If every link was
    /// followed (`is_whole`), a page that none led to is gone, too.
    pub(super) fn why_gone(&self, id: PageId, is_whole: bool) -> Option<String> {
        let entry = self.get(id);
        let is_redirect = entry.links.iter().any(|edge| edge.kind() == LinkKind::Redirect);
        match &entry.state {
            State::Failed(reason) if reason.starts_with("404 ") || reason.starts_with("410 ") => {
                Some(reason.to_string())
            }
            State::Done if is_redirect => Some("now a redirect".to_owned()),
            State::Forbidden if is_whole => Some("forbidden by robots.txt".to_owned()),
            State::OverLimit if is_whole => Some("no page links to it".to_owned()),
            _ => None,
        }
    }

    /// The page with that key.
    pub(super) fn find(&self, key: &str) -> Option<PageId> {
        self.ids.get(key).copied()
    }

    /// The page at the end of the redirects that begin at `id`, and the number of the last fragment
    /// that one of them names; `None` if there are too many.
    pub(super) fn end_of_redirects(&self, mut id: PageId) -> Option<(PageId, Option<u32>)> {
        let mut fragment = None;
        for _ in 0..=REDIRECTS_MAX {
            match *self.get(id).links {
                [edge] if edge.kind() == LinkKind::Redirect => {
                    id = edge.to;
                    fragment = edge.fragment().or(fragment);
                }
                _ => return Some((id, fragment)),
            }
        }
        None
    }

    /// The URLs that the redirects that begin at `id` lead to, in order.
    pub(super) fn redirects(&self, mut id: PageId) -> Vec<Arc<str>> {
        let mut urls = Vec::new();
        while let [edge] = *self.get(id).links
            && edge.kind() == LinkKind::Redirect
            && urls.len() <= REDIRECTS_MAX.into()
        {
            id = edge.to;
            urls.push(Arc::clone(&self.get(id).url));
        }
        urls
    }

    /// Records that a page was fetched, why it is broken if it is, its links, and the sorted hashes
    /// of its ids. With `are_sitemaps`, its links lead to sitemaps.
    ///
    /// # Errors
    /// When the page redirects once too often, or in a circle.
    pub(super) fn mark_done(
        &mut self,
        id: PageId,
        error: Option<String>,
        links: Links,
        are_sitemaps: bool,
        fragment_ids: Option<Vec<u64>>,
    ) -> Result<(), String> {
        let n_redirects = self.get(id).n_redirects;
        let is_redirect = links.links.iter().any(|link| link.kind == LinkKind::Redirect);
        let too_many = is_redirect && n_redirects >= REDIRECTS_MAX;
        if !too_many {
            self.follow_all(id, links, are_sitemaps);
        }
        let entry = &mut self.entries[id as usize];
        entry.fragment_ids = fragment_ids.map(Vec::into_boxed_slice);
        let is_loop = self.end_of_redirects(id).is_none();
        let problem = too_many.then_some(TOO_MANY_REDIRECTS).or(is_loop.then_some(REDIRECT_LOOP));
        let reason = error.or(problem.map(str::to_owned));
        let state = reason.map_or(State::Done, |reason| State::Failed(reason.into()));
        self.entries[id as usize].state = state;
        self.n_links += self.get(id).links.len();
        self.drop_good_links(id);
        if self.n_links > self.n_links_max {
            (0..).take(self.entries.len()).for_each(|id| self.drop_good_links(id));
            self.n_links_max = LINKS_BEFORE_DROP + 2 * self.n_links;
        }
        problem.map_or(Ok(()), |problem| Err(problem.to_owned()))
    }

    /// Drops the links of a page that are good, of which there are most. Where depths count, they are
    /// needed: a page that is nearer than known so far brings others nearer.
    fn drop_good_links(&mut self, id: PageId) {
        if !self.drops_good_links {
            return;
        }
        let entry = &mut self.entries[id as usize];
        let (links, places) = (mem::take(&mut entry.links), mem::take(&mut entry.places));
        let is_kept: Vec<bool> = links.iter().map(|edge| !self.is_good(*edge)).collect();
        let entry = &mut self.entries[id as usize];
        entry.links = kept(&links, &is_kept);
        entry.places = kept(&places, &is_kept); // none, or one per link
        self.n_links -= links.len() - entry.links.len();
    }

    /// Whether a link leads to a page that was fetched, is no redirect, and has the fragment.
    fn is_good(&self, edge: Edge) -> bool {
        let target = self.get(edge.to);
        let leads_on = |edge: Edge| edge.kind() == LinkKind::Redirect;
        let is_redirect = matches!(*target.links, [edge] if leads_on(edge));
        if target.state != State::Done || leads_on(edge) || is_redirect {
            return false;
        }
        match (edge.fragment(), &target.fragment_ids) {
            (Some(number), Some(ids)) => fragments::exists(self.fragments.text(number), ids),
            _ => true,
        }
    }

    /// Follows the links of a page, and keeps those that are needed later.
    fn follow_all(&mut self, from: PageId, links: Links, are_sitemaps: bool) {
        let PageEntry { depth, n_redirects, is_requisite, is_sitemap, .. } = *self.get(from);
        let mut ids = vec![None; links.targets.len()];
        let mut edges = Vec::with_capacity(if self.keeps_links { links.links.len() } else { 0 });
        let mut kept_places = Vec::new();
        let mut places = links.places.into_iter();
        for link in links.links {
            let place = places.next();
            let (target, id) =
                (&links.targets[link.target as usize], &mut ids[link.target as usize]);
            *id = id.or_else(|| self.id(&target.url, target.key(), target.is_outside, from));
            let Some(to) = *id else { continue };
            let fragment = link.fragment.and_then(|fragment| self.fragments.number(&fragment));
            let edge = Edge::new(to, link.kind, fragment);
            let target = &mut self.entries[to as usize];
            target.is_sitemap |= are_sitemaps;
            target.is_requisite |= match link.kind {
                LinkKind::Page => false,
                LinkKind::Asset => !is_sitemap,
                LinkKind::Redirect => is_requisite,
            };
            self.follow(edge, depth, n_redirects);
            if self.keeps_links || link.kind == LinkKind::Redirect {
                edges.push(edge);
                kept_places
                    .extend(place.map(|place| (place.line, self.link_texts.number(&place.text))));
            }
        }
        self.entries[from as usize].links = edges.into();
        self.entries[from as usize].places = kept_places.into();
    }

    /// The id of that URL, which is added with its referrer if it is unknown and the limits allow it.
    fn id(&mut self, url: &str, key: &str, is_outside: bool, referrer: PageId) -> Option<PageId> {
        if let Some(&id) = self.ids.get(key) {
            return Some(id);
        }
        // Without a maximum depth, a URL that will never be fetched need not be kept.
        let is_full = self.n_admitted >= self.n_admitted_max && self.depth_max == u32::MAX;
        if (is_full && !is_outside) || self.n_url_bytes > URL_BYTES_MAX {
            self.is_limited = true;
            return None;
        }
        let id = PageId::try_from(self.entries.len()).ok()?;
        let url: Arc<str> = url.into();
        let key = if *key == *url { Arc::clone(&url) } else { key.into() };
        self.n_url_bytes += url.len();
        self.ids.insert(key, id);
        self.entries.push(PageEntry::new(url, referrer, is_outside));
        Some(id)
    }

    fn follow(&mut self, edge: Edge, depth: u32, n_redirects: u8) {
        match edge.kind() {
            // Images, scripts and style sheets count as part of their page.
            LinkKind::Asset => self.reach(edge.to, depth, 0),
            LinkKind::Page => self.reach(edge.to, depth.saturating_add(1), 0),
            LinkKind::Redirect => self.reach(edge.to, depth, n_redirects + 1),
        }
    }

    /// Records that a page can be reached with this depth and number of redirects. A page that is
    /// nearer than known so far brings the pages that it links to nearer, too.
    fn reach(&mut self, id: PageId, depth: u32, n_redirects: u8) {
        let entry = &mut self.entries[id as usize];
        if entry.is_outside {
            return;
        }
        let is_nearer = depth < entry.depth || n_redirects < entry.n_redirects;
        if depth > self.depth_max || !is_nearer {
            return;
        }
        (entry.depth, entry.n_redirects) =
            (entry.depth.min(depth), entry.n_redirects.min(n_redirects));
        match entry.state {
            State::OverLimit if self.n_admitted < self.n_admitted_max => {
                entry.state = State::Queued;
                self.n_admitted += 1;
                self.queued.push(id);
            }
            State::OverLimit => self.is_limited = true,
            _ => self.expand(id),
        }
    }

    /// Passes the lower depth of a page on to the pages behind its kept links.
    fn expand(&mut self, from: PageId) {
        let mut nearer = vec![from];
        while let Some(id) = nearer.pop() {
            let PageEntry { depth, n_redirects, .. } = *self.get(id);
            let links = mem::take(&mut self.entries[id as usize].links);
            for edge in &links {
                let before = self.get(edge.to).depth;
                let is_over_limit = self.get(edge.to).state == State::OverLimit;
                if is_over_limit {
                    self.follow(*edge, depth, n_redirects);
                } else {
                    let cost = u32::from(matches!(edge.kind(), LinkKind::Page));
                    let entry = &mut self.entries[edge.to as usize];
                    entry.depth = before.min(depth.saturating_add(cost));
                    if entry.depth < before {
                        nearer.push(edge.to);
                    }
                }
            }
            self.entries[id as usize].links = links;
        }
    }
}

fn kept<T: Copy>(items: &[T], is_kept: &[bool]) -> Box<[T]> {
    items.iter().zip(is_kept).filter(|(_, is_kept)| **is_kept).map(|(item, _)| *item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::crawl::links::{Link, Target};

    fn pages(depth: u32, pages_max: usize) -> Pages {
        Pages::new(&Options { depth: Some(depth), pages_max, ..Options::default() })
    }

    /// Marks the page `from` as done, with these links. Returns the pages queued by that.
    fn finish(pages: &mut Pages, from: &str, links: &[&str]) -> Vec<String> {
        let mut page_links = Links::default();
        for (target, url) in (0..).zip(links) {
            page_links.targets.push(Target {
                url: format!("http://h/{url}"),
                key: None,
                is_outside: false,
            });
            page_links.links.push(Link { target, kind: LinkKind::Page, fragment: None });
        }
        let id = pages.find(&format!("http://h/{from}")).unwrap();
        pages.mark_done(id, None, page_links, false, None).unwrap();
        queued(pages)
    }

    fn queued(pages: &mut Pages) -> Vec<String> {
        let queued = pages.take_queued().into_iter();
        queued.map(|id| pages.get(id).url.replace("http://h/", "")).collect()
    }

    #[test]
    fn a_shorter_path_to_a_page_lowers_the_depth_of_its_links() {
        let mut pages = pages(3, 100);
        pages.add_start("http://h/start");
        pages.add_start("http://h/slow");
        assert_eq!(queued(&mut pages), ["start", "slow"]);
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
        assert_eq!(queued(&mut pages), ["start"]);
        assert_eq!(finish(&mut pages, "start", &["a", "b", "c"]), ["a"]);
        assert!(pages.is_limited);
        assert_eq!(pages.all().len(), 2, "a page that is not fetched is not kept");
    }

    #[test]
    fn only_links_that_may_be_broken_are_kept() {
        let mut pages = Pages::new(&Options { keep_links: true, ..Options::default() });
        pages.add_start("http://h/a");
        assert_eq!(queued(&mut pages), ["a"]);
        assert_eq!(finish(&mut pages, "a", &["a", "b", "c"]), ["b", "c"]);
        let n_links = |pages: &Pages| pages.get(0).links.len();
        assert_eq!(n_links(&pages), 2, "a is good");
        finish(&mut pages, "b", &[]);
        let id = pages.find("http://h/c").unwrap();
        pages.mark_done(id, Some("gone".to_owned()), Links::default(), false, None).unwrap();
        pages.drop_good_links(0);
        assert_eq!((n_links(&pages), pages.n_links), (1, 1), "c is broken");
    }
}
