//! Resizing the selected part of a picture.

use fast_image_resize::images::Image;
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{PixelTrait, PixelType, ResizeOptions, Resizer};
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

use super::geometry::Geometry;
use super::size::Size;

/// The samples of a decoded picture, each of which may stand for several pixels.
pub(super) struct Samples {
    pub(super) bytes: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kind: PixelType,
    /// Pixels of the full picture that one sample covers, horizontally and vertically.
    pub(super) pixels_per_sample: (f64, f64),
    /// Whether the fourth channel is alpha, by which colours have to be weighted.
    pub(super) has_alpha: bool,
}

/// Resizes the parts of `samples` that `geometries` select to the sizes of the thumbnails.
pub(super) fn resize(samples: Samples, geometries: &[Geometry]) -> Vec<Vec<u8>> {
    let Samples { width, height, kind, pixels_per_sample: (x, y), has_alpha, .. } = samples;
    let source = Image::from_vec_u8(width, height, samples.bytes, kind);
    let mut source = source.expect("the decoder fills as many bytes as its size requires");
    let resized = geometries.iter().map(|geometry| {
        let mut thumb = Image::new(geometry.size.width, geometry.size.height, kind);
        let (left, top) = (geometry.left / x, geometry.top / y);
        // Rounding errors must not move the part beyond the edge.
        let width = (geometry.width / x).min(f64::from(width) - left);
        let height = (geometry.height / y).min(f64::from(height) - top);
        let options = ResizeOptions::new().crop(left, top, width, height).use_alpha(has_alpha);
        match kind {
            PixelType::U8 => resize_pixels::<U8>(&mut source, &mut thumb, &options),
            PixelType::U8x3 => resize_pixels::<U8x3>(&mut source, &mut thumb, &options),
            _ => resize_pixels::<U8x4>(&mut source, &mut thumb, &options),
        }
        thumb.into_vec()
    });
    resized.collect()
}

/// Resizes pixels of one type. `Resizer::resize` would compile all of the crate's thirteen types,
/// and a shared source each of them twice: two minutes more of a release build.
fn resize_pixels<P: PixelTrait>(source: &mut Image, thumb: &mut Image, options: &ResizeOptions) {
    let source = source.typed_image_mut::<P>().expect("P is the type of the samples");
    let mut thumb = thumb.typed_image_mut::<P>().expect("P is the type of the samples");
    let resized = Resizer::new().resize_typed(&source, &mut thumb, options);
    resized.expect("the part is inside the picture");
}

/// Resizes a fully decoded picture to thumbnails in 8-bit gray, RGB or RGBA.
pub(super) fn resize_image(full: DynamicImage, geometries: &[Geometry]) -> Vec<DynamicImage> {
    let full = to_8_bits(full);
    let kind = match full {
        DynamicImage::ImageLuma8(_) => PixelType::U8,
        DynamicImage::ImageRgb8(_) => PixelType::U8x3,
        _ => PixelType::U8x4,
    };
    let samples = Samples {
        width: full.width(),
        height: full.height(),
        bytes: full.into_bytes(),
        kind,
        pixels_per_sample: (1.0, 1.0),
        has_alpha: kind == PixelType::U8x4,
    };
    resize_samples(samples, geometries)
}

/// Resizes pixels in 8-bit gray, RGB or RGBA to thumbnails.
pub(super) fn resize_samples(samples: Samples, geometries: &[Geometry]) -> Vec<DynamicImage> {
    let kind = samples.kind;
    let image = |(bytes, geometry): (Vec<u8>, &Geometry)| {
        let Size { width, height } = geometry.size;
        let image = match kind {
            PixelType::U8 => GrayImage::from_raw(width, height, bytes).map(Into::into),
            PixelType::U8x3 => RgbImage::from_raw(width, height, bytes).map(Into::into),
            _ => RgbaImage::from_raw(width, height, bytes).map(Into::into),
        };
        image.expect("there are as many bytes as the size requires")
    };
    resize(samples, geometries).into_iter().zip(geometries).map(image).collect()
}

/// Resizes a picture of one, three or four interleaved components that are not alpha: for each
/// thumbnail, one layer of samples per component.
pub(super) fn resize_components(
    bytes: Vec<u8>,
    full: Size,
    n_components: usize,
    geometries: &[Geometry],
) -> Vec<Vec<Vec<u8>>> {
    let kind = match n_components {
        1 => PixelType::U8,
        3 => PixelType::U8x3,
        _ => PixelType::U8x4,
    };
    let Size { width, height } = full;
    let has_alpha = false;
    let samples = Samples { bytes, width, height, kind, pixels_per_sample: (1.0, 1.0), has_alpha };
    let layers = |pixels: Vec<u8>| {
        let layer = |c| pixels.iter().skip(c).step_by(n_components).copied().collect();
        (0..n_components).map(layer).collect()
    };
    resize(samples, geometries).into_iter().map(layers).collect()
}

fn to_8_bits(mut image: DynamicImage) -> DynamicImage {
    match &mut image {
        DynamicImage::ImageRgb32F(image) => image.iter_mut().for_each(encode_linear),
        DynamicImage::ImageRgba32F(image) => {
            image.pixels_mut().for_each(|pixel| pixel.0[..3].iter_mut().for_each(encode_linear));
        }
        _ => (),
    }
    match image {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => {
            image
        }
        image if image.color().has_alpha() => image.into_rgba8().into(),
        image if image.color().has_color() => image.into_rgb8().into(),
        image => image.into_luma8().into(),
    }
}

/// Encodes a level of light as sRGB does (IEC 61966-2-1): floating-point pictures are linear.
fn encode_linear(level: &mut f32) {
    let light = level.clamp(0.0, 1.0);
    *level =
        if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
}
