//! Conversion of colours to sRGB, so that a thumbnail needs no embedded colour profile.

use image::{DynamicImage, GrayImage, Rgb, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::geometry::Geometry;
use super::jpeg::ColorSpace;
use super::size::Size;

/// Makes pictures in gray or RGB from one layer of samples per component; also returns the profile
/// if it has still to be applied.
pub(super) fn from_layers(
    geometries: &[Geometry],
    layers: Vec<Vec<Vec<u8>>>,
    color_space: ColorSpace,
    profile: Option<Vec<u8>>,
) -> (Vec<DynamicImage>, Option<Vec<u8>>) {
    let is_cmyk = matches!(color_space, ColorSpace::Cmyk | ColorSpace::Ycck);
    let picture = |(layers, geometry): (Vec<Vec<u8>>, &Geometry)| {
        picture(geometry.size, layers, color_space, profile.as_deref())
    };
    let pictures = layers.into_iter().zip(geometries).map(picture).collect();
    (pictures, profile.filter(|_| !is_cmyk))
}

/// A picture in gray or RGB; `profile` is applied to CMYK only.
fn picture(
    Size { width, height }: Size,
    layers: Vec<Vec<u8>>,
    color_space: ColorSpace,
    profile: Option<&[u8]>,
) -> DynamicImage {
    let pixel = |i: usize| [0, 1, 2].map(|c| layers[c][i]);
    let n = layers[0].len();
    let rgb: Vec<u8> = match color_space {
        ColorSpace::Gray => {
            let gray =
                layers.into_iter().next().and_then(|y| GrayImage::from_raw(width, height, y));
            return gray.expect("there are as many bytes as the size requires").into();
        }
        ColorSpace::Rgb => (0..n).flat_map(pixel).collect(),
        ColorSpace::YCbCr => (0..n).flat_map(|i| ycbcr_to_rgb(pixel(i))).collect(),
        ColorSpace::Cmyk | ColorSpace::Ycck => {
            let is_ycck = color_space == ColorSpace::Ycck;
            let inks = (0..n).flat_map(|i| {
                // Adobe computes YCbCr from C, M and Y (255 is full ink) as if from R, G and B.
                let inverted = || ycbcr_to_rgb(pixel(i)).map(|c| 255 - c);
                let [c, m, y] = if is_ycck { inverted() } else { pixel(i) };
                [c, m, y, layers[3][i]]
            });
            cmyk_to_rgb(&inks.collect::<Vec<_>>(), profile)
        }
    };
    rgb_image(width, height, rgb)
}

fn rgb_image(width: u32, height: u32, rgb: Vec<u8>) -> DynamicImage {
    RgbImage::from_raw(width, height, rgb)
        .expect("there are as many bytes as the size requires")
        .into()
}

/// The conversion that JFIF 1.02 defines, in fixed point with 16 fractional bits.
fn ycbcr_to_rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (i32::from(y) << 16, i32::from(cb) - 128, i32::from(cr) - 128);
    let rgb = [y + 91_881 * cr, y - 22_554 * cb - 46_802 * cr, y + 116_130 * cb];
    rgb.map(|c| u8::try_from(((c + (1 << 15)) >> 16).clamp(0, 255)).unwrap_or_default())
}

/// Converts inks as Adobe stores them, 255 for none, to RGB: by `profile`, or without one as if
/// each ink were an ideal filter.
fn cmyk_to_rgb(inks: &[u8], profile: Option<&[u8]>) -> Vec<u8> {
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    if let Some(profile) = profile.filter(|profile| profile.color_space == DataColorSpace::Cmyk) {
        let inverted: Vec<u8> = inks.iter().map(|ink| 255 - ink).collect();
        if let Some(rgb) = transform(&profile, Layout::Rgba, Layout::Rgb, &inverted, 3) {
            return rgb;
        }
    }
    let product = |ink: u8, k: u8| (u16::from(ink) * u16::from(k) + 127) / 255;
    let pixels = inks.chunks_exact(4);
    let rgb = pixels.flat_map(|p| [0, 1, 2].map(|c| product(p[c], p[3])));
    rgb.map(|c| u8::try_from(c).unwrap_or(u8::MAX)).collect()
}

/// Converts the picture to sRGB. A profile that is invalid, or made for another kind of picture, is
/// ignored: slightly wrong colours are better than no thumbnail.
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
        (DynamicImage::ImageRgba8(image), DataColorSpace::Gray) => {
            // A gray picture with alpha: its three colours are the same.
            let gray: Vec<u8> = image.pixels().map(|pixel| pixel.0[1]).collect();
            let bytes = transform(profile, Layout::Gray, Layout::Rgb, &gray, 3)?;
            let pixels = bytes.chunks_exact(3).zip(image.pixels());
            let rgba = pixels.flat_map(|(rgb, pixel)| [rgb[1], rgb[1], rgb[1], pixel.0[3]]);
            RgbaImage::from_raw(width, height, rgba.collect()).map(Into::into)
        }
        (DynamicImage::ImageLuma8(image), DataColorSpace::Gray) => {
            let bytes = transform(profile, Layout::Gray, Layout::Rgb, image, 3)?;
            let gray = bytes.chunks_exact(3).map(|pixel| pixel[1]).collect();
            GrayImage::from_raw(width, height, gray).map(Into::into)
        }
        _ => None,
    }
}

/// Converts pixels to sRGB; `n_bytes` is the size of a pixel in layout `to`. `None` if the profile
/// does not fit the layout.
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

/// The picture on a white background, for formats without transparency.
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
    fn transparent_pixels_become_white() {
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
    fn an_unusable_profile_changes_nothing() {
        let image = DynamicImage::from(RgbImage::from_pixel(1, 1, Rgb([1, 2, 3])));
        assert_eq!(to_srgb(image.clone(), Some(b"nonsense")), image);
        let gray = ColorProfile::new_gray_with_gamma(2.2).encode().unwrap();
        assert_eq!(to_srgb(image.clone(), Some(&gray)), image);
        assert_eq!(to_srgb(image.clone(), None), image);
    }
}
