//! Compares pictures with those of a literal translation of the book's loop.

use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use proptest::strategy::Strategy as _;

use super::*;

/// CRC-32 of the pixels that the book's loop computes in Go 1.26 on amd64.
const GO_CRC: u32 = 0x48e5_1531;

/// The book's loop with its square root, point by point.
fn reference(view: &View) -> Vec<u8> {
    let Region { x_min, y_min, x_max, y_max } = view.region;
    let mut pixels = Vec::new();
    for py in 0..view.height {
        let y = py as f64 / view.height as f64 * (y_max - y_min) + y_min;
        for px in 0..view.width {
            let x = px as f64 / view.width as f64 * (x_max - x_min) + x_min;
            pixels.push(reference_grey(x, y, view.iterations));
        }
    }
    pixels
}

fn reference_grey(x: f64, y: f64, iterations: u32) -> u8 {
    let (mut re, mut im) = (0.0_f64, 0.0_f64);
    for n in 0..iterations {
        (re, im) = (re * re - im * im + x, re * im + im * re + y);
        if re.hypot(im) > 2.0 {
            return 255_u8.wrapping_sub(15_u8.wrapping_mul(u8::try_from(n % 256).unwrap()));
        }
    }
    0
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

#[test]
fn every_strategy_draws_the_books_picture() {
    let book = View::default();
    let expected = reference(&book);
    assert_eq!(crc(&expected), GO_CRC, "the reference is not Go's picture");
    for strategy in Strategy::ALL {
        for shortcuts in [false, true] {
            let view = View { shortcuts, ..book.clone() };
            let pixels = draw(&view, strategy, 3).unwrap();
            assert!(pixels == expected, "{strategy}, shortcuts {shortcuts}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_view_is_drawn_as_in_the_book(
        (width, height) in (1_usize..70, 1_usize..40),
        (x_min, y_min) in (-2.5..1.0, -2.5..1.0),
        (across, down) in (1e-3..4.0, 1e-3..4.0),
        iterations in 1_u32..600,
        strategy in (0..Strategy::ALL.len()).prop_map(|i| Strategy::ALL[i]),
        n_threads in 1_usize..5,
        (shortcuts, centred) in (any::<bool>(), any::<bool>()),
    ) {
        let (y_min, down) = if centred { (-1.5, 3.0) } else { (y_min, down) };
        let region = Region { x_min, y_min, x_max: x_min + across, y_max: y_min + down };
        let view = View { width, height, region, iterations, shortcuts };
        let pixels = draw(&view, strategy, n_threads).unwrap();
        prop_assert!(pixels == reference(&view));
    }
}

#[test]
fn an_invalid_view_is_a_usage_error() {
    let check = |view: View, n_threads: usize| {
        let err = draw(&view, Strategy::Chunks, n_threads).expect_err("it is invalid");
        assert!(err.is_usage(), "{err}");
        assert!(!err.to_string().contains('\n'));
    };
    let book = View::default;
    check(book(), 0);
    check(View { width: 0, ..book() }, 1);
    check(View { height: 0, ..book() }, 1);
    check(View { width: usize::MAX, height: usize::MAX, ..book() }, 1);
    check(View { width: SIDE_MAX, height: SIDE_MAX, ..book() }, 1);
    check(View { iterations: 0, ..book() }, 1);
    check(View { iterations: u32::MAX, ..book() }, 1);
    let region = |x_min, x_max| View { region: Region { x_min, x_max, ..book().region }, ..book() };
    check(region(f64::NAN, 2.0), 1);
    check(region(-2.0, f64::INFINITY), 1);
    check(region(2.0, -2.0), 1);
    check(region(1.0, 1.0), 1);
    check(region(f64::MIN, f64::MAX), 1);
}

#[test]
fn a_png_has_the_pixels() {
    let view = View { width: 50, height: 30, ..View::default() };
    let pixels = draw(&view, Strategy::Sequential, 1).unwrap();
    let mut png = Vec::new();
    write_png(&view, &pixels, &mut png).unwrap();
    let image = image::load_from_memory(&png).unwrap().into_luma8();
    assert_eq!((image.dimensions(), image.into_raw()), ((50, 30), pixels));
}

#[test]
fn a_sweep_measures_every_case_and_can_be_drawn() {
    let view = View { width: 40, height: 40, ..View::default() };
    let measurements = sweep::sweep(&view, &[1, 3], 2).unwrap();
    let cases: Vec<_> = measurements.iter().map(|m| (m.strategy.name(), m.threads)).collect();
    let pairs = ["rows", "chunks", "rayon"].map(|name| [(name, 1), (name, 3)]);
    assert_eq!(cases, [&[("sequential", 1)], pairs.as_flattened()].concat());
    let svg = plot(&measurements, 2).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
}
