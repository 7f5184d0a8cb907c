//! 8.4.4 mirroredquery: ask three mirrors at once, take the first answer, hang up on the others.
//! Go: a fragment on page 233 whose request is left open, with exercise 8.11.

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

/// Prints the page of the mirror that answers first
#[derive(Parser)]
struct Args {
    /// http:// URLs of three mirrors; without them, three of our own
    #[arg(num_args = 3, value_name = "URL")]
    urls: Vec<Url>,
}

fn main() -> ExitCode {
    cli::run(|Args { mut urls }| {
        let delays_ms = [("asia", 10), ("europe", 5_000), ("americas", 10_000)];
        let ours = delays_ms.iter().filter(|_| urls.is_empty()).map(|(name, delay_ms)| {
            Mirror::start(format!("{name}\n"), Duration::from_millis(*delay_ms))
        });
        let ours = ours.collect::<Result<Vec<_>, _>>()?;
        for mirror in &ours {
            urls.push(mirror.url().parse()?);
        }

        let (answers, answered) = bounded(3);
        let (connected, streams) = bounded(3);
        let first = thread::scope(|s| {
            for url in &urls {
                let (answers, connected) = (answers.clone(), connected.clone());
                s.spawn(move || _ = answers.send(request(url, connected)));
            }
            drop((answers, connected));
            let mut answered = answered.iter().inspect(|answer| {
                _ = answer.as_ref().inspect_err(|err| cli::warn(*err));
            });
            let first = answered.find_map(Result::ok);
            // The losers sit in a read, which sees no channel; this wakes them, once connected.
            streams.iter().for_each(|stream: TcpStream| _ = stream.shutdown(Shutdown::Both));
            first
        }); // joins the losers
        ensure!(first.is_some(), "no mirror answered");
        cli::stdout().write_all(&first.unwrap_or_default())?;
        Ok(())
    })
}

/// Main gets a clone of the stream to hang up with.
fn request(url: &Url, connected: Sender<TcpStream>) -> anyhow::Result<Vec<u8>> {
    let stream = mirror::connect(url).with_context(|| url.to_string())?;
    connected.send(stream.try_clone()?)?;
    drop(connected); // main waits until no mirror is still connecting
    mirror::get(&stream, url).with_context(|| url.to_string())
}
