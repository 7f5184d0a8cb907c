//! Broken links of a crawl, grouped by the page that contains them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::links::{Edge, LinkKind};
use super::outcome::Crawl;

/// A link whose target cannot be fetched or lacks the fragment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokenLink {
    /// The target, with its fragment if only that is missing.
    pub url: String,
    /// Why the link is broken.
    pub reason: String,
}

/// The broken links of each page, sorted. Start URLs that are broken have the key `None`.
///
/// The crawl must have been run with [`keep_links`](super::Options::keep_links).
#[must_use]
pub fn broken_links(crawl: &Crawl) -> BTreeMap<Option<Arc<str>>, Vec<BrokenLink>> {
    let mut broken: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (id, page) in (0..).zip(crawl.pages.all()) {
        // A broken redirect is reported with the link that leads to it.
        let edges = page.links.iter().filter(|edge| edge.kind != LinkKind::Redirect);
        let mut links: Vec<BrokenLink> = edges.filter_map(|edge| problem(crawl, *edge)).collect();
        links.sort();
        links.dedup();
        if !links.is_empty() {
            broken.insert(Some(Arc::clone(&page.url)), links);
        }
        if crawl.pages.is_start(id) {
            let start = problem(crawl, Edge { to: id, kind: LinkKind::Asset });
            if let Some(start) = start {
                broken.entry(None).or_default().push(start);
            }
        }
    }
    broken
}

/// What is wrong with a link; `None` if nothing is.
fn problem(crawl: &Crawl, edge: Edge) -> Option<BrokenLink> {
    let pages = &crawl.pages;
    let url = &pages.get(edge.to).url;
    let end = pages.end_of_redirects(edge.to).unwrap_or(edge.to);
    if let Some(reason) = pages.failure(end) {
        let to = &pages.get(end).url;
        let redirect = if end == edge.to { String::new() } else { format!("redirects to {to}: ") };
        return Some(BrokenLink { url: url.to_string(), reason: redirect + reason });
    }
    let LinkKind::Page(hash @ 1..) = edge.kind else { return None };
    let fragment = pages.fragment(hash);
    // `#top` is the top of every page, `#:~:` begins a directive, for example to highlight text.
    let is_on_every_page = fragment.eq_ignore_ascii_case("top") || fragment.starts_with(":~:");
    // A fragment is looked up in the page at the end of the redirects, if that was fetched.
    let ids = pages.get(end).fragment_ids.as_ref()?;
    let exists = is_on_every_page || ids.binary_search(&hash).is_ok();
    (!exists).then(|| BrokenLink {
        url: format!("{url}#{fragment}"),
        reason: "no such fragment".to_owned(),
    })
}
