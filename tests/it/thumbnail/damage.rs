//! Damaged JPEGs with restart markers: what is intact stays in its place, at every size.

use std::fs;
use std::ops::Range;

use image::{Rgb, RgbImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use tempfile::TempDir;

use super::{folder, open, thumbnail};

/// Side of the picture in pixels, and MCUs of 16 x 16 pixels per restart interval: 64 intervals.
const SIDE: u16 = 256;
const INTERVAL: u16 = 4;
/// Of one interval, with its edges.
const PERCENT_OF_INTERVAL: f64 = 3.0;

fn picture() -> RgbImage {
    let level = |x: u32, y: u32| u8::try_from(x * y / 300 + (x / 9 + y / 7) % 2 * 30).unwrap();
    let side = u32::from(SIDE);
    RgbImage::from_fn(side, side, |x, y| Rgb([level(x, y), level(255 - x, y), level(x, 255 - y)]))
}

fn with_restarts() -> Vec<u8> {
    encode(Some(INTERVAL))
}

fn encode(interval: Option<u16>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    interval.map(|interval| encoder.set_restart_interval(interval));
    encoder.encode(picture().as_raw(), SIDE, SIDE, ColorType::Rgb).unwrap();
    file
}

/// Where the restart intervals begin, each with the marker before it; the first has none.
fn restarts(file: &[u8]) -> Vec<usize> {
    let scan = file.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();
    let is_restart = |at: &usize| file[*at] == 0xFF && (0xD0..=0xD7).contains(&file[at + 1]);
    (scan..file.len() - 1).filter(is_restart).collect()
}

/// The thumbnail, and what was said about the damage.
fn thumb(dir: &TempDir, file: &[u8], side: u32) -> (RgbImage, String) {
    fs::write(dir.path().join("a.jpg"), file).unwrap();
    let made = thumbnail(dir, &["--format", "png", "-s", &side.to_string(), "a.jpg"]);
    assert!(made.stdout == "a.thumb.png\n", "-s {side}: {made:?}");
    (open(&dir.path().join("a.thumb.png")).into_rgb8(), made.stderr)
}

/// The part of the pixels that differ visibly, in percent.
fn percent_different(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let pairs = a.pixels().zip(b.pixels());
    let differs = |(a, b): &(&Rgb<u8>, &Rgb<u8>)| (0..3).any(|c| a.0[c].abs_diff(b.0[c]) > 40);
    pairs.filter(differs).count() as f64 * 100.0 / f64::from(a.width() * a.height())
}

/// Checks the picture after `damage`, which is told the file and where its intervals begin: all but
/// `n_lost` intervals are in place.
fn check(name: &str, n_lost: u32, damage: impl Fn(&mut Vec<u8>, &[usize])) {
    let dir = folder(&[]);
    let intact = with_restarts();
    let mut damaged = intact.clone();
    damage(&mut damaged, &restarts(&intact));
    for side in [32, 64, 100, 200] {
        let (damaged, message) = thumb(&dir, &damaged, side);
        let percent = percent_different(&damaged, &thumb(&dir, &intact, side).0);
        let allowed = f64::from(n_lost) * PERCENT_OF_INTERVAL;
        assert!(percent <= allowed, "{name}, -s {side}: {percent:.1} % differ; {message}");
    }
}

fn copy(file: &mut Vec<u8>, interval: Range<usize>) {
    let bytes = file[interval.clone()].to_vec();
    file.splice(interval.end..interval.end, bytes);
}

#[test]
fn a_marker_that_is_not_allowed_in_a_scan_costs_one_interval() {
    for marker in [0x02, 0xC0, 0xC4, 0xD8, 0xDA, 0xE1, 0xF0, 0xFE] {
        check(&format!("marker {marker:X}"), 1, |file, starts| {
            let middle = usize::midpoint(starts[20], starts[21]);
            file[middle..middle + 2].copy_from_slice(&[0xFF, marker]);
        });
    }
}

#[test]
fn missing_intervals_leave_the_others_in_place() {
    check("one interval", 1, |file, starts| drop(file.drain(starts[20]..starts[21])));
    check("two intervals", 2, |file, starts| drop(file.drain(starts[20]..starts[22])));
    check("one marker", 2, |file, starts| drop(file.drain(starts[20]..starts[20] + 2)));
    check("half an interval", 1, |file, starts| {
        drop(file.drain(usize::midpoint(starts[20], starts[21])..starts[21]));
    });
    check("an interval twice", 1, |file, starts| copy(file, starts[20]..starts[21]));
    check("two intervals twice", 2, |file, starts| copy(file, starts[20]..starts[22]));
}

/// libjpeg's guesses: a number that is far off is wrong, and a near one tells what is missing.
#[test]
fn a_wrong_restart_number_moves_nothing() {
    for wrong in 1..8 {
        let n_lost = if (3..=5).contains(&wrong) { 0 } else { 3 };
        check(&format!("{wrong} too many"), n_lost, |file, starts| {
            let number = &mut file[starts[20] + 1];
            *number = 0xD0 | (*number + wrong) & 7;
        });
    }
}

/// As with libjpeg, though it may be moved: there are no restart markers to go by.
#[test]
fn a_picture_goes_on_behind_bits_that_are_not_a_code() {
    let dir = folder(&[]);
    let intact = encode(None);
    let mut damaged = intact.clone();
    let middle = intact.len() * 2 / 3;
    damaged[middle..middle + 16].copy_from_slice(&[0xFF, 0].repeat(8)); // ones: no code
    for side in [32, 64, 100, 256] {
        let (thumb_of_damaged, message) = thumb(&dir, &damaged, side);
        assert!(message.contains("damaged: only "), "{message}");
        let intact = thumb(&dir, &intact, side).0;
        let top =
            |image: &RgbImage| image::imageops::crop_imm(image, 0, 0, side, side / 2).to_image();
        assert!(percent_different(&top(&thumb_of_damaged), &top(&intact)) < 1.0, "-s {side}");
        let bottom: Vec<_> = thumb_of_damaged.rows().last().unwrap().collect();
        assert!(bottom.iter().any(|pixel| pixel != &bottom[0]), "-s {side}: one colour");
    }
}
