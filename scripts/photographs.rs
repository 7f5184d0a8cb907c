//! Photographs to measure with: synthetic ones, each different, made once.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use threadbare::fs::atomic;

/// 12 megapixels, the size of a phone camera's photographs.
const SIZE: (u16, u16) = (4_000, 3_000);

pub(crate) fn make_dir(path: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(path).with_context(|| path.display().to_string())?;
    Ok(path.to_owned())
}

/// `n` different photographs, kept for the next run.
pub(crate) fn make_photos(dir: &Path, n: u32) -> anyhow::Result<Vec<PathBuf>> {
    let dir = make_dir(dir)?;
    (0..n)
        .map(|i| {
            let path = dir.join(format!("{i}.jpg"));
            if !path.exists() {
                atomic::write(&path, &photo(i))?;
            }
            Ok(path)
        })
        .collect()
}

fn photo(seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_add(1);
    let tilt = f64::from(seed) / 10.0;
    let image = RgbImage::from_fn(SIZE.0.into(), SIZE.1.into(), |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let (x, y) = (f64::from(x), f64::from(y));
        let wave = ((x / 97.0 + tilt).sin() + ((y + x * tilt) / 61.0).cos()) * 50.0 + 110.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "10 to 233")]
        let level = wave as u8 + (state >> 28) as u8;
        Rgb([level, level / 2 + 60, 255 - level])
    });
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 88);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(image.as_raw(), SIZE.0, SIZE.1, ColorType::Rgb).expect("a picture of that size");
    file
}
