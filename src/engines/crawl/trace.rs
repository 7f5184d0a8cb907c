//! Where a URL leads: through which redirects, and with which result.

use std::sync::Arc;

use super::ids::PageId;
use super::outcome::Crawl;
use super::page_entry::PageEntry;
use super::pages::Pages;
use crate::web::urls;

/// Where a URL leads.
pub(super) struct Trace<'a> {
    /// The pages of the crawl, or those out of scope, and the number of the last URL there.
    end: (&'a Pages, PageId),
    /// The number of the last fragment that a redirect names, in the crawl's fragments.
    pub(super) fragment: Option<u32>,
    /// The URLs that redirects lead to, in order.
    pub(super) redirects: Vec<Arc<str>>,
}

impl<'a> Trace<'a> {
    pub(super) fn new(crawl: &'a Crawl, start: PageId) -> Self {
        let pages = &crawl.pages;
        let Some((end, fragment)) = pages.end_of_redirects(start) else {
            // A circle has no end, and its first page says so.
            return Trace { end: (pages, start), fragment: None, redirects: Vec::new() };
        };
        let mut redirects = pages.redirects(start);
        let outside = crawl.outside.as_ref().filter(|_| pages.get(end).is_outside);
        let end =
            match outside.map(|outside| (outside, outside.find(&urls::key(&pages.get(end).url)))) {
                Some((outside, Some(id))) => {
                    redirects.extend(outside.redirects(id));
                    (outside, outside.end_of_redirects(id).map_or(id, |(end, _)| end))
                }
                _ => (pages, end),
            };
        Trace { end, fragment, redirects }
    }

    /// The page at the end.
    pub(super) fn end(&self) -> &'a PageEntry {
        self.end.0.get(self.end.1)
    }

    /// Why it failed, if it did.
    pub(super) fn failure(&self) -> Option<&'a str> {
        let (pages, id) = self.end;
        pages.failure(id)
    }
}
