//! 8.5 thumbnails4: the first error is returned; what becomes of the threads still sending?
//! Go: makeThumbnails4 in gopl.io/ch8/thumbnail, page 236.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use crossbeam::channel::bounded;
use crossbeam::sync::WaitGroup;
use threadbare::cli;
use threadbare::engines::thumbnail::{self, Error};
use threadbare::threads;

/// Makes thumbnails until one fails
#[derive(Parser)]
struct Args {
    /// Keep the receiver alive, as Go does, and count whom that blocks
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
    let (errors, results) = bounded(0);
    let working = WaitGroup::new();
    thread::scope(|s| {
        for file in files {
            let (errors, working) = (errors.clone(), working.clone());
            threads::spawn(s, move || {
                let made = thumbnail::image_file(file);
                drop(working);
                _ = errors.send(made.map(drop)); // refused when nobody will receive
            });
        }
        let results = results; // a return drops it and so wakes whoever is still sending
        for n_received in 1..=files.len() {
            let result = results.recv().expect("we hold a sender");
            if result.is_err() && leak {
                working.wait(); // until all have come to their send
                let n_blocked = files.len() - n_received;
                _ = writeln!(io::stderr(), "{n_blocked} threads are still blocked");
                return result;
            }
            result?;
        }
        Ok(())
    })
}
