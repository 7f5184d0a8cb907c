//! Broken links of a crawl, grouped by the page that contains them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam::channel::Receiver;

use super::coordinator;
use super::fragments;
use super::links::{Edge, LinkKind};
use super::options::Options;
use super::outcome::{Crawl, Error, Page, Summary};
use super::outside;
use super::trace::Trace;

/// A link whose target cannot be fetched or lacks the fragment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokenLink {
    /// The target, with its fragment if only that is missing.
    pub url: String,
    /// Why the link is broken.
    pub reason: String,
}

/// Crawls as [`crawl::run`](super::run) does and keeps what [`broken_links`] needs. URLs out of scope
/// are checked, too, if [`outside`](Options::outside) says how.
///
/// # Errors
/// When the machine has no room for the worker threads.
pub fn run(
    starts: &[String],
    options: &Options,
    done: &Receiver<()>,
    report: &mut dyn FnMut(&[Page], &Summary) -> bool,
) -> Result<Crawl, Error> {
    let options = Options { keep_links: true, ..options.clone() };
    let crawl = coordinator::run(starts, &options, done, report)?;
    match &options.outside {
        Some(how) if !crawl.summary.is_cancelled => {
            outside::check(crawl, &options, how, done, report)
        }
        _ => Ok(crawl),
    }
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
    let url = &crawl.pages.get(edge.to).url;
    let trace = Trace::new(crawl, edge.to);
    if let Some(reason) = trace.failure() {
        return Some(BrokenLink { url: url.to_string(), reason });
    }
    if edge.kind() != LinkKind::Page {
        return None;
    }
    // A redirect's own fragment replaces that of the link (RFC 9110, 10.2.2). It is looked up in the
    // page at the end of the redirects, if that was fetched.
    let fragment = crawl.pages.fragments.text(trace.fragment.or(edge.fragment())?);
    let ids = trace.end().fragment_ids.as_ref()?;
    (!fragment.is_empty() && !fragments::exists(fragment, ids)).then(|| BrokenLink {
        url: format!("{url}#{fragment}"),
        reason: "no such fragment".to_owned(),
    })
}
