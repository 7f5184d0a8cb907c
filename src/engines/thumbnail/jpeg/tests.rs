//! The decoder against `image`, on random pictures, encoders' settings and damage.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor as F};
use memchr::memmem;
use proptest::prelude::*;

use super::*;
use crate::engines::thumbnail::{color, scale};

/// What an encoder can be asked for.
#[derive(Clone, Copy, Debug)]
struct Settings {
    quality: u8,
    sampling: F,
    is_progressive: bool,
    restart: Option<u16>,
    is_optimized: bool,
    kind: ColorType,
}

const SAMPLINGS: [F; 12] = [
    F::F_1_1,
    F::F_2_1,
    F::F_1_2,
    F::F_2_2,
    F::F_4_1,
    F::F_4_2,
    F::F_1_4,
    F::F_2_4,
    F::R_4_4_4,
    F::R_4_4_0,
    F::R_4_2_2,
    F::R_4_2_0,
];

fn settings() -> impl Strategy<Value = Settings> {
    let sampling = prop::sample::select(&SAMPLINGS[..]);
    let restart = prop::option::of(1u16..20);
    let kind = prop::sample::select(vec![ColorType::Rgb, ColorType::Rgb, ColorType::Luma]);
    (30u8..=100, sampling, any::<bool>(), restart, any::<bool>(), kind).prop_map(
        |(quality, sampling, is_progressive, restart, is_optimized, kind)| Settings {
            quality,
            sampling,
            is_progressive,
            restart,
            is_optimized,
            kind,
        },
    )
}

const PLAIN: Settings = Settings {
    quality: 90,
    sampling: F::F_2_2,
    is_progressive: false,
    restart: None,
    is_optimized: false,
    kind: ColorType::Rgb,
};

/// Waves of given lengths, without the sharp edges where ways of resizing differ.
fn picture((width, height): (u32, u32), waves: [u8; 3]) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let wave = |n: u8, at: u32| (f64::from(at) * f64::from(n) / 3_000.0).sin() * 55.0;
        image::Rgb([0, 1, 2].map(|i| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let level = (128.0 + wave(waves[i], x) + wave(waves[(i + 1) % 3], y)) as u8;
            level
        }))
    })
}

fn encode(image: &RgbImage, settings: Settings) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, settings.quality);
    encoder.set_sampling_factor(settings.sampling);
    encoder.set_progressive(settings.is_progressive);
    // The encoder's statistics take no account of restarts: with both it panics.
    encoder.set_optimized_huffman_tables(settings.is_optimized && settings.restart.is_none());
    if let Some(interval) = settings.restart {
        encoder.set_restart_interval(interval);
    }
    let gray = DynamicImage::from(image.clone()).into_luma8();
    let pixels = if settings.kind == ColorType::Luma { gray.as_raw() } else { image.as_raw() };
    let side = |side: u32| u16::try_from(side).unwrap();
    encoder.encode(pixels, side(image.width()), side(image.height()), settings.kind).unwrap();
    file
}

fn open(file: &[u8]) -> Option<Jpeg<Cursor<&[u8]>>> {
    Jpeg::open(Cursor::new(file))
}

/// Ours.
fn reduced(file: &[u8], plan: &Plan) -> RgbImage {
    let reduced = open(file).unwrap().read(plan.ratio()).unwrap().unwrap();
    assert_eq!((reduced.percent_kept, reduced.has_end), (100, true));
    color::from_jpeg(&reduced, plan, None).0.into_rgb8()
}

/// By way of every pixel.
fn in_full(file: &[u8], plan: &Plan) -> RgbImage {
    let full = image::load_from_memory_with_format(file, ImageFormat::Jpeg).unwrap();
    scale::image(full, plan).into_rgb8()
}

fn plan(file: &[u8], side: u32, crop: bool) -> Plan {
    let jpeg = open(file).unwrap();
    Plan::new(jpeg.size(), jpeg.orientation(), Size::square(side), crop)
}

/// The mean and the largest difference.
fn difference(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let differences = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b));
    let (sum, most) = differences.fold((0, 0), |(s, m), d| (s + u64::from(d), d.max(m)));
    (sum as f64 / a.as_raw().len() as f64, most)
}

#[track_caller]
fn assert_alike(ours: &RgbImage, theirs: &RgbImage, what: &str) {
    let (mean, most) = difference(ours, theirs);
    assert!(mean < 6.0 && most <= 40, "{what}: {mean:.2} in the mean, {most} at most");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// The tolerance the thumbnailer states, for thumbnails of 8 pixels and more in both directions:
    /// below, the edge is most of the picture, and where a sample's middle is begins to matter.
    #[test]
    fn like_a_full_decode(
        size in (64u32..500, 64u32..500),
        waves in any::<[u8; 3]>(),
        settings in settings(),
        crop in any::<bool>(),
    ) {
        let picture = picture(size, waves);
        let file = encode(&picture, settings);
        // The same coefficients in the form that `image` reads right with all samplings.
        let readable = Settings { is_progressive: true, is_optimized: false, ..settings };
        let readable = encode(&picture, readable);
        for times in [4, 5, 8, 9, 13, 16] {
            let plan = plan(&file, (size.0.min(size.1) / times).max(1), crop);
            let is_large = plan.size.width.min(plan.size.height) >= 8;
            if is_large && open(&file).unwrap().has_enough_for(plan.ratio()) {
                let (ours, theirs) = (reduced(&file, &plan), in_full(&readable, &plan));
                assert_alike(&ours, &theirs, &format!("{size:?} {settings:?} {}", plan.ratio()));
            }
        }
    }

    /// No damage leads to a panic, and what is made of it has the right size.
    #[test]
    fn damaged_files_end_well(
        size in (9u32..200, 9u32..200),
        settings in settings(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        length in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut file = encode(&picture(size, [9, 99, 199]), settings);
        for (at, byte) in damage {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(length) = length {
            file.truncate(length.index(file.len()));
        }
        survives(&file);
    }

    #[test]
    fn any_bytes_end_well(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        survives(&[&[0xFF, 0xD8][..], &bytes].concat());
    }
}

fn survives(file: &[u8]) {
    for ratio in [4.0, 8.0, 16.0] {
        let Some(jpeg) = open(file).filter(|jpeg| jpeg.percent_possible() >= 1) else {
            return;
        };
        let size = jpeg.size();
        let plan = Plan::new(size, jpeg.orientation(), Size::square(16), false);
        if let Some(reduced) = jpeg.read(ratio).unwrap() {
            assert!(reduced.percent_kept <= 100);
            let (image, _) = color::from_jpeg(&reduced, &plan, None);
            assert_eq!((image.width(), image.height()), (plan.size.width, plan.size.height));
        }
    }
}

/// A changing byte here and there, at every place in turn: 2,000 files.
#[test]
fn two_thousand_mutated_files_end_well() {
    let image = picture((90, 70), [50, 150, 250]);
    let mut n = 0u32;
    for is_progressive in [false, true] {
        let file = encode(&image, Settings { is_progressive, restart: Some(3), ..PLAIN });
        let step = (file.len() / 500).max(1);
        for (at, flip) in (0..1_000).map(|i| (i * step % file.len(), 1 << (i % 8))) {
            let mut file = file.clone();
            file[at] ^= flip;
            survives(&file);
            n += 1;
        }
    }
    assert_eq!(n, 2_000);
}

#[test]
fn inks_are_as_image_reads_them() {
    let pixels: Vec<u8> = (0..96 * 96u32)
        .flat_map(|i| [i % 96 * 2, i / 96 * 2, 90, i % 96].map(|c| u8::try_from(c).unwrap()))
        .collect();
    for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let mut file = Vec::new();
        Encoder::new(&mut file, 95).encode(&pixels, 96, 96, kind).unwrap();
        let plan = plan(&file, 12, false);
        let ours = reduced(&file, &plan);
        assert_alike(&ours, &in_full(&file, &plan), &format!("{kind:?}"));
    }
}

#[test]
fn what_is_missing_is_counted() {
    let file = encode(&picture((256, 256), [100, 10, 50]), PLAIN);
    let kept = |file: &[u8]| open(file).unwrap().read(f64::INFINITY).unwrap().unwrap().percent_kept;
    assert_eq!(kept(&file), 100);
    let half = kept(&file[..file.len() / 2]);
    assert!((30..60).contains(&half), "{half}");
}

#[test]
fn a_fault_ends_at_the_next_restart() {
    let image = picture((256, 256), [100, 10, 50]);
    let mut file = encode(&image, Settings { restart: Some(4), ..PLAIN });
    let restarts: Vec<usize> = memmem::find_iter(&file, b"\xFF\xD1").collect();
    // Half of an interval is gone; intervals before and after it are not moved by that.
    file.drain(restarts[1] + 4..restarts[1] + 40);
    let reduced = open(&file).unwrap().read(f64::INFINITY).unwrap().unwrap();
    assert!((95..100).contains(&reduced.percent_kept), "{}", reduced.percent_kept);
    let plan = plan(&file, 32, false);
    let ours = color::from_jpeg(&reduced, &plan, None).0.into_rgb8();
    let whole = super::tests::reduced(&encode(&image, PLAIN), &plan);
    let bottom = |image: &RgbImage| image::imageops::crop_imm(image, 0, 20, 32, 12).to_image();
    assert_alike(&bottom(&ours), &bottom(&whole), "below the fault");
}

#[test]
fn a_lie_about_the_size_is_seen() {
    let mut file = encode(&RgbImage::new(16, 16), PLAIN);
    let frame = memmem::find(&file, b"\xFF\xC0").unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(open(&file).unwrap().percent_possible(), 0);
}

#[test]
fn others_are_left_to_others() {
    let mut file = encode(&RgbImage::new(16, 16), PLAIN);
    let frame = memmem::find(&file, b"\xFF\xC0").unwrap();
    for (at, byte) in [(1, 0xC9), (1, 0xC3), (4, 12)] {
        let before = std::mem::replace(&mut file[frame + at], byte);
        assert!(open(&file).is_none(), "{at} {byte}");
        file[frame + at] = before;
    }
    assert!(open(b"").is_none());
    assert!(open(b"\x89PNG").is_none());
}

/// `image` makes garbage of them; here even a thumbnail hardly smaller has the right colours.
#[test]
fn components_in_turn_are_read() {
    let image = picture((100, 60), [90, 160, 30]);
    let file = encode(&image, Settings { is_optimized: true, ..PLAIN });
    assert!(open(&file).unwrap().is_baseline_in_turn());
    assert!(!open(&encode(&image, PLAIN)).unwrap().is_baseline_in_turn());
    let plan = plan(&file, 80, false);
    assert_alike(&reduced(&file, &plan), &scale::image(image.into(), &plan).into_rgb8(), "blurred");
}
