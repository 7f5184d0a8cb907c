//! 8.5 thumbnails3: one thread per image; main counts an event from each.
//! Go: makeThumbnails3 in gopl.io/ch8/thumbnail, page 236.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::engines::thumbnail;
use threadbare::{cli, threads};

fn main() -> ExitCode {
    cli::run(|cli::Files { files }| {
        threads::check_room(files.len())?;
        Ok(make_thumbnails3(&files))
    })
}

fn make_thumbnails3(files: &[PathBuf]) -> ExitCode {
    let (ended_tx, ended_rx) = bounded(0);
    thread::scope(|s| {
        for file in files {
            let ended_tx = ended_tx.clone();
            threads::spawn(s, move || {
                let made = thumbnail::image_file(file);
                let is_ok = made.inspect_err(cli::warn).is_ok();
                ended_tx.send(is_ok).expect("main is counting");
            });
        }
        // Each thread sends one event: after as many as there are files, all are done.
        let n_made = ended_rx.iter().take(files.len()).filter(|&is_ok| is_ok).count();
        cli::status(n_made < files.len())
    })
}
