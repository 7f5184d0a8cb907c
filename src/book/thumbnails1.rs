//! 8.5 thumbnails1: one image after the other.
//! Go: makeThumbnails in gopl.io/ch8/thumbnail, page 235.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use threadbare::cli;
use threadbare::engines::thumbnail;

fn main() -> ExitCode {
    cli::run(|cli::Files { files }| make_thumbnails(&files))
}

fn make_thumbnails(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let mut failed = false;
    for file in files {
        match thumbnail::image_file(file) {
            Ok(thumb) => writeln!(cli::stdout(), "{}", thumb.display())?,
            Err(err) => {
                cli::warn(&err);
                failed = true;
            }
        }
    }
    Ok(cli::status(failed))
}
