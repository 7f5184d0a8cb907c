//! 8.9 du4: a byte on stdin cancels the walk.
//! Go: gopl.io/ch8/du4, page 251.
//!
//! Repaired: as in du2; in the original the end of stdin, as in `</dev/null`, cancels too.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use crossbeam::channel::{Receiver, SendError, Sender, TryRecvError, bounded, tick};
use crossbeam::select;
use rayon::Scope;
use threadbare::{cli, text::units, threads};

/// Count the files below the given roots and their bytes
#[derive(Parser)]
struct Args {
    /// Directories or files to count
    #[arg(value_name = "PATH", default_value = ".", value_parser = cli::path())]
    roots: Vec<PathBuf>,
}

/// A file's size, or the error that hides it.
type Size = anyhow::Result<u64>;

/// An error when main has stopped receiving.
type Sent = Result<(), SendError<Size>>;

/// Sizes in flight. Without a buffer each size would wake a sleeping thread, at some 10 µs.
const BUFFER: usize = 1_000;

fn main() -> ExitCode {
    cli::run(|Args { roots }| {
        let (cancel, done) = bounded::<()>(0);
        thread::spawn(move || {
            cli::wait_for_byte();
            drop(cancel); // every receiver of `done` sees it, now and later
        });
        let walk_done = done.clone();
        let ticker = tick(Duration::from_millis(500));
        let (sizes, sizes_rx) = bounded(BUFFER);
        let pool = threads::rayon_pool(20, None).context("cannot start a thread")?;
        thread::scope(|s| {
            s.spawn(move || {
                pool.scope(|tasks| {
                    roots
                        .into_iter()
                        .try_for_each(|r| visit(r.metadata(), r, &sizes, &walk_done, tasks))
                })
            }); // dropping `sizes` closes the channel

            let sizes_rx = sizes_rx; // an early return drops it, which ends the walk
            let (mut n_files, mut n_bytes, mut failed) = (0, 0, false);
            loop {
                select! {
                    recv(done) -> _ => {
                        sizes_rx.iter().for_each(drop); // drain: no task may block on it
                        return Ok(ExitCode::SUCCESS);
                    }
                    recv(sizes_rx) -> size => match size {
                        Ok(Ok(size)) => (n_files, n_bytes) = (n_files + 1, n_bytes + size),
                        Ok(Err(err)) => {
                            cli::warn(&err);
                            failed = true;
                        }
                        Err(_) => break, // closed: all sizes have arrived
                    },
                    recv(ticker) -> _ => print_disk_usage(n_files, n_bytes)?,
                }
            }
            print_disk_usage(n_files, n_bytes)?;
            Ok(cli::status(failed))
        })
    })
}

fn cancelled(done: &Receiver<()>) -> bool {
    done.try_recv() == Err(TryRecvError::Disconnected)
}

fn print_disk_usage(n_files: u64, n_bytes: u64) -> io::Result<()> {
    writeln!(cli::stdout(), "{n_files} files  {}", units::gigabytes(n_bytes))
}

// Differs from du2: a task per directory until cancelled.
fn walk_dir<'s>(
    dir: &Path,
    sizes: &'s Sender<Size>,
    done: &'s Receiver<()>,
    tasks: &Scope<'s>,
) -> Sent {
    match dirents(dir) {
        Ok(paths) => paths
            .into_iter()
            .take_while(|_| !cancelled(done))
            .try_for_each(|p| visit(p.symlink_metadata(), p, sizes, done, tasks)),
        Err(err) => sizes.send(Err(err)),
    }
}

// Differs from du2: a task per directory until cancelled.
fn visit<'s>(
    info: io::Result<Metadata>,
    path: PathBuf,
    sizes: &'s Sender<Size>,
    done: &'s Receiver<()>,
    tasks: &Scope<'s>,
) -> Sent {
    match info.with_context(|| path.display().to_string()) {
        Ok(info) if info.is_dir() => {
            tasks.spawn(move |tasks| _ = walk_dir(&path, sizes, done, tasks));
        }
        info => sizes.send(info.map(|info| info.len()))?,
    }
    Ok(())
}

fn dirents(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir).and_then(|entries| entries.map(|e| Ok(e?.path())).collect());
    paths.with_context(|| dir.display().to_string())
}
