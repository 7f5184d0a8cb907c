//! Broken links of a crawl, grouped by the page that contains them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::fragments;
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
        let edges = page.links.iter().filter(|edge| edge.kind() != LinkKind::Redirect);
        let mut links: Vec<BrokenLink> = edges.filter_map(|edge| problem(crawl, *edge)).collect();
        links.sort();
        links.dedup();
        if !links.is_empty() {
            broken.insert(Some(Arc::clone(&page.url)), links);
        }
        if crawl.pages.is_start(id) {
            let start = problem(crawl, Edge::new(id, LinkKind::Asset, None));
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
    let (end, redirect_fragment) = pages.end_of_redirects(edge.to).unwrap_or((edge.to, None));
    if let Some(reason) = pages.failure(end) {
        let to = &pages.get(end).url;
        let redirect = if end == edge.to { String::new() } else { format!("redirects to {to}: ") };
        return Some(BrokenLink { url: url.to_string(), reason: redirect + reason });
    }
    if edge.kind() != LinkKind::Page {
        return None;
    }
    // A redirect's own fragment replaces that of the link (RFC 9110, 10.2.2). It is looked up in the
    // page at the end of the redirects, if that was fetched.
    let fragment = pages.fragments.text(redirect_fragment.or(edge.fragment())?);
    let ids = pages.get(end).fragment_ids.as_ref()?;
    (!fragment.is_empty() && !fragments::exists(fragment, ids)).then(|| BrokenLink {
        url: format!("{url}#{fragment}"),
        reason: "no such fragment".to_owned(),
    })
}
