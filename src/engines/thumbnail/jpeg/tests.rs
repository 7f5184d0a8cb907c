//! The decoder compared with `image`, for random pictures, encoder settings and damage.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor as F};
use memchr::memmem;
use proptest::prelude::*;

use super::*;
use crate::engines::thumbnail::resize::resize_image;
use crate::engines::thumbnail::{color, full_jpeg};

/// The settings of an encoder.
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

/// A picture of waves: sharp edges would show differences between resizing algorithms instead.
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
    // The encoder panics when both optimized tables and restart markers are asked for.
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

/// The thumbnail by our decoder.
fn reduced(file: &[u8], geometry: &Geometry) -> RgbImage {
    let reduced = open(file).unwrap().decode(geometry.ratio()).unwrap().unwrap();
    assert_eq!((reduced.percent_decoded, reduced.has_end), (100, true));
    from_reduced(file, reduced, geometry).into_rgb8()
}

fn from_reduced(file: &[u8], reduced: ReducedPicture, geometry: &Geometry) -> DynamicImage {
    let color_space = open(file).unwrap().color_space();
    let layers = reduced.resized(&[*geometry]);
    color::from_layers(&[*geometry], layers, color_space, None).0.swap_remove(0)
}

/// The thumbnail by way of a full decode.
fn full(file: &[u8], geometry: &Geometry) -> RgbImage {
    let full = image::load_from_memory_with_format(file, ImageFormat::Jpeg).unwrap();
    resize_image(full, &[*geometry]).swap_remove(0).into_rgb8()
}

fn geometry(file: &[u8], side: u32, crop: bool) -> Geometry {
    let jpeg = open(file).unwrap();
    Geometry::new(jpeg.size(), jpeg.orientation(), Size::square(side), crop)
}

/// The mean and the largest difference of two pictures.
fn difference(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let differences = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b));
    let (sum, max) = differences.fold((0, 0), |(s, m), d| (s + u64::from(d), d.max(m)));
    (sum as f64 / a.as_raw().len() as f64, max)
}

#[track_caller]
fn assert_similar(ours: &RgbImage, theirs: &RgbImage, name: &str) {
    let (mean, max) = difference(ours, theirs);
    assert!(mean < 6.0 && max <= 40, "{name}: mean difference {mean:.2}, maximum {max}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// For thumbnails of at least 8 x 8 pixels: smaller ones consist mostly of edges, where the
    /// exact positions of the samples matter.
    #[test]
    fn the_result_is_similar_to_a_full_decode(
        size in (64u32..500, 64u32..500),
        waves in any::<[u8; 3]>(),
        settings in settings(),
        crop in any::<bool>(),
    ) {
        let picture = picture(size, waves);
        let file = encode(&picture, settings);
        // The same coefficients in a form that `image` decodes correctly with every sampling.
        let readable = Settings { is_progressive: true, is_optimized: false, ..settings };
        let readable = encode(&picture, readable);
        for times in [4, 5, 8, 9, 13, 16] {
            let geometry = geometry(&file, (size.0.min(size.1) / times).max(1), crop);
            let is_large = geometry.size.width.min(geometry.size.height) >= 8;
            if is_large && open(&file).unwrap().is_detailed_enough_for(geometry.ratio()) {
                let (ours, theirs) = (reduced(&file, &geometry), full(&readable, &geometry));
                let case = format!("{size:?} {settings:?} {}", geometry.ratio());
                assert_similar(&ours, &theirs, &case);
            }
        }
    }

    /// Damage never causes a panic, and a thumbnail that is made has the right size.
    #[test]
    fn damaged_files_are_handled(
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
        check_damaged(&file);
    }

    /// A repaired copy is sound, so that zune-jpeg decodes it, too.
    #[test]
    fn damaged_files_are_repaired(
        size in (9u32..200, 9u32..200),
        sampling in prop::sample::select(vec![F::F_1_1, F::F_2_1, F::F_2_2]),
        restart in prop::option::of(1u16..20),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let settings = Settings { sampling, restart, ..PLAIN };
        let mut file = encode(&picture(size, [9, 99, 199]), settings);
        let scan = memmem::find(&file, b"\xFF\xDA").unwrap() + 14;
        let place = |index: prop::sample::Index| scan + index.index(file.len() - scan);
        let cut = place(cut.0).min(place(cut.1))..place(cut.0).max(place(cut.1));
        let damage: Vec<_> = damage.iter().map(|(at, byte)| (place(*at), *byte)).collect();
        for (at, byte) in damage {
            file[at] = byte;
        }
        file.drain(cut);
        let repaired = open(&file).unwrap().repaired().unwrap().unwrap();
        let jpeg = open(&repaired).unwrap();
        let size = jpeg.size();
        let reduced = jpeg.decode(4.0).unwrap().unwrap();
        prop_assert_eq!((reduced.percent_decoded, reduced.is_irregular), (100, false));
        prop_assert!(full_jpeg::decode(&repaired[..], size, 3).is_some());
    }

    /// Valid headers followed by random entropy-coded data: some blocks are decoded, and the result
    /// has the right size.
    #[test]
    fn random_entropy_coded_data_is_handled(
        settings in settings(),
        bytes in prop::collection::vec(any::<u8>(), 100..300),
    ) {
        let file = encode(&picture((60, 40), [9, 99, 199]), settings);
        let scan = memmem::find(&file, b"\xFF\xDA").unwrap();
        let header_length = usize::from(u16::from_be_bytes([file[scan + 2], file[scan + 3]]));
        let file = [&file[..scan + 2 + header_length], &bytes].concat();
        prop_assert!(open(&file).is_some(), "the headers are still valid");
        check_damaged(&file);
    }

    #[test]
    fn random_bytes_are_no_picture(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let jpeg = open(&[&[0xFF, 0xD8][..], &bytes].concat()).is_some();
        prop_assert_eq!(jpeg, false, "a frame header and a scan header by chance");
    }
}

/// Decodes a damaged file at several sizes; checks the size of each result and that no more than
/// all of the picture is said to be decoded.
fn check_damaged(file: &[u8]) {
    for ratio in [4.0, 8.0, 16.0] {
        let Some(jpeg) = open(file).filter(|jpeg| jpeg.max_percent_decodable() >= 1) else {
            return;
        };
        let size = jpeg.size();
        let geometry = Geometry::new(size, jpeg.orientation(), Size::square(16), false);
        if let Some(reduced) = jpeg.decode(ratio).unwrap() {
            assert!(reduced.percent_decoded <= 100);
            let image = from_reduced(file, reduced, &geometry);
            let Size { width, height } = geometry.size;
            assert_eq!((image.width(), image.height()), (width, height));
        }
    }
}

/// One flipped bit per file, at places spread over the whole file: 2,000 files.
#[test]
fn two_thousand_files_with_a_flipped_bit_are_handled() {
    let image = picture((90, 70), [50, 150, 250]);
    let mut n = 0u32;
    for is_progressive in [false, true] {
        let file = encode(&image, Settings { is_progressive, restart: Some(3), ..PLAIN });
        let step = (file.len() / 500).max(1);
        for (at, flip) in (0..1_000).map(|i| (i * step % file.len(), 1 << (i % 8))) {
            let mut file = file.clone();
            file[at] ^= flip;
            check_damaged(&file);
            n += 1;
        }
    }
    assert_eq!(n, 2_000);
}

#[test]
fn cmyk_and_ycck_look_as_image_decodes_them() {
    let pixels: Vec<u8> = (0..96 * 96u32)
        .flat_map(|i| [i % 96 * 2, i / 96 * 2, 90, i % 96].map(|c| u8::try_from(c).unwrap()))
        .collect();
    for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let mut file = Vec::new();
        Encoder::new(&mut file, 95).encode(&pixels, 96, 96, kind).unwrap();
        let geometry = geometry(&file, 12, false);
        let ours = reduced(&file, &geometry);
        assert_similar(&ours, &full(&file, &geometry), &format!("{kind:?}"));
    }
}

#[test]
fn missing_blocks_are_counted() {
    let file = encode(&picture((256, 256), [100, 10, 50]), PLAIN);
    let percent = |file: &[u8]| {
        let reduced = open(file).unwrap().decode(f64::INFINITY).unwrap().unwrap();
        reduced.percent_decoded
    };
    assert_eq!(percent(&file), 100);
    let half = percent(&file[..file.len() / 2]);
    assert!((30..60).contains(&half), "{half}");
}

#[test]
fn decoding_resumes_at_the_next_restart_marker() {
    let image = picture((256, 256), [100, 10, 50]);
    let mut file = encode(&image, Settings { restart: Some(4), ..PLAIN });
    let restarts: Vec<usize> = memmem::find_iter(&file, b"\xFF\xD1").collect();
    // Part of one interval is removed; the intervals before and after it must not shift.
    file.drain(restarts[1] + 4..restarts[1] + 40);
    let reduced = open(&file).unwrap().decode(f64::INFINITY).unwrap().unwrap();
    assert!((95..100).contains(&reduced.percent_decoded), "{}", reduced.percent_decoded);
    let geometry = geometry(&file, 32, false);
    let ours = from_reduced(&file, reduced, &geometry).into_rgb8();
    let intact = super::tests::reduced(&encode(&image, PLAIN), &geometry);
    let bottom = |image: &RgbImage| image::imageops::crop_imm(image, 0, 20, 32, 12).to_image();
    assert_similar(&bottom(&ours), &bottom(&intact), "below the error");
}

/// Every pixel but those of one interval and their neighbours is as in the intact file.
#[test]
fn a_repaired_file_has_the_intact_pixels_in_place() {
    let intact =
        encode(&picture((256, 256), [100, 10, 50]), Settings { restart: Some(4), ..PLAIN });
    let restarts: Vec<usize> = memmem::find_iter(&intact, b"\xFF\xD1").collect();
    let mut file = intact.clone();
    file.drain(restarts[1] + 4..restarts[1] + 40);
    let size = open(&intact).unwrap().size();
    let repaired = open(&file).unwrap().repaired().unwrap().unwrap();
    let pixels = |file: &[u8]| full_jpeg::decode(file, size, 3).unwrap();
    let (repaired, intact) = (pixels(&repaired), pixels(&intact));
    let differing: Vec<usize> =
        (0..256 * 256).filter(|i| repaired[3 * i..3 * i + 3] != intact[3 * i..3 * i + 3]).collect();
    // The interval behind the tenth restart marker: MCUs 40 to 43, in columns 8 to 11 of row 2.
    let is_near = |&i: &usize| (126..194).contains(&(i % 256)) && (30..50).contains(&(i / 256));
    assert!(!differing.is_empty() && differing.iter().all(is_near));
}

/// T.81, B.2.5: the number of lines may be repeated behind the scan.
#[test]
fn a_number_of_lines_behind_the_scan_is_removed() {
    let mut file = encode(&picture((64, 64), [100, 10, 50]), PLAIN);
    let intact = file.clone();
    file.splice(file.len() - 2..file.len() - 2, *b"\xFF\xDC\0\x04\0\x40");
    let reduced = |file: &[u8]| open(file).unwrap().decode(4.0).unwrap().unwrap();
    assert!(reduced(&file).is_irregular && !reduced(&intact).is_irregular);
    let size = open(&file).unwrap().size();
    let repaired = open(&file).unwrap().repaired().unwrap().unwrap();
    let pixels = |file: &[u8]| full_jpeg::decode(file, size, 3).unwrap();
    assert_eq!(pixels(&repaired), pixels(&intact));
}

#[test]
fn an_invalid_size_in_the_header_is_detected() {
    let mut file = encode(&RgbImage::new(16, 16), PLAIN);
    let frame = memmem::find(&file, b"\xFF\xC0").unwrap();
    file[frame + 5..frame + 9].copy_from_slice(&[0xFF; 4]);
    assert_eq!(open(&file).unwrap().max_percent_decodable(), 0);
}

#[test]
fn unsupported_files_are_refused() {
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

/// `image` decodes them wrongly; here even a thumbnail that is hardly smaller has the right
/// colours.
#[test]
fn non_interleaved_baseline_files_are_decoded() {
    let image = picture((100, 60), [90, 160, 30]);
    let file = encode(&image, Settings { is_optimized: true, ..PLAIN });
    assert!(open(&file).unwrap().is_misread_by_zune());
    assert!(!open(&encode(&image, PLAIN)).unwrap().is_misread_by_zune());
    let geometry = geometry(&file, 80, false);
    let expected = resize_image(image.into(), &[geometry]).swap_remove(0).into_rgb8();
    assert_similar(&reduced(&file, &geometry), &expected, "blurred");
}
