//! The decoder against `image`, on random pictures, encoders' settings and damage.

use image::imageops::{self, FilterType};
use image::{DynamicImage, ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::*;
use crate::thumbnail::scale;

/// What an encoder can be asked for.
#[derive(Clone, Debug)]
struct Settings {
    quality: u8,
    sampling: SamplingFactor,
    is_progressive: bool,
    restart: Option<u16>,
    is_optimized: bool,
    is_gray: bool,
}

fn settings() -> impl Strategy<Value = Settings> {
    use SamplingFactor as F;
    let sampling = prop::sample::select(vec![
        F::F_1_1,
        F::F_2_1,
        F::F_1_2,
        F::F_2_2,
        F::F_4_1,
        F::F_4_2,
        F::F_1_4,
        F::F_2_4,
    ]);
    let restart = prop::option::of(1u16..20);
    (20u8..=100, sampling, any::<bool>(), restart, any::<bool>(), prop::bool::weighted(0.2))
        .prop_map(|(quality, sampling, is_progressive, restart, is_optimized, is_gray)| Settings {
            quality,
            sampling,
            is_progressive,
            restart,
            is_optimized,
            is_gray,
        })
}

/// Waves of random lengths: smooth enough that chroma subsampling does not hide faults.
fn picture(width: u16, height: u16, waves: [u32; 3]) -> RgbImage {
    RgbImage::from_fn(width.into(), height.into(), |x, y| {
        let wave = |n: u32, x: u32| (f64::from(x * n) / 200.0).sin() * 60.0;
        let level = |i: usize| 128.0 + wave(waves[i], x) + wave(waves[(i + 1) % 3], y);
        image::Rgb([0, 1, 2].map(|i| scan::level_of(level(i))))
    })
}

fn encode(image: &RgbImage, settings: &Settings) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, settings.quality);
    encoder.set_sampling_factor(settings.sampling);
    encoder.set_progressive(settings.is_progressive);
    encoder.set_optimized_huffman_tables(settings.is_optimized);
    if let Some(interval) = settings.restart {
        encoder.set_restart_interval(interval);
    }
    let gray = DynamicImage::from(image.clone()).into_luma8();
    let (pixels, kind) = match settings.is_gray {
        true => (gray.as_raw(), ColorType::Luma),
        false => (image.as_raw(), ColorType::Rgb),
    };
    let side = |side: u32| u16::try_from(side).unwrap();
    encoder.encode(pixels, side(image.width()), side(image.height()), kind).unwrap();
    file
}
