//! Makes thumbnails of damaged JPEGs and checks that none panics or takes long.
//!
//! Usage: `fuzz-thumbnail [N [SEED]]`. The first file that fails is saved as `fuzz-thumbnail.jpg`.

use std::io::{self, Write};
use std::time::{Duration, Instant};
use std::{env, fs, panic};

use anyhow::Context;
use image::ImageFormat;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use threadbare::engines::thumbnail::{self, Options, Size, Target};

/// The longest time that a thumbnail of such a small file may take.
const TIME_MAX: Duration = Duration::from_secs(5);

fn main() -> anyhow::Result<()> {
    let number = |i: usize, default: u64| {
        env::args()
            .nth(i)
            .map_or(Ok(default), |text| text.parse())
            .context("N and SEED must be numbers")
    };
    let (n, seed) = (number(1, 100_000)?, number(2, 1)?);
    let dir = tempfile::tempdir()?;
    let source = dir.path().join("a.jpg");
    let mut target = Target {
        path: dir.path().join("a.thumb.jpg"),
        format: ImageFormat::Jpeg,
        options: Options::default(),
        cache_entry: None,
    };
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut n_made, mut longest) = (0, Duration::ZERO);
    for i in 0..n {
        let file = mutated(seed_file(&mut rng), &mut rng);
        fs::write(&source, &file)?;
        target.options.size = Size::square([4, 12, 40][rng.random_range(0..3)]);
        let start = Instant::now();
        let made = panic::catch_unwind(|| thumbnail::make(&source, &target).is_ok());
        longest = longest.max(start.elapsed());
        match made {
            Ok(is_made) if start.elapsed() < TIME_MAX => n_made += u64::from(is_made),
            _ => {
                fs::write("fuzz-thumbnail.jpg", &file)?;
                anyhow::bail!("file {i} of seed {seed}, saved as fuzz-thumbnail.jpg");
            }
        }
    }
    writeln!(io::stdout(), "{n} files, {n_made} thumbnails, the longest took {longest:?}")?;
    Ok(())
}

fn seed_file(rng: &mut StdRng) -> Vec<u8> {
    let (width, height) = (rng.random_range(1..120u16), rng.random_range(1..120u16));
    let kinds = [
        (ColorType::Luma, 1),
        (ColorType::Rgb, 3),
        (ColorType::Rgb, 3),
        (ColorType::Cmyk, 4),
        (ColorType::CmykAsYcck, 4),
    ];
    let (kind, n) = kinds[rng.random_range(0..kinds.len())];
    let level: u8 = rng.random();
    let n_bytes = usize::from(width) * usize::from(height) * n;
    let pixels: Vec<u8> = (0..n_bytes).map(|_| level ^ (rng.random::<u8>() >> 2)).collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, rng.random_range(5..=100));
    let samplings = [
        SamplingFactor::F_1_1,
        SamplingFactor::F_2_1,
        SamplingFactor::F_2_2,
        SamplingFactor::F_4_1,
    ];
    encoder.set_sampling_factor(samplings[rng.random_range(0..samplings.len())]);
    encoder.set_progressive(rng.random());
    if rng.random() {
        encoder.set_restart_interval(rng.random_range(1..9));
    } else {
        encoder.set_optimized_huffman_tables(rng.random());
    }
    encoder.encode(&pixels, width, height, kind).expect("a picture of the right size");
    file
}

fn mutated(mut file: Vec<u8>, rng: &mut StdRng) -> Vec<u8> {
    for _ in 0..rng.random_range(1..8) {
        let at = rng.random_range(0..file.len());
        match rng.random_range(0..6) {
            0 => file[at] = rng.random(),
            1 => file[at] ^= 1 << rng.random_range(0..8),
            2 => file[at] = 0xFF,
            3 => file.truncate(at.max(1)),
            4 => drop(file.drain(at..(at + rng.random_range(1..50)).min(file.len()))),
            _ => {
                let copy = file[at..(at + 40).min(file.len())].to_vec();
                file.splice(at..at, copy);
            }
        }
        if file.is_empty() {
            file.push(0xFF);
        }
    }
    file
}
