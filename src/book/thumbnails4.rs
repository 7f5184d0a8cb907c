//! 8.5 thumbnails4: returns the first error and receives no more.
//! Go: makeThumbnails4 in gopl.io/ch8/thumbnail, page 236.
//!
//! Fault shown with `-leak`: as in the original, the other threads would block in their send for
//! ever, because nobody receives.
//! Repaired without it: the return drops the receiver, which wakes them. thumbnails5 has a buffer.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use crossbeam::channel::bounded;
use crossbeam::sync::WaitGroup;
use threadbare::engines::thumbnail::{self, Error};
use threadbare::{cli, threads};

/// Make thumbnails until one fails
#[derive(Parser)]
struct Args {
    /// Keep the receiver alive, as Go does, and print how many threads that blocks
    #[arg(long)]
    leak: bool,
    #[command(flatten)]
    files: cli::Files,
}

fn main() -> ExitCode {
    cli::run(|Args { leak, files: cli::Files { files } }| {
        threads::check_room(files.len())?;
        make_thumbnails4(&files, leak)?;
        Ok(())
    })
}

fn make_thumbnails4(files: &[PathBuf], leak: bool) -> Result<(), Error> {
    let (results_tx, results_rx) = bounded(0);
    let working = WaitGroup::new();
    thread::scope(|s| {
        for file in files {
            let (results_tx, working) = (results_tx.clone(), working.clone());
            threads::spawn(s, move || {
                let made = thumbnail::image_file(file);
                drop(working);
                _ = results_tx.send(made.map(drop)); // fails when the receiver is gone
            });
        }
        let results_rx = results_rx; // a return drops it, which wakes the threads still sending
        for n_received in 1..=files.len() {
            let result = results_rx.recv().expect("we hold a sender");
            if result.is_err() && leak {
                working.wait(); // until every thread is about to send
                let n_blocked = files.len() - n_received;
                _ = writeln!(io::stderr(), "{n_blocked} threads are still blocked");
                return result;
            }
            result?;
        }
        Ok(())
    })
}
