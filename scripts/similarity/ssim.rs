//! SSIM (Wang and others, 2004) on the luma, PSNR on the colours.

use image::imageops::crop_imm;
use image::{GrayImage, RgbImage};

/// Side of the windows that are compared, and distance from one to the next, in pixels.
const WINDOW: u32 = 8;
const STEP: u32 = 2;

/// The structural similarity of two pictures, averaged over windows; 1 for equal ones.
pub(crate) fn ssim(a: &RgbImage, b: &RgbImage) -> f64 {
    let luma = |image: &RgbImage| image::imageops::grayscale(image);
    let (a, b) = (luma(a), luma(b));
    let starts = |side: u32| (0..=side.saturating_sub(WINDOW)).step_by(STEP as usize);
    let places = starts(a.height()).flat_map(|y| starts(a.width()).map(move |x| (x, y)));
    let values: Vec<f64> = places.map(|place| window_ssim(&a, &b, place)).collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn window_ssim(a: &GrayImage, b: &GrayImage, (x, y): (u32, u32)) -> f64 {
    let pixels = |image: &GrayImage| -> Vec<f64> {
        let window = crop_imm(image, x, y, WINDOW, WINDOW).to_image();
        window.pixels().map(|pixel| f64::from(pixel.0[0])).collect()
    };
    let (a, b) = (pixels(a), pixels(b));
    let n_pixels = a.len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / n_pixels;
    let (mean_a, mean_b) = (mean(&a), mean(&b));
    let product = |p: &[f64], q: &[f64], mean_p: f64, mean_q: f64| {
        p.iter().zip(q).map(|(p, q)| (p - mean_p) * (q - mean_q)).sum::<f64>() / (n_pixels - 1.0)
    };
    let (var_a, var_b) = (product(&a, &a, mean_a, mean_a), product(&b, &b, mean_b, mean_b));
    let covariance = product(&a, &b, mean_a, mean_b);
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    ((2.0 * mean_a * mean_b + c1) * (2.0 * covariance + c2))
        / ((mean_a.powi(2) + mean_b.powi(2) + c1) * (var_a + var_b + c2))
}

/// The peak signal-to-noise ratio over all colour channels, in decibels.
pub(crate) fn psnr(a: &RgbImage, b: &RgbImage) -> f64 {
    let squares = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    let mean = squares.sum::<f64>() / a.as_raw().len() as f64;
    10.0 * (255.0f64.powi(2) / mean.max(1e-3)).log10()
}
