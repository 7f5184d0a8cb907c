//! How large a thumbnail is, which part of the picture it shows, and making it so small.

use std::str::FromStr;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4};
use fast_image_resize::{PixelTrait, PixelType, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};

/// The box a thumbnail has to fit into, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The widest it may be.
    pub width: u32,
    /// The highest it may be.
    pub height: u32,
}

impl Size {
    /// The largest side of a box.
    pub const MAX: u32 = 16_384;

    /// A box of equal sides: the longest side of the thumbnail.
    pub const fn square(side: u32) -> Self {
        Size { width: side, height: side }
    }

    fn turned(self) -> Self {
        Size { width: self.height, height: self.width }
    }
}

impl FromStr for Size {
    type Err = String;

    /// `128`, or `256x192`.
    fn from_str(text: &str) -> Result<Self, String> {
        let pixels = |text: &str| text.parse().ok().filter(|n| (1..=Size::MAX).contains(n));
        let size = match text.split_once('x') {
            Some((width, height)) => {
                pixels(width).zip(pixels(height)).map(|(width, height)| Size { width, height })
            }
            None => pixels(text).map(Size::square),
        };
        size.ok_or_else(|| format!("a side, 128, or two, 256x192, of 1 to {}", Size::MAX))
    }
}

/// What to show of a picture, and how large, both before its orientation is applied.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    /// The part shown, in pixels of the full picture.
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    /// The size of the thumbnail.
    pub(super) size: Size,
}

impl Plan {
    /// For a full picture of `size` that is shown turned by `orientation`.
    pub(super) fn new(full: Size, orientation: Orientation, bounds: Size, crop: bool) -> Self {
        let is_turned = matches!(
            orientation,
            Orientation::Rotate90
                | Orientation::Rotate270
                | Orientation::Rotate90FlipH
                | Orientation::Rotate270FlipH
        );
        let bounds = if is_turned { bounds.turned() } else { bounds };
        let by_width = f64::from(bounds.width) / f64::from(full.width);
        let by_height = f64::from(bounds.height) / f64::from(full.height);
        let scale = if crop { by_width.max(by_height) } else { by_width.min(by_height) };
        let scale = scale.min(1.0); // never enlarged
        let size = Size {
            width: shrunk(full.width, scale).min(bounds.width),
            height: shrunk(full.height, scale).min(bounds.height),
        };
        let shown = |size: u32, full: u32| {
            if crop { (f64::from(size) / scale).min(f64::from(full)) } else { f64::from(full) }
        };
        let (width, height) = (shown(size.width, full.width), shown(size.height, full.height));
        let left = (f64::from(full.width) - width) / 2.0;
        let top = (f64::from(full.height) - height) / 2.0;
        Plan { left, top, width, height, size }
    }

    /// How many times larger than the thumbnail the part shown is, in the direction where it is
    /// least so.
    pub(super) fn ratio(&self) -> f64 {
        let by_width = self.width / f64::from(self.size.width);
        by_width.min(self.height / f64::from(self.size.height))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is in 1..=side")]
fn shrunk(side: u32, scale: f64) -> u32 {
    ((f64::from(side) * scale).round() as u32).clamp(1, side)
}

/// A picture whose samples are larger than pixels of the full picture, by these factors.
pub(super) struct Samples<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) kind: PixelType,
    pub(super) pixels_per_sample: (f64, f64),
}

/// The part of `samples` that `plan` shows, in the size it asks for.
pub(super) fn resize(samples: &Samples<'_>, plan: &Plan) -> Vec<u8> {
    let source = ImageRef::new(samples.width, samples.height, samples.bytes, samples.kind);
    let source = source.expect("a decoder gives as many bytes as its size says");
    let mut thumb = Image::new(plan.size.width, plan.size.height, samples.kind);
    let (x, y) = samples.pixels_per_sample;
    let (left, top) = (plan.left / x, plan.top / y);
    // A sum of rounding errors must not reach beyond the edge.
    let width = (plan.width / x).min(f64::from(samples.width) - left);
    let height = (plan.height / y).min(f64::from(samples.height) - top);
    let options = ResizeOptions::new().crop(left, top, width, height);
    // By type: `Resizer::resize` would have all thirteen types of pixels compiled, for two minutes.
    match samples.kind {
        PixelType::U8 => resize_pixels::<U8>(&source, &mut thumb, &options),
        PixelType::U8x3 => resize_pixels::<U8x3>(&source, &mut thumb, &options),
        _ => resize_pixels::<U8x4>(&source, &mut thumb, &options),
    }
    thumb.into_vec()
}

fn resize_pixels<P: PixelTrait>(source: &ImageRef<'_>, thumb: &mut Image<'_>, to: &ResizeOptions) {
    let source = source.typed_image::<P>().expect("P is the type of the samples");
    let mut thumb = thumb.typed_image_mut::<P>().expect("P is the type of the samples");
    let resized = Resizer::new().resize_typed(&source, &mut thumb, to);
    resized.expect("the part shown is inside");
}

/// The thumbnail of a full picture in 8 bits, gray, RGB or RGBA.
pub(super) fn image(full: DynamicImage, plan: &Plan) -> DynamicImage {
    let full = in_8_bits(full);
    let Size { width, height } = plan.size;
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
    let bytes = resize(&samples, plan);
    let image = match kind {
        PixelType::U8 => GrayImage::from_raw(width, height, bytes).map(Into::into),
        PixelType::U8x3 => RgbImage::from_raw(width, height, bytes).map(Into::into),
        _ => RgbaImage::from_raw(width, height, bytes).map(Into::into),
    };
    image.expect("as many bytes as the size says")
}

fn in_8_bits(image: DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLuma8(_) | DynamicImage::ImageRgb8(_) | DynamicImage::ImageRgba8(_) => {
            image
        }
        image if image.color().has_alpha() => image.into_rgba8().into(),
        image if image.color().has_color() => image.into_rgb8().into(),
        image => image.into_luma8().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(full: (u32, u32), bounds: &str, crop: bool) -> Plan {
        let full = Size { width: full.0, height: full.1 };
        Plan::new(full, Orientation::NoTransforms, bounds.parse().unwrap(), crop)
    }

    #[test]
    fn aspect_is_kept_and_nothing_enlarged() {
        let check = |full, bounds: &str, expected| {
            let Size { width, height } = plan(full, bounds, false).size;
            assert_eq!((width, height), expected, "{full:?} into {bounds}");
        };
        check((400, 200), "128", (128, 64));
        check((200, 400), "128", (64, 128));
        check((50, 20), "128", (50, 20));
        check((10_000, 3), "128", (128, 1));
        check((1, 1), "128", (1, 1));
        check((4000, 3000), "256x100", (133, 100));
        check((65_500, 1), "1", (1, 1));
    }

    #[test]
    fn a_crop_fills_the_box_from_the_middle() {
        let cut = plan((400, 200), "100x100", true);
        assert_eq!(cut.size, Size::square(100));
        assert_eq!((cut.left, cut.top, cut.width, cut.height), (100.0, 0.0, 200.0, 200.0));
        let small = plan((50, 300), "100x100", true);
        assert_eq!(small.size, Size { width: 50, height: 100 });
    }

    #[test]
    fn a_turned_picture_fits_the_turned_box() {
        let full = Size { width: 400, height: 200 };
        let bounds = Size { width: 100, height: 1_000 };
        let plan = Plan::new(full, Orientation::Rotate90, bounds, false);
        assert_eq!(plan.size, Size { width: 200, height: 100 });
    }

    #[test]
    fn sizes_are_read_and_nonsense_refused() {
        assert_eq!("128".parse(), Ok(Size::square(128)));
        assert_eq!("256x192".parse(), Ok(Size { width: 256, height: 192 }));
        for text in ["", "0", "-1", "x", "1x", "x1", "1x0", "1x2x3", "16385", "1.5", "1e3"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
