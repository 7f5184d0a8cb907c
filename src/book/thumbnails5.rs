//! 8.5 thumbnails5: names and errors over a channel with room for them all.
//! Go: makeThumbnails5 in gopl.io/ch8/thumbnail, page 237.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;
use threadbare::engines::thumbnail::{self, Error};
use threadbare::threads;

fn main() -> ExitCode {
    cli::run(|cli::Files { files }| {
        for thumb in make_thumbnails5(&files)? {
            writeln!(cli::stdout(), "{}", thumb.display())?;
        }
        Ok(())
    })
}

/// The names in the order of completion, or the first error.
fn make_thumbnails5(files: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let (items, made) = bounded(files.len()); // nobody blocks, even if nobody receives
    thread::scope(|s| {
        for file in files {
            let items = items.clone();
            threads::spawn(s, move || _ = items.send(thumbnail::image_file(file)));
        }
        drop(items); // the last thread's end closes the channel
        made.iter().collect() // stops at the first error; the others still finish their work
    })
}
