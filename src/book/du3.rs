//! 8.8 du3: one task per directory, on a pool of twenty threads.
//! Go: gopl.io/ch8/du3, page 250.
//!
//! Repaired: as in du2.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use crossbeam::channel::{SendError, Sender, bounded, never, tick};
use crossbeam::select;
use rayon::Scope;
use threadbare::{cli, text::units, threads};

/// Count the files below the given roots and their bytes
#[derive(Parser)]
struct Args {
    /// Directories or files to count
    #[arg(value_name = "PATH", default_value = ".", value_parser = cli::path())]
    roots: Vec<PathBuf>,
    /// Print the totals twice a second
    #[arg(short)]
    verbose: bool,
}

/// A file's size, or the error that hides it.
type Size = anyhow::Result<u64>;

/// An error when main has stopped receiving.
type Sent = Result<(), SendError<Size>>;

/// Sizes in flight. Without a buffer each size would wake a sleeping thread, at some 10 µs.
const BUFFER: usize = 1_000;

fn main() -> ExitCode {
    cli::run(|Args { roots, verbose }| {
        let ticker = if verbose { tick(Duration::from_millis(500)) } else { never() };
        let (sizes, sizes_rx) = bounded(BUFFER);
        // The pool's size does what Go's twenty tokens do: it limits the directories read at once.
        let pool = threads::rayon_pool(20, None).context("cannot start a thread")?;
        thread::scope(|s| {
            s.spawn(move || {
                pool.scope(|tasks| {
                    roots.into_iter().try_for_each(|r| visit(r.metadata(), r, &sizes, tasks))
                })
            }); // dropping `sizes` closes the channel

            let sizes_rx = sizes_rx; // an early return drops it, which ends the walk
            let (mut n_files, mut n_bytes, mut failed) = (0, 0, false);
            loop {
                select! {
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

fn print_disk_usage(n_files: u64, n_bytes: u64) -> io::Result<()> {
    writeln!(cli::stdout(), "{n_files} files  {}", units::gigabytes(n_bytes))
}

// Differs from du2: a task per directory.
fn walk_dir<'s>(dir: &Path, sizes: &'s Sender<Size>, tasks: &Scope<'s>) -> Sent {
    match dirents(dir) {
        Ok(paths) => {
            paths.into_iter().try_for_each(|p| visit(p.symlink_metadata(), p, sizes, tasks))
        }
        Err(err) => sizes.send(Err(err)),
    }
}

// Differs from du2: a task per directory.
fn visit<'s>(
    info: io::Result<Metadata>,
    path: PathBuf,
    sizes: &'s Sender<Size>,
    tasks: &Scope<'s>,
) -> Sent {
    match info.with_context(|| path.display().to_string()) {
        Ok(info) if info.is_dir() => tasks.spawn(move |tasks| _ = walk_dir(&path, sizes, tasks)),
        info => sizes.send(info.map(|info| info.len()))?,
    }
    Ok(())
}

fn dirents(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir).and_then(|entries| entries.map(|e| Ok(e?.path())).collect());
    paths.with_context(|| dir.display().to_string())
}
