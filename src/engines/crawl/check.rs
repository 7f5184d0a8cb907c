//! Broken links, by the page that refers to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Crawl;
use super::pages::Edge;
use super::parse::Target;

/// A link that leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Broken {
    /// Where it leads, with its fragment if that is what is missing.
    pub url: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The broken links of each page. Those that were given to start from have no page.
#[must_use]
pub fn broken(crawl: &Crawl) -> BTreeMap<Option<Arc<str>>, Vec<Broken>> {
    let mut broken: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (id, from) in (0..).zip(crawl.pages.all()) {
        // A redirect's fault is the fault of the link that leads to it.
        let links = from.links.iter().filter(|edge| edge.target != Target::Redirect);
        let mut links: Vec<Broken> = links.filter_map(|edge| problem(crawl, *edge)).collect();
        links.sort();
        links.dedup();
        if !links.is_empty() {
            broken.insert(Some(Arc::clone(&from.url)), links);
        }
        if crawl.pages.is_start(id) {
            let start = problem(crawl, Edge { to: id, target: Target::Part });
            if let Some(start) = start {
                broken.entry(None).or_default().push(start);
            }
        }
    }
    broken
}

/// What is wrong with the link, if anything is.
fn problem(crawl: &Crawl, edge: Edge) -> Option<Broken> {
    let pages = &crawl.pages;
    let url = &pages.get(edge.to).url;
    let end = pages.end_of_redirects(edge.to).unwrap_or(edge.to);
    if let Some(reason) = pages.failure(end) {
        let to = &pages.get(end).url;
        let on_the_way =
            if end == edge.to { String::new() } else { format!("redirects to {to}: ") };
        return Some(Broken { url: url.to_string(), reason: on_the_way + reason });
    }
    let Target::Page(hash @ 1..) = edge.target else { return None };
    let fragment = pages.fragment(hash);
    let is_top = fragment.eq_ignore_ascii_case("top") || fragment.starts_with(":~:");
    // A fragment belongs to the page that redirects lead to, if it was fetched.
    let ids = pages.get(end).ids.as_ref()?;
    let is_there = is_top || ids.binary_search(&hash).is_ok();
    (!is_there)
        .then(|| Broken { url: format!("{url}#{fragment}"), reason: "no such fragment".to_owned() })
}
