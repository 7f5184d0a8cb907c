//! Broken links of a crawl, grouped by the page that contains them.

use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use crossbeam::channel::Receiver;

use super::coordinator;
use super::fragments;
use super::links::{Edge, LinkKind};
use super::options::Options;
use super::outcome::{Crawl, Error, Page, Summary};
use super::outside;
use super::pages::PageEntry;
use super::trace::Trace;

/// A link whose target cannot be fetched or lacks the fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenLink {
    /// The target, with its fragment if only that is missing.
    pub url: String,
    /// Why the link is broken.
    pub reason: String,
    /// The line of the page on which it is first, from 1, if places are kept.
    pub line: Option<u32>,
    /// What a reader sees of the link there; empty if places are not kept.
    pub text: String,
    /// The HTTP status of the last response, if there was one.
    pub status: Option<u16>,
    /// The URLs that redirects lead to, in order.
    pub redirects: Vec<Arc<str>>,
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
        let links = broken_links_on(crawl, page);
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

/// The URLs of all pages that were fetched, in the order in which they were met.
pub fn fetched_pages(crawl: &Crawl) -> impl Iterator<Item = &Arc<str>> {
    let pages = (0..).zip(crawl.pages.all());
    pages.filter(|(id, _)| crawl.pages.is_fetched(*id)).map(|(_, page)| &page.url)
}

/// The broken links on a page, sorted, each once.
fn broken_links_on(crawl: &Crawl, page: &PageEntry) -> Vec<BrokenLink> {
    let places = page.places.iter().copied().map(Some).chain(iter::repeat(None));
    // A broken redirect is reported with the link that leads to it.
    let edges = page.links.iter().zip(places);
    let edges = edges.filter(|(edge, _)| edge.kind() != LinkKind::Redirect);
    let links = edges.filter_map(|(edge, place)| {
        let (line, text) = place.unzip();
        let text = text.flatten().map(|text| crawl.pages.link_texts.text(text).to_owned());
        Some(BrokenLink { line, text: text.unwrap_or_default(), ..problem(crawl, *edge)? })
    });
    let mut links: Vec<BrokenLink> = links.collect();
    // Stable: of several links to one target, the first one on the page stays.
    links.sort_by(|a, b| (&a.url, &a.reason).cmp(&(&b.url, &b.reason)));
    links.dedup_by(|a, b| a.url == b.url && a.reason == b.reason);
    links
}

/// What is wrong with a link, without its place; `None` if nothing is.
fn problem(crawl: &Crawl, edge: Edge) -> Option<BrokenLink> {
    let url = &crawl.pages.get(edge.to).url;
    let trace = Trace::new(crawl, edge.to);
    let (url, reason) = if let Some(reason) = trace.failure() {
        (url.to_string(), reason)
    } else {
        let fragment = missing_fragment(crawl, edge, &trace)?;
        (format!("{url}#{fragment}"), "no such fragment".to_owned())
    };
    let status = trace.end().status;
    let redirects = trace.redirects;
    Some(BrokenLink { url, reason, line: None, text: String::new(), status, redirects })
}

/// The fragment of a link that its target lacks, if that is so.
fn missing_fragment<'a>(crawl: &'a Crawl, edge: Edge, trace: &Trace<'_>) -> Option<&'a str> {
    if edge.kind() != LinkKind::Page {
        return None;
    }
    // A redirect's own fragment replaces that of the link (RFC 9110, 10.2.2). It is looked up in the
    // page at the end of the redirects, if that was fetched.
    let fragment = crawl.pages.fragments.text(trace.fragment.or(edge.fragment())?);
    let ids = trace.end().fragment_ids.as_ref()?;
    (!fragment.is_empty() && !fragments::exists(fragment, ids)).then_some(fragment)
}
