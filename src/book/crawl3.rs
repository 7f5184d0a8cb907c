//! 8.6 crawl3: twenty crawlers live as long as the crawl; main hands out links and takes in pages.
//! Go: gopl.io/ch8/crawl3, page 243.

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
        let (unseen_links, to_crawl) = bounded::<String>(0);
        let (found, worklist) = bounded(0);
        let (nobody, _never_received) = bounded(0); // Go's nil channel, to send to
        let (mut seen, mut list) = (HashSet::new(), urls);
        let (mut waiting, mut crawling, mut failed) = (VecDeque::new(), 0, false);
        thread::scope(|s| {
            for _ in 0..20 {
                let (to_crawl, found) = (to_crawl.clone(), found.clone());
                s.spawn(move || {
                    to_crawl.iter().try_for_each(|link| found.send(links::extract(&link)))
                });
            }
            // Main's ends end with this scope's closure, and the crawlers with them.
            let (unseen_links, worklist) = (unseen_links, worklist);
            drop((to_crawl, found));
            loop {
                list.retain(|link| seen.insert(link.clone()));
                waiting.extend(list.drain(..));
                if crawling + waiting.len() == 0 {
                    return Ok(cli::status(failed));
                }
                // Sending and receiving in one select, so that neither side blocks the other.
                let next = waiting.front().cloned().unwrap_or_default();
                select! {
                    send(if waiting.is_empty() { &nobody } else { &unseen_links }, next) -> sent => {
                        sent?;
                        crawling += 1;
                        writeln!(cli::stdout(), "{}", waiting.pop_front().unwrap_or_default())?;
                    }
                    recv(worklist) -> page => {
                        list = page?.unwrap_or_else(|err| {
                            cli::warn(&err);
                            failed = true;
                            Vec::new()
                        });
                        crawling -= 1;
                    }
                }
            }
        })
    })
}
