//! Encodes pictures as PNG.

use std::io;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

use super::view::View;

/// Writes the pixels that [`draw`](super::draw) returned for `view` as a greyscale PNG.
///
/// # Errors
/// The errors of `out`.
pub fn write_png(view: &View, pixels: &[u8], out: impl io::Write) -> io::Result<()> {
    let (width, height) = (side(view.width), side(view.height));
    let result = PngEncoder::new(out).write_image(pixels, width, height, ExtendedColorType::L8);
    result.map_err(|err| match err {
        ImageError::IoError(err) => err,
        err => io::Error::other(err),
    })
}

fn side(n_pixels: usize) -> u32 {
    u32::try_from(n_pixels).unwrap_or(u32::MAX) // a view that was drawn has sides of at most 2^15
}
