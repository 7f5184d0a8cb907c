//! Similarity of pictures to their references: SSIM of the luma and PSNR of the colours for each
//! pair of files (reference, picture) given as arguments, and the means of both on the last line.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use image::{ImageReader, RgbImage};

#[path = "similarity/ssim.rs"]
mod ssim;

fn main() -> ExitCode {
    let files: Vec<String> = env::args().skip(1).collect();
    match run(&files) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            _ = writeln!(io::stderr(), "similarity: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(files: &[String]) -> anyhow::Result<()> {
    let mut results = Vec::new();
    for pair in files.chunks_exact(2) {
        let (reference, picture) = (open(&pair[0])?, open(&pair[1])?);
        let result = (ssim::ssim(&reference, &picture), ssim::psnr(&reference, &picture));
        writeln!(io::stdout(), "{:.4} {:6.2} {}", result.0, result.1, pair[1])?;
        results.push(result);
    }
    let mean = |part: fn(&(f64, f64)) -> f64| {
        results.iter().map(part).sum::<f64>() / results.len().max(1) as f64
    };
    writeln!(io::stdout(), "{:.4} {:6.2} mean of {}", mean(|r| r.0), mean(|r| r.1), results.len())?;
    Ok(())
}

fn open(path: &str) -> anyhow::Result<RgbImage> {
    let reader = ImageReader::open(Path::new(path))?.with_guessed_format()?;
    Ok(reader.decode()?.into_rgb8())
}
