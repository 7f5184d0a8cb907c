//! Checks the URLs out of scope that a crawl has met, each once, without following their links.
//!
//! This asks no robots.txt, as lychee does not (its issue 1495): one link is followed once, as a reader
//! of the page would, and nothing is indexed. linkchecker asks, and then reports links as unchecked.

use std::sync::Arc;

use crossbeam::channel::Receiver;

use super::coordinator;
use super::options::{Options, OutsideOptions, ScopeOptions};
use super::outcome::{Crawl, Error, Page, Summary};
use super::pages::Pages;
use crate::web::fetch;
use crate::web::urls;

/// Checks the URLs out of scope. Returns the crawl with their results.
///
/// # Errors
/// When the machine has no room for the worker threads.
pub(super) fn check(
    crawl: Crawl,
    options: &Options,
    how: &OutsideOptions,
    done: &Receiver<()>,
    report: &mut dyn FnMut(&[Page], &Summary) -> bool,
) -> Result<Crawl, Error> {
    let Crawl { summary, pages, .. } = &crawl;
    let outside = pages.all().iter().filter(|page| page.is_outside);
    let outside: Vec<String> = outside.map(|page| page.url.to_string()).collect();
    if outside.is_empty() {
        return Ok(crawl);
    }
    let checked =
        coordinator::run(&outside, &probing(options, how), done, &mut |found, so_far| {
            let found: Vec<Page> = found.iter().map(|page| with_referrer(page, pages)).collect();
            report(&found, &total(summary, so_far))
        })?;
    let summary = total(summary, &checked.summary);
    Ok(Crawl { summary, outside: Some(checked.pages), ..crawl })
}

/// The options of a crawl that only asks whether its start URLs exist.
fn probing(options: &Options, how: &OutsideOptions) -> Options {
    let fetch = fetch::Options {
        timeout: how.timeout,
        n_idle: how.n_workers,
        headers: Vec::new(), // they may hold credentials, which are for the start URLs' hosts
        ..options.fetch.clone()
    };
    Options {
        n_workers: how.n_workers,
        depth: Some(0),
        robots: false,
        rate: Some(how.rate),
        per_host: how.n_workers,
        retries: options.retries,
        accepted: options.accepted.clone(),
        probes: true,
        scope: ScopeOptions { span: true, ..ScopeOptions::default() },
        fetch,
        ..Options::default()
    }
}

/// The page with the page of the crawl that linked to it first.
fn with_referrer(page: &Page, pages: &Pages) -> Page {
    let own = pages.find(&urls::key(&page.url)).and_then(|id| pages.referrer(id));
    Page { referrer: own.map(Arc::clone).or_else(|| page.referrer.clone()), ..page.clone() }
}

/// The crawl in numbers, with those of the URLs out of scope.
fn total(crawl: &Summary, outside: &Summary) -> Summary {
    Summary {
        n_outside: outside.n_pages,
        n_failed: crawl.n_failed + outside.n_failed,
        n_waiting: outside.n_waiting,
        is_cancelled: outside.is_cancelled,
        time: crawl.time.saturating_add(outside.time),
        ..crawl.clone()
    }
}
