//! 8.6 crawl2: twenty tokens in a channel bound the threads; a link without one waits its turn.
//! Go: gopl.io/ch8/crawl2, page 241.

use std::collections::{HashSet, VecDeque};
use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::{bounded, never};
use crossbeam::select;
use threadbare::cli;
use threadbare::demo::links;
use threadbare::threads;

fn main() -> ExitCode {
    cli::run(|cli::Urls { urls }| {
        let (release, tokens) = bounded(20); // a counting semaphore
        (0..20).try_for_each(|_| release.send(()))?;
        let (found, worklist) = bounded(20); // room for each token's page
        let (mut seen, mut list) = (HashSet::new(), urls);
        let (mut waiting, mut crawling, mut failed) = (VecDeque::new(), 0, false);
        thread::scope(|s| {
            loop {
                list.retain(|link| seen.insert(link.clone()));
                waiting.extend(list.drain(..));
                if crawling + waiting.len() == 0 {
                    return Ok(cli::status(failed));
                }
                let token = if waiting.is_empty() { never() } else { tokens.clone() };
                select! {
                    recv(token) -> _ => {
                        let link: String = waiting.pop_front().expect("it is not empty");
                        writeln!(cli::stdout(), "{link}")?;
                        crawling += 1;
                        let (found, release) = (found.clone(), release.clone());
                        threads::spawn(s, move || {
                            found.send(links::extract(&link)).expect("main is counting");
                            release.send(()).expect("main holds the tokens");
                        });
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
