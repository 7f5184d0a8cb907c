//! 8.6 crawl3: twenty crawlers run as long as the crawl; main sends them links and receives pages.
//! Go: gopl.io/ch8/crawl3, page 243.
//!
//! Repaired: the original never ends; this ends when no link waits and no page is outstanding.
//! Look at: main sends and receives in one `select!`. If it only sent, it would block while all the
//! crawlers block on sending to main; the original starts a goroutine per page to avoid that.

use std::collections::{HashSet, VecDeque};
use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use crossbeam::select;
use threadbare::cli;
use threadbare::demo::links;

fn main() -> ExitCode {
    cli::run(|cli::Urls { urls }| {
        let (links_tx, links_rx) = bounded(0);
        let (pages_tx, pages_rx) = bounded(0);
        let (nil, _receiver) = bounded(0); // Go's nil channel: a send to it is never ready
        let (mut seen, mut waiting, mut list) = (HashSet::new(), VecDeque::new(), urls);
        let (mut crawling, mut failed) = (0, false);
        thread::scope(|s| {
            for _ in 0..20 {
                let (links_rx, pages_tx) = (links_rx.clone(), pages_tx.clone());
                let mut links = links_rx.into_iter();
                s.spawn(move || {
                    links.try_for_each(|link: String| pages_tx.send(links::extract(&link)))
                });
            }
            let (links_tx, pages_rx) = (links_tx, pages_rx); // dropped on return: ends the crawlers
            loop {
                waiting.extend(list.into_iter().filter(|link| seen.insert(link.clone())));
                let (to_crawlers, link) = match waiting.front() {
                    Some(link) => (&links_tx, String::clone(link)),
                    None if crawling > 0 => (&nil, String::new()),
                    None => return Ok(cli::status(failed)),
                };
                list = select! {
                    send(to_crawlers, link) -> sent => {
                        sent?;
                        crawling += 1;
                        writeln!(cli::stdout(), "{}", waiting.pop_front().unwrap_or_default())?;
                        Vec::new()
                    }
                    recv(pages_rx) -> page => {
                        crawling -= 1;
                        let page = page?.inspect_err(cli::warn);
                        failed |= page.is_err();
                        page.unwrap_or_default()
                    }
                };
            }
        })
    })
}
