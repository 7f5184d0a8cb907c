//! Orientation and colours are read by one rule, whatever the size of the thumbnail and the format.

use std::io::Write;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage};
use moxcms::ColorProfile;
use tempfile::TempDir;

use super::{assert_color, bytes, folder, jpeg, open, oriented, quarters, thumbnail};

/// Each size uses another code path: a decode at an eighth, at a quarter, and in full.
const SIDES: [u32; 3] = [20, 40, 128];

fn thumb(dir: &TempDir, name: &str, side: u32) -> DynamicImage {
    let output = format!("out-{side}-{{stem}}.png");
    let side = side.to_string();
    let made = thumbnail(dir, &["--force", "--format", "png", "-s", &side, "-o", &output, name]);
    assert_eq!((made.code(), &*made.stderr), (0, ""), "{name}");
    open(&dir.path().join(made.lines()[0]))
}

/// Inserts a segment behind the JFIF segment.
fn with_segment(jpeg: &[u8], segment: &[u8]) -> Vec<u8> {
    assert_eq!(&jpeg[2..11], b"\xFF\xE0\0\x10JFIF\0");
    [&jpeg[..20], segment, &jpeg[20..]].concat()
}

/// Pillow 13.0, libvips 8.14 and `GraphicsMagick` 1.3.40 all use the first of two EXIF segments.
#[test]
fn the_first_exif_segment_counts_at_every_size() {
    let upright_first = oriented(&oriented(&jpeg(200, 100), 6), 1);
    let turned_first = oriented(&oriented(&jpeg(200, 100), 1), 6);
    let dir = folder(&[("upright.jpg", &upright_first), ("turned.jpg", &turned_first)]);
    for side in SIDES {
        let sizes = ["upright.jpg", "turned.jpg"].map(|name| {
            let thumb = thumb(&dir, name, side);
            (thumb.width(), thumb.height())
        });
        assert_eq!(sizes, [(side, side / 2), (side / 2, side)]);
    }
}

/// A JFIF file is in YCbCr (JFIF 1.02, page 2), so libjpeg-turbo ignores an Adobe segment and the
/// names of the components in it.
#[test]
fn a_jfif_file_is_in_ycbcr_at_every_size() {
    let plain =
        bytes(&RgbImage::from_pixel(200, 200, Rgb([88, 204, 41])).into(), ImageFormat::Jpeg);
    let adobe = with_segment(&plain, b"\xFF\xEE\0\x0EAdobe\0\x64\0\0\0\0\0");
    let mut named = plain.clone();
    let frame = named.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    let scan = named.windows(2).position(|marker| marker == [0xFF, 0xDA]).unwrap();
    for (i, name) in b"RGB".iter().enumerate() {
        named[frame + 10 + 3 * i] = *name;
        named[scan + 5 + 2 * i] = *name;
    }
    let dir = folder(&[("plain.jpg", &plain), ("adobe.jpg", &adobe), ("named.jpg", &named)]);
    for side in SIDES {
        for name in ["plain.jpg", "adobe.jpg", "named.jpg"] {
            assert_color(&thumb(&dir, name, side), (10, 10), [88, 204, 41]);
        }
    }
}

/// The WebP with an EXIF chunk (WebP container specification, "Extended file format").
fn webp_with_exif(image: &RgbImage, exif: &[u8]) -> Vec<u8> {
    let webp = bytes(&image.clone().into(), ImageFormat::WebP);
    let chunk = |name: &[u8], body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [name, &length, body, &vec![0; body.len() % 2]].concat()
    };
    let side = |side: u32| (side - 1).to_le_bytes();
    let (width, height) = (side(image.width()), side(image.height()));
    let header = [&[8, 0, 0, 0], &width[..3], &height[..3]].concat();
    let body = [b"WEBP", &chunk(b"VP8X", &header)[..], &webp[12..], &chunk(b"EXIF", exif)].concat();
    chunk(b"RIFF", &body)
}

#[test]
fn a_webp_is_turned_with_and_without_the_name_of_the_chunk() {
    let exif = &oriented(&jpeg(8, 8), 6)[6..];
    let exif = &exif[..32];
    let dir = folder(&[
        ("named.webp", &webp_with_exif(&quarters(96, 64), exif)),
        ("plain.webp", &webp_with_exif(&quarters(96, 64), &exif[6..])),
    ]);
    for name in ["named.webp", "plain.webp"] {
        let thumb = thumb(&dir, name, 128);
        assert_eq!((thumb.width(), thumb.height()), (64, 96), "{name}");
        assert_color(&thumb, (16, 16), [0, 0, 255]);
    }
}

/// How the samples of a TIFF are stored.
#[derive(Clone, Copy)]
struct Tiff<'a> {
    /// 1 for gray, 2 for RGB, 5 for CMYK (TIFF 6.0, section 8 and 16).
    photometric: u16,
    /// Meaning of the channels beside the colours: 0 unspecified, 1 premultiplied alpha.
    extra: &'a [u16],
    is_predicted: bool,
    is_16_bits: bool,
}

const RGBX: Tiff<'static> =
    Tiff { photometric: 2, extra: &[0], is_predicted: true, is_16_bits: false };

impl Tiff<'_> {
    /// A file with one compressed strip; `pixel` has the samples at a place.
    fn encode(self, (width, height): (u32, u32), pixel: impl Fn(u32, u32) -> Vec<u8>) -> Vec<u8> {
        let n = pixel(0, 0).len();
        let mut samples: Vec<u16> = Vec::new();
        for y in 0..height {
            let row: Vec<u16> = (0..width)
                .flat_map(|x| pixel(x, y))
                .map(|sample| u16::from(sample) * if self.is_16_bits { 257 } else { 1 })
                .collect();
            let before = |i: usize| if i < n || !self.is_predicted { 0 } else { row[i - n] };
            samples.extend((0..row.len()).map(|i| row[i].wrapping_sub(before(i))));
        }
        let n_bytes = if self.is_16_bits { 2 } else { 1 };
        let samples = samples.iter().flat_map(|sample| sample.to_le_bytes()[..n_bytes].to_vec());
        let mut strip = ZlibEncoder::new(Vec::new(), Compression::default());
        strip.write_all(&samples.collect::<Vec<u8>>()).unwrap();
        let strip = strip.finish().unwrap();
        let short = |value: usize| u32::try_from(value).unwrap();
        // Values of more than four bytes follow the header.
        let bits = [8 * n_bytes.to_le_bytes()[0], 0].repeat(n);
        let bits_or_offset = if n > 2 { 8 } else { short(8 * n_bytes) * 0x1_0001 };
        let predictor = if self.is_predicted { 2 } else { 1 };
        let offset = short(8 + bits.len() + strip.len());
        let n_extra = short(self.extra.len());
        let extra = u32::from(self.extra.first().copied().unwrap_or_default());
        let entries: [[u32; 4]; 12] = [
            [256, 4, 1, width],
            [257, 4, 1, height],
            [258, 3, short(n), bits_or_offset],
            [259, 3, 1, 8], // Deflate
            [262, 3, 1, self.photometric.into()],
            [273, 4, 1, short(8 + bits.len())],
            [277, 3, 1, short(n)],
            [278, 4, 1, height],
            [279, 4, 1, short(strip.len())],
            [284, 3, 1, 1],
            [317, 3, 1, predictor],
            [338, 3, n_extra, extra],
        ];
        let entries = &entries[..if n_extra > 0 { 12 } else { 11 }];
        let mut file = [b"II*\0", &offset.to_le_bytes()[..], &bits, &strip].concat();
        file.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
        for [tag, kind, count, value] in entries {
            file.extend(&tag.to_le_bytes()[..2]);
            file.extend(&kind.to_le_bytes()[..2]);
            file.extend(count.to_le_bytes());
            file.extend(value.to_le_bytes());
        }
        file.extend([0; 4]);
        file
    }
}

/// Differences of all channels are added up (TIFF 6.0, section 14), whatever an extra one means.
#[test]
fn a_tiff_with_a_channel_beside_the_colours_keeps_them() {
    let picture = quarters(60, 40);
    let rgbx = |x, y| [&picture.get_pixel(x, y).0[..], &[u8::try_from(x * 4).unwrap()]].concat();
    let cmykx = |x, y| {
        let inks = picture.get_pixel(x, y).0.map(|color| 255 - color);
        [&inks[..], &[0, u8::try_from(y * 6).unwrap()]].concat()
    };
    for is_16_bits in [false, true] {
        for is_predicted in [false, true] {
            let rgbx = Tiff { is_predicted, is_16_bits, ..RGBX }.encode((60, 40), rgbx);
            let cmyk = Tiff { photometric: 5, is_predicted, is_16_bits, ..RGBX };
            let dir = folder(&[("rgbx.tif", &rgbx), ("cmykx.tif", &cmyk.encode((60, 40), cmykx))]);
            for name in ["rgbx.tif", "cmykx.tif"] {
                let thumb = thumb(&dir, name, 60);
                assert_color(&thumb, (15, 10), [255, 0, 0]);
                assert_color(&thumb, (45, 10), [0, 255, 0]);
                assert_color(&thumb, (15, 30), [0, 0, 255]);
                assert_color(&thumb, (45, 30), [255; 3]);
            }
        }
    }
}

/// Premultiplied alpha (TIFF 6.0, section 18): the colour is 200, 100, 50 at every opacity.
#[test]
fn a_tiff_with_premultiplied_alpha_is_not_dark() {
    for (is_16_bits, photometric, color) in [(false, 2, [200, 100, 50]), (true, 1, [200; 3])] {
        let alpha = |x: u32| if x < 20 { 255 } else { 128 };
        let scaled = |x: u32, color: u8| u8::try_from(u32::from(color) * alpha(x) / 255).unwrap();
        let n_colors = if photometric == 2 { 3 } else { 1 };
        let pixel = |x: u32, _| {
            let colors = color[..n_colors].iter().map(|&color| scaled(x, color));
            colors.chain([u8::try_from(alpha(x)).unwrap()]).collect()
        };
        let tiff = Tiff { photometric, extra: &[1], is_predicted: false, is_16_bits };
        let dir = folder(&[("a.tif", &tiff.encode((40, 20), pixel))]);
        let thumb = thumb(&dir, "a.tif", 40);
        assert_color(&thumb, (10, 10), color);
        assert_color(&thumb, (30, 10), color);
        assert_eq!(thumb.to_rgba8().get_pixel(30, 10).0[3], 128);
        assert_eq!(thumbnail(&dir, &["a.tif"]).code(), 0);
        let on_white = color.map(|color| color / 2 + 127);
        assert_color(&open(&dir.path().join("a.thumb.jpg")), (30, 10), on_white);
    }
}

#[test]
fn a_gray_profile_is_used_with_and_without_alpha() {
    let profile = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let png = |pixels: &[u8], kind| {
        let mut file = Vec::new();
        let mut encoder = PngEncoder::new(&mut file);
        encoder.set_icc_profile(profile.clone()).unwrap();
        encoder.write_image(pixels, 40, 40, kind).unwrap();
        file
    };
    let gray = png(&[55; 1_600], ExtendedColorType::L8);
    let with_alpha = png(&[55, 255].repeat(1_600), ExtendedColorType::La8);
    let dir = folder(&[("gray.png", &gray), ("alpha.png", &with_alpha)]);
    // Linear 55 / 255 is 0.503 in sRGB (IEC 61966-2-1): 128.
    for name in ["gray.png", "alpha.png"] {
        let level = thumb(&dir, name, 40).to_rgb8().get_pixel(20, 20).0;
        assert!(level.iter().all(|level| level.abs_diff(128) <= 1), "{name} {level:?}");
    }
}

/// Made with cjpeg of libjpeg-turbo 2.1.5 from one colour, `-sample 1x1,2x2,2x2` and
/// `-sample 3x1,1x1,1x1`.
#[test]
fn unusual_sampling_factors_have_the_right_colours_at_every_size() {
    let fine_chroma = include_bytes!("data/fine-chroma.jpg");
    let odd_luma = include_bytes!("data/odd-luma.jpg");
    let dir = folder(&[("fine-chroma.jpg", fine_chroma), ("odd-luma.jpg", odd_luma)]);
    for side in [6, 12, 24, 48] {
        for name in ["fine-chroma.jpg", "odd-luma.jpg"] {
            assert_color(&thumb(&dir, name, side), (3, 3), [88, 204, 41]);
        }
    }
}
