//! 8.8 du1: one thread walks the tree and sends sizes, main adds them up.
//! Go: gopl.io/ch8/du1, page 247.
//!
//! Repaired: in the original a missing root ends with status 0, and a file as root is an error.

use std::fs::{self, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;

use anyhow::Context;
use clap::Parser;
use crossbeam::channel::{SendError, Sender, bounded};
use threadbare::{cli, text::units};

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
        let (sizes, sizes_rx) = bounded(BUFFER);
        thread::scope(|s| {
            // The closure owns `sizes`; its end closes the channel.
            s.spawn(move || roots.iter().try_for_each(|root| visit(root, root.metadata(), &sizes)));

            let (mut n_files, mut n_bytes, mut failed) = (0, 0, false);
            for size in sizes_rx {
                match size {
                    Ok(size) => (n_files, n_bytes) = (n_files + 1, n_bytes + size),
                    Err(err) => {
                        cli::warn(&err);
                        failed = true;
                    }
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

fn walk_dir(dir: &Path, sizes: &Sender<Size>) -> Sent {
    match dirents(dir) {
        Ok(paths) => paths.iter().try_for_each(|p| visit(p, p.symlink_metadata(), sizes)),
        Err(err) => sizes.send(Err(err)),
    }
}

fn visit(path: &Path, info: io::Result<Metadata>, sizes: &Sender<Size>) -> Sent {
    match info.with_context(|| path.display().to_string()) {
        Ok(info) if info.is_dir() => walk_dir(path, sizes),
        info => sizes.send(info.map(|info| info.len())),
    }
}

fn dirents(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(dir).and_then(|entries| entries.map(|e| Ok(e?.path())).collect());
    paths.with_context(|| dir.display().to_string())
}
