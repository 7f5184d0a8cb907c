//! Colours as a browser expects them: sRGB, without an embedded profile.

use image::{DynamicImage, GrayImage, Rgb, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

/// The picture in sRGB. A profile that cannot be read, or is of another kind of picture, counts as
/// none: colours slightly off are better than no thumbnail.
pub(super) fn to_srgb(image: DynamicImage, profile: Option<&[u8]>) -> DynamicImage {
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    match profile.and_then(|profile| converted(&image, &profile)) {
        Some(converted) => converted,
        None => image,
    }
}

fn converted(image: &DynamicImage, profile: &ColorProfile) -> Option<DynamicImage> {
    let (width, height) = (image.width(), image.height());
    match (image, profile.color_space) {
        (DynamicImage::ImageRgb8(image), DataColorSpace::Rgb) => {
            let bytes = transform(profile, Layout::Rgb, Layout::Rgb, image, 3)?;
            RgbImage::from_raw(width, height, bytes).map(Into::into)
        }
        (DynamicImage::ImageRgba8(image), DataColorSpace::Rgb) => {
            let bytes = transform(profile, Layout::Rgba, Layout::Rgba, image, 4)?;
            RgbaImage::from_raw(width, height, bytes).map(Into::into)
        }
        (DynamicImage::ImageLuma8(image), DataColorSpace::Gray) => {
            let bytes = transform(profile, Layout::Gray, Layout::Rgb, image, 3)?;
            let gray = bytes.chunks_exact(3).map(|pixel| pixel[1]).collect();
            GrayImage::from_raw(width, height, gray).map(Into::into)
        }
        _ => None,
    }
}

/// `n_bytes` is what a pixel takes in `to`.
fn transform(
    profile: &ColorProfile,
    from: Layout,
    to: Layout,
    pixels: &[u8],
    n_bytes: usize,
) -> Option<Vec<u8>> {
    let srgb = ColorProfile::new_srgb();
    let options = TransformOptions::default();
    let transform = profile.create_transform_8bit(from, &srgb, to, options).ok()?;
    let mut converted = vec![0; pixels.len() / from.channels() * n_bytes];
    transform.transform(pixels, &mut converted).ok()?;
    Some(converted)
}

/// The picture on white, for a format that knows no transparency.
pub(super) fn on_white(image: &RgbaImage) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, alpha] = image.get_pixel(x, y).0.map(u16::from);
        let blend = |c: u16| u8::try_from((c * alpha + 255 * (255 - alpha) + 127) / 255);
        Rgb([r, g, b].map(|c| blend(c).unwrap_or(u8::MAX)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgba;

    #[test]
    fn transparency_shows_white() {
        let pixel = |rgba| on_white(&RgbaImage::from_pixel(1, 1, Rgba(rgba))).get_pixel(0, 0).0;
        assert_eq!(pixel([1, 2, 3, 0]), [255; 3]);
        assert_eq!(pixel([1, 2, 3, 255]), [1, 2, 3]);
        assert_eq!(pixel([0, 255, 100, 128]), [127, 255, 177]);
        assert_eq!(pixel([255, 255, 255, 77]), [255; 3]);
    }

    #[test]
    fn a_wide_gamut_becomes_srgb() {
        let profile = ColorProfile::new_display_p3().encode().unwrap();
        let image = RgbImage::from_pixel(2, 1, Rgb([100, 200, 100]));
        let converted = to_srgb(image.into(), Some(&profile)).into_rgb8();
        let [r, g, b] = converted.get_pixel(1, 0).0;
        assert!(r < 75 && (195..=215).contains(&g) && b < 100, "{r} {g} {b}");
    }

    #[test]
    fn a_useless_profile_changes_nothing() {
        let image = DynamicImage::from(RgbImage::from_pixel(1, 1, Rgb([1, 2, 3])));
        assert_eq!(to_srgb(image.clone(), Some(b"nonsense")), image);
        let gray = ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
        assert_eq!(to_srgb(image.clone(), Some(&gray)), image);
        assert_eq!(to_srgb(image.clone(), None), image);
    }
}
