//! 8.6 crawl1: a thread per link, as many as the pages have; too parallel, and shows it.
//! Go: gopl.io/ch8/crawl1, page 240.

use std::collections::HashSet;
use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;
use threadbare::demo::links;
use threadbare::threads;

/// Links in the air at once; what is found above that is lost.
const CRAWLERS: usize = 1_000;

fn main() -> ExitCode {
    cli::run(|cli::Urls { urls }| {
        let (found, worklist) = bounded(CRAWLERS); // room for all: no crawler waits for main
        let (mut seen, mut list) = (HashSet::new(), urls);
        let (mut crawling, mut too_many, mut failed) = (0, false, false);
        thread::scope(|s| {
            loop {
                list.retain(|link| seen.insert(link.clone()));
                for link in list {
                    if crawling == CRAWLERS {
                        if !too_many {
                            cli::warn(&format!("{CRAWLERS} links at once are too parallel"));
                        }
                        cli::warn(&format!("{link}: skipped"));
                        (too_many, failed) = (true, true);
                        continue;
                    }
                    writeln!(cli::stdout(), "{link}")?;
                    crawling += 1;
                    let found = found.clone();
                    threads::spawn(s, move || {
                        found.send(links::extract(&link)).expect("there is room for all");
                    });
                }
                if crawling == 0 {
                    return Ok(cli::status(failed));
                }
                list = worklist.recv()?.unwrap_or_else(|err| {
                    cli::warn(&err);
                    failed = true;
                    Vec::new()
                });
                crawling -= 1;
            }
        })
    })
}
