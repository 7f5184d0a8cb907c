//! Resizing the selected part of a picture.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeOptions, Resizer};
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use super::geometry::Geometry;
use super::size::Size;

/// The samples of a decoded picture, each of which may stand for several pixels.
pub(super) struct Samples<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kind: PixelType,
    /// Pixels of the full picture that one sample covers, horizontally and vertically.
    pub(super) pixels_per_sample: (f64, f64),
}

/// Resizes the part of `samples` that `geometry` selects to the size of the thumbnail.
pub(super) fn resize(samples: &Samples<'_>, geometry: &Geometry) -> Vec<u8> {
    let source = ImageRef::new(samples.width, samples.height, samples.bytes, samples.kind);
    let source = source.expect("the decoder fills as many bytes as its size requires");
    let mut thumb = Image::new(geometry.size.width, geometry.size.height, samples.kind);
    let (x, y) = samples.pixels_per_sample;
    let (left, top) = (geometry.left / x, geometry.top / y);
    // Rounding errors must not move the part beyond the edge.
    let width = (geometry.width / x).min(f64::from(samples.width) - left);
    let height = (geometry.height / y).min(f64::from(samples.height) - top);
    let options = ResizeOptions::new().crop(left, top, width, height);
    let resized = Resizer::new().resize(&source, &mut thumb, &options);
    resized.expect("the part is inside the picture, and both have the same pixel type");
    thumb.into_vec()
}

/// Resizes a fully decoded picture to a thumbnail in 8-bit gray, RGB or RGBA.
pub(super) fn resize_image(full: DynamicImage, geometry: &Geometry) -> DynamicImage {
    let full = to_8_bits(full);
    let Size { width, height } = geometry.size;
    let kind = match full {
        DynamicImage::ImageLuma8(_) => PixelType::U8,
        DynamicImage::ImageRgb8(_) => PixelType::U8x3,
        _ => PixelType::U8x4,
    };
    let samples = Samples {
        bytes: full.as_bytes(),
        width: full.width(),
        height: full.height(),
        kind,
        pixels_per_sample: (1.0, 1.0),
    };
    let bytes = resize(&samples, geometry);
    let image = match kind {
        PixelType::U8 => GrayImage::from_raw(width, height, bytes).map(Into::into),
        PixelType::U8x3 => RgbImage::from_raw(width, height, bytes).map(Into::into),
        _ => RgbaImage::from_raw(width, height, bytes).map(Into::into),
    };
    image.expect("there are as many bytes as the size requires")
}

fn to_8_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => {
            image
        }
        image if image.color().has_alpha() => image.into_rgba8().into(),
        image if image.color().has_color() => image.into_rgb8().into(),
        image => image.into_luma8().into(),
    }
}
