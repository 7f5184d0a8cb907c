//! 8.5 thumbnails3: a thread each, and one event from each to count.
//! Go: makeThumbnails3 in gopl.io/ch8/thumbnail, page 236.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use crossbeam::channel::bounded;
use threadbare::cli;
use threadbare::engines::thumbnail;
use threadbare::threads;

fn main() -> ExitCode {
    cli::run(|cli::Files { files }| {
        threads::check_room(files.len())?;
        Ok(make_thumbnails3(&files))
    })
}

fn make_thumbnails3(files: &[PathBuf]) -> ExitCode {
    let (ended, endings) = bounded(0);
    thread::scope(|s| {
        for file in files {
            let ended = ended.clone();
            threads::spawn(s, move || {
                let made = thumbnail::image_file(file);
                let is_ok = made.inspect_err(cli::warn).is_ok();
                ended.send(is_ok).expect("main is counting");
            });
        }
        // As many events as files: this many, and then all are done.
        let n_made = endings.iter().take(files.len()).filter(|&is_ok| is_ok).count();
        cli::status(n_made < files.len())
    })
}
