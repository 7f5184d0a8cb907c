//! 8.6 crawl1: one thread per link, as many as the pages have.
//! Go: gopl.io/ch8/crawl1, page 240.
//!
//! Faults shown, which crawl2 repairs: it is too parallel (past a thousand links at once it says so
//! and skips links), and it never ends by itself: with nothing left to crawl it waits until it is
//! interrupted.
//! Repaired: the original runs out of file descriptors, fetches a page again for each `#fragment`,
//! and tries to fetch mailto: links.

use std::collections::HashSet;
use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::demo::links;
use threadbare::{cli, threads};

/// Links crawled at once; links found above that are skipped.
const CRAWLERS: usize = 1_000;

fn main() -> ExitCode {
    cli::run(|cli::Urls { urls }| {
        let (pages_tx, pages_rx) = bounded(CRAWLERS); // room for all: no crawler waits for main
        pages_tx.send(Ok(urls))?;
        let (mut seen, mut crawling, mut is_too_parallel) = (HashSet::new(), 1, false);
        thread::scope(|s| {
            for page in &pages_rx {
                crawling -= 1;
                for link in page.inspect_err(cli::warn).unwrap_or_default() {
                    if !seen.insert(link.clone()) {
                        continue;
                    }
                    if crawling == CRAWLERS {
                        if !is_too_parallel {
                            cli::warn(&format!("{CRAWLERS} links at once are too parallel"));
                        }
                        is_too_parallel = true;
                        cli::warn(&format!("{link}: skipped"));
                        continue;
                    }
                    writeln!(cli::stdout(), "{link}")?;
                    crawling += 1;
                    let pages_tx = pages_tx.clone();
                    threads::spawn(s, move || {
                        pages_tx.send(links::extract(&link)).expect("there is room for all");
                    });
                }
            }
            Ok(()) // never: main holds a sender, so the channel stays open
        })
    })
}
