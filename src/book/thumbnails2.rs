//! 8.5 thumbnails2: one thread per image, started by a function that does not wait for them.
//! Go: makeThumbnails2 in gopl.io/ch8/thumbnail, page 235.
//!
//! Fault shown: the function returns before the thumbnails are made; thumbnails3 waits.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::{self, Scope};

use threadbare::engines::thumbnail;
use threadbare::{cli, threads};

fn main() -> ExitCode {
    cli::run(|cli::Files { files }| {
        let (n_made, n_failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|s| {
            make_thumbnails2(s, &files, &n_made, &n_failed);
            let (n_made, n_files) = (n_made.load(SeqCst), files.len());
            writeln!(cli::stdout(), "returned with {n_made} of {n_files} thumbnails made")
        })?; // main waits, so that no thumbnail is half made
        Ok(cli::status(n_failed.into_inner() > 0))
    })
}

/// Returns at once: the threads go on in `scope`.
fn make_thumbnails2<'s>(
    scope: &'s Scope<'s, '_>,
    files: &'s [PathBuf],
    n_made: &'s AtomicUsize,
    n_failed: &'s AtomicUsize,
) {
    for file in files {
        threads::spawn(scope, || match thumbnail::image_file(file) {
            Ok(_) => _ = n_made.fetch_add(1, SeqCst),
            Err(err) => {
                cli::warn(&err);
                n_failed.fetch_add(1, SeqCst);
            }
        });
    }
}
