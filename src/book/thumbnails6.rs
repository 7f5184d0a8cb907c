//! 8.5 thumbnails6: names arrive over one channel, sizes leave over another; the sum is printed.
//! Go: makeThumbnails6 in gopl.io/ch8/thumbnail, page 238.
//!
//! Repaired: the original crashes when a file vanishes, and starts goroutines without limit; here a
//! file that vanishes is an error of one line, and at most twenty threads run.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, thread};

use anyhow::Context;
use crossbeam::channel::{Receiver, bounded};
use threadbare::cli;
use threadbare::engines::thumbnail;
use threadbare::threads::{self, Semaphore};

/// Threads at once: the number of names is not known in advance.
const WORKERS: usize = 20;

fn main() -> ExitCode {
    cli::run(|cli::Files { files }| {
        let (names_tx, names_rx) = bounded(0);
        thread::scope(|s| {
            s.spawn(move || files.into_iter().try_for_each(|file| names_tx.send(file)));
            let (total, failed) = make_thumbnails6(&names_rx);
            writeln!(cli::stdout(), "{total}")?;
            Ok(cli::status(failed))
        })
    })
}

/// Returns the bytes of all thumbnails, and whether any failed.
fn make_thumbnails6(filenames: &Receiver<PathBuf>) -> (u64, bool) {
    let (sizes_tx, sizes_rx) = bounded(0);
    let tokens = &Semaphore::new(WORKERS);
    thread::scope(|s| {
        s.spawn(move || {
            // This scope is Go's WaitGroup: it ends when the last worker has.
            thread::scope(|wg| {
                for file in filenames {
                    let (sizes_tx, token) = (&sizes_tx, tokens.acquire());
                    threads::spawn(wg, move || {
                        sizes_tx.send(size_of_thumbnail(&file)).expect("main adds them up");
                        drop(token);
                    });
                }
            });
        }); // dropping `sizes_tx` closes the channel, as Go's closer does
        sizes_rx.iter().fold((0, false), |(total, failed), size| match size {
            Ok(size) => (total + size, failed),
            Err(err) => {
                cli::warn(&err);
                (total, true)
            }
        })
    })
}

fn size_of_thumbnail(file: &Path) -> anyhow::Result<u64> {
    let thumb = thumbnail::image_file(file)?;
    let info = fs::metadata(&thumb).with_context(|| thumb.display().to_string())?;
    Ok(info.len())
}
