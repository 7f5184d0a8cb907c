//! 8.5 thumbnails6: names come in by channel, sizes go out by another, closed when all are done.
//! Go: makeThumbnails6 in gopl.io/ch8/thumbnail, page 238.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, thread};

use anyhow::Context;
use crossbeam::channel::{Receiver, bounded};
use threadbare::cli;
use threadbare::engines::thumbnail;
use threadbare::threads::{self, Semaphore};

/// Threads at once, for nobody knows how many names will come.
const WORKERS: usize = 20;

fn main() -> ExitCode {
    cli::run(|cli::Files { files }| {
        let (names, filenames) = bounded(0);
        thread::scope(|s| {
            s.spawn(move || files.into_iter().try_for_each(|file| names.send(file)));
            let (total, failed) = make_thumbnails6(&filenames);
            writeln!(cli::stdout(), "{total}")?;
            Ok(cli::status(failed))
        })
    })
}

/// The bytes of all thumbnails, and whether any failed.
fn make_thumbnails6(filenames: &Receiver<PathBuf>) -> (u64, bool) {
    let (sizes, made) = bounded(0);
    let room = &Semaphore::new(WORKERS);
    thread::scope(|s| {
        s.spawn(move || {
            // This scope is Go's WaitGroup: it ends when the last worker has.
            thread::scope(|wg| {
                for file in filenames {
                    let (sizes, permit) = (&sizes, room.acquire());
                    threads::spawn(wg, move || {
                        sizes.send(size_of_thumbnail(&file)).expect("main adds up");
                        drop(permit);
                    });
                }
            });
        }); // dropping `sizes` closes the channel: Go's closer
        made.iter().fold((0, false), |(total, failed), size| match size {
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
