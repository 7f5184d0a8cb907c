//! Broken links of a crawl, grouped by the page that contains them.

use std::iter;
use std::sync::Arc;

use crossbeam::channel::Receiver;

use super::coordinator;
use super::fragments;
use super::ids::PageId;
use super::links::{Edge, LinkKind};
use super::options::Options;
use super::outcome::{Crawl, Error, Page, Summary};
use super::outside;
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

/// The broken links of each page, sorted, page by page in the order of their names. Start URLs that
/// are broken come first, without a name.
///
/// The crawl must have been run with [`keep_links`](super::Options::keep_links). The links of one page
/// are in memory at a time: a site may have hundreds of thousands that are broken.
pub fn broken_links(
    crawl: &Crawl,
) -> impl Iterator<Item = (Option<Arc<str>>, Vec<BrokenLink>)> + '_ {
    let has_links = (0..).zip(crawl.pages.all()).filter(|(_, page)| !page.links.is_empty());
    let mut named: Vec<(Arc<str>, PageId)> =
        has_links.map(|(id, page)| (name(crawl, &page.url), id)).collect();
    named.sort_unstable();
    let mut named = named.into_iter().peekable();
    let by_page = iter::from_fn(move || {
        let (name, id) = named.next()?;
        let mut links = broken_links_on(crawl, id);
        // A file of a folder may have several URLs.
        while let Some((_, id)) = named.next_if(|(other, _)| *other == name) {
            links.append(&mut broken_links_on(crawl, id));
        }
        Some((Some(name), sorted(links)))
    });
    let starts =
        (0..).zip(crawl.pages.all()).map_while(|(id, _)| crawl.pages.is_start(id).then_some(id));
    let starts = starts.filter_map(|id| problem(crawl, Edge::new(id, LinkKind::Asset, None)));
    let starts = iter::once((None, sorted(starts.collect())));
    starts.chain(by_page).filter(|(_, links)| !links.is_empty())
}

/// The names of all pages that were fetched, sorted.
#[must_use]
pub fn fetched_pages(crawl: &Crawl) -> Vec<Arc<str>> {
    let pages = (0..).zip(crawl.pages.all()).filter(|(id, _)| crawl.pages.is_fetched(*id));
    let mut names: Vec<Arc<str>> = pages.map(|(_, page)| name(crawl, &page.url)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The name of a page in a report.
fn name(crawl: &Crawl, url: &Arc<str>) -> Arc<str> {
    match &crawl.folder {
        Some(folder) => folder.page_name(url).into(),
        None => Arc::clone(url),
    }
}

/// Each link once: of several to one target, the first one on the page stays.
fn sorted(mut links: Vec<BrokenLink>) -> Vec<BrokenLink> {
    links.sort_by(|a, b| (&a.url, &a.reason).cmp(&(&b.url, &b.reason)));
    links.dedup_by(|a, b| a.url == b.url && a.reason == b.reason);
    links
}

/// The broken links on a page. A broken redirect is reported with the link that leads to it.
fn broken_links_on(crawl: &Crawl, id: PageId) -> Vec<BrokenLink> {
    let page = crawl.pages.get(id);
    let places = page.places.iter().copied().map(Some).chain(iter::repeat(None));
    let edges = page.links.iter().zip(places);
    let edges = edges.filter(|(edge, _)| edge.kind() != LinkKind::Redirect);
    let links = edges.filter_map(|(edge, place)| {
        let (line, text) = place.unzip();
        let text = text.flatten().map(|text| crawl.pages.link_texts.text(text).to_owned());
        Some(BrokenLink { line, text: text.unwrap_or_default(), ..problem(crawl, *edge)? })
    });
    links.collect()
}

/// What is wrong with a link, without its place; `None` if nothing is.
fn problem(crawl: &Crawl, edge: Edge) -> Option<BrokenLink> {
    let url = shown(crawl, &crawl.pages.get(edge.to).url);
    let trace = Trace::new(crawl, edge.to);
    let (url, reason) = if let Some(reason) = trace.failure() {
        let to = trace.redirects.last().map(|to| shown(crawl, to));
        let redirect = to.map(|to| format!("redirects to {to}: ")).unwrap_or_default();
        (url.to_owned(), redirect + reason)
    } else {
        let fragment = missing_fragment(crawl, edge, &trace)?;
        (format!("{url}#{fragment}"), "no such fragment".to_owned())
    };
    let status = trace.end().status;
    let redirects = trace.redirects.iter().map(|to| shown(crawl, to).into()).collect();
    Some(BrokenLink { url, reason, line: None, text: String::new(), status, redirects })
}

/// A URL as a report shows it.
fn shown<'u>(crawl: &Crawl, url: &'u str) -> &'u str {
    crawl.folder.as_ref().map_or(url, |folder| folder.shown(url))
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
