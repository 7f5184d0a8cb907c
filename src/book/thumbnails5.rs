//! 8.5 thumbnails5: names and errors over a channel with room for all of them.
//! Go: makeThumbnails5 in gopl.io/ch8/thumbnail, page 237.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::engines::thumbnail::{self, Error};
use threadbare::{cli, threads};

fn main() -> ExitCode {
    cli::run(|cli::Files { files }| {
        for thumb in make_thumbnails5(&files)? {
            writeln!(cli::stdout(), "{}", thumb.display())?;
        }
        Ok(())
    })
}

/// Returns the names in the order of completion, or the first error.
fn make_thumbnails5(files: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let (items_tx, items_rx) = bounded(files.len()); // no send blocks, even if nobody receives
    thread::scope(|s| {
        for file in files {
            let items_tx = items_tx.clone();
            threads::spawn(s, move || _ = items_tx.send(thumbnail::image_file(file)));
        }
        drop(items_tx); // the channel closes with the last thread
        items_rx.iter().collect() // stops at the first error; the threads still finish
    })
}
