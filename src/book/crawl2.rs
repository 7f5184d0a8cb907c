//! 8.6 crawl2: twenty tokens in a channel limit the number of threads.
//! Go: gopl.io/ch8/crawl2, page 241.
//!
//! Repaired: the original starts a goroutine per link, which prints the link and then waits for a
//! token; here a thread starts only with a token. Both end by counting the pages outstanding.

use std::collections::{HashSet, VecDeque};
use std::io::Write;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::{bounded, never};
use crossbeam::select;
use threadbare::demo::links;
use threadbare::{cli, threads};

fn main() -> ExitCode {
    cli::run(|cli::Urls { urls }| {
        let (tokens_tx, tokens_rx) = bounded(20); // a counting semaphore
        (0..20).try_for_each(|_| tokens_tx.send(()))?;
        let (pages_tx, pages_rx) = bounded(20); // room for each token's page
        let (mut seen, mut waiting, mut list) = (HashSet::new(), VecDeque::new(), urls);
        let (mut crawling, mut failed) = (0, false);
        thread::scope(|s| {
            loop {
                waiting.extend(list.into_iter().filter(|link| seen.insert(link.clone())));
                if crawling + waiting.len() == 0 {
                    return Ok(cli::status(failed));
                }
                let tokens = if waiting.is_empty() { never() } else { tokens_rx.clone() };
                list = select! {
                    recv(tokens) -> _ => {
                        let link: String = waiting.pop_front().expect("a link is waiting");
                        writeln!(cli::stdout(), "{link}")?;
                        crawling += 1;
                        let (pages_tx, tokens_tx) = (pages_tx.clone(), tokens_tx.clone());
                        threads::spawn(s, move || {
                            pages_tx.send(links::extract(&link)).expect("main is counting");
                            tokens_tx.send(()).expect("main holds the tokens");
                        });
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
