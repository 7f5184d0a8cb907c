//! 8.4.4 mirroredquery: asks three mirrors at once, prints the first answer, cancels the others.
//! Go: a fragment on page 233, with exercise 8.11.
//!
//! Repaired: the original does not write `request` out, and its slower requests run on.
//! Look at: a thread blocked in a read does not see a channel; shutting its socket down wakes it.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use crossbeam::channel::{Sender, bounded};
use threadbare::cli;
use threadbare::demo::mirror::{self, Mirror};
use url::Url;

/// Print the page of the mirror that answers first
#[derive(Parser)]
struct Args {
    /// http:// URLs of three mirrors [default: three small servers of the program itself]
    #[arg(num_args = 3, value_name = "URL")]
    urls: Vec<Url>,
}

fn main() -> ExitCode {
    cli::run(|Args { mut urls }| {
        let delays_ms = [("asia", 10), ("europe", 5_000), ("americas", 10_000)];
        let mirrors = delays_ms.iter().filter(|_| urls.is_empty()).map(|(name, delay_ms)| {
            Mirror::start(format!("{name}\n"), Duration::from_millis(*delay_ms))
        });
        let mirrors = mirrors.collect::<Result<Vec<_>, _>>()?;
        for mirror in &mirrors {
            urls.push(mirror.url().parse()?);
        }

        let (answers_tx, answers_rx) = bounded(3);
        let (streams_tx, streams_rx) = bounded(3);
        let first = thread::scope(|s| {
            for url in &urls {
                let (answers_tx, streams_tx) = (answers_tx.clone(), streams_tx.clone());
                s.spawn(move || _ = answers_tx.send(request(url, streams_tx)));
            }
            drop((answers_tx, streams_tx));
            let mut answers = answers_rx.iter().inspect(|answer| {
                _ = answer.as_ref().inspect_err(|err| cli::warn(*err));
            });
            let first = answers.find_map(Result::ok);
            // Wakes the other threads from their reads, once they are connected.
            streams_rx.iter().for_each(|stream: TcpStream| _ = stream.shutdown(Shutdown::Both));
            first
        }); // joins them
        ensure!(first.is_some(), "no mirror answered");
        cli::stdout().write_all(&first.unwrap_or_default())?;
        Ok(())
    })
}

/// Sends main a clone of the stream, so that it can shut the connection down.
fn request(url: &Url, streams_tx: Sender<TcpStream>) -> anyhow::Result<Vec<u8>> {
    let stream = mirror::connect(url).with_context(|| url.to_string())?;
    streams_tx.send(stream.try_clone()?)?;
    drop(streams_tx); // main waits until no request is still connecting
    mirror::get(&stream, url).with_context(|| url.to_string())
}
