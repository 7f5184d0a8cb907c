//! Kinds of files that cameras, scanners and editors write, beside the most frequent ones.

use std::fs;
use std::io::{Cursor, Write};

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tempfile::TempDir;
use tiff::encoder::{TiffEncoder, colortype};

use super::{assert_color, bytes, folder, jpeg, open, quarters, thumbnail};

/// The thumbnail, and what was said on stderr.
fn thumb(dir: &TempDir, name: &str, side: u32) -> (DynamicImage, String) {
    let side = side.to_string();
    let made = thumbnail(
        dir,
        &["--format", "png", "-s", &side, "-o", "thumb-{stem}.png", "--force", name],
    );
    assert_eq!(made.lines().len(), 1, "{name} {made:?}");
    (open(&dir.path().join(made.lines()[0])), made.stderr)
}

#[track_caller]
fn assert_quarters(thumb: &DynamicImage) {
    let (x, y) = (thumb.width() / 4, thumb.height() / 4);
    assert_color(thumb, (x, y), [255, 0, 0]);
    assert_color(thumb, (3 * x, y), [0, 255, 0]);
    assert_color(thumb, (x, 3 * y), [0, 0, 255]);
    assert_color(thumb, (3 * x, 3 * y), [255; 3]);
}

/// A TIFF with these entries (TIFF 6.0, section 2: tag, type, number and value) and bytes, which begin
/// at offset 8.
fn tiff(entries: &[[u32; 4]], bytes: &[u8]) -> Vec<u8> {
    let offset = u32::try_from(8 + bytes.len()).unwrap();
    let mut file = [b"II*\0", &offset.to_le_bytes()[..], bytes].concat();
    file.extend(u16::try_from(entries.len()).unwrap().to_le_bytes());
    for [tag, kind, count, value] in entries {
        file.extend(&tag.to_le_bytes()[..2]);
        file.extend(&kind.to_le_bytes()[..2]);
        file.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
    }
    file.extend([0; 4]);
    file
}

/// A picture of 40 x 20 pixels that are numbers of these bits: 0 and 1 above, 2 and 3 below.
fn packed(bits: u8) -> Vec<u8> {
    let per_byte = 8 / u32::from(bits);
    let value = |x: u32, y: u32| x / 20 + y / 10 * 2;
    let byte = |x: u32, y: u32| {
        let byte = (0..per_byte).fold(0, |byte, i| byte << bits | value(x + i, y));
        u8::try_from(byte).unwrap()
    };
    (0..20).flat_map(|y| (0..40 / per_byte).map(move |i| byte(i * per_byte, y))).collect()
}

fn with_palette(bits: u8) -> Vec<u8> {
    let n = 1 << bits;
    let levels = [[255, 0, 0, 255], [0, 255, 0, 255], [0, 0, 255, 255]].map(|mut levels| {
        levels.reverse();
        let mut map = vec![0; n];
        levels.iter().rev().enumerate().for_each(|(i, level)| map[i] = level * 257);
        map
    });
    let map: Vec<u8> = levels.concat().iter().flat_map(|level: &u16| level.to_le_bytes()).collect();
    let short = |n: usize| u32::try_from(n).unwrap();
    let pixels = packed(bits);
    let entries = [
        [256, 3, 1, 40],
        [257, 3, 1, 20],
        [258, 3, 1, bits.into()],
        [259, 3, 1, 1],
        [262, 3, 1, 3], // palette
        [273, 4, 1, short(8 + map.len())],
        [277, 3, 1, 1],
        [278, 3, 1, 20],
        [279, 4, 1, short(pixels.len())],
        [320, 3, short(3 * n), 8],
    ];
    tiff(&entries, &[map, pixels].concat())
}

/// TIFF 6.0, section 5; Pillow 13.0 and libvips 8.14 write them.
#[test]
fn a_tiff_with_a_palette_has_its_colours() {
    for bits in [2, 4, 8] {
        let dir = folder(&[("a.tif", &with_palette(bits))]);
        let (thumb, message) = thumb(&dir, "a.tif", 40);
        assert_eq!(message, "");
        assert_quarters(&thumb);
    }
}

fn gray(bits: u8, photometric: u32) -> Vec<u8> {
    let pixels = packed(bits.min(8));
    let n_bytes = u32::try_from(pixels.len()).unwrap();
    let entries = [
        [256, 3, 1, 40],
        [257, 3, 1, 20],
        [258, 3, 1, bits.into()],
        [259, 3, 1, 1],
        [262, 3, 1, photometric],
        [273, 4, 1, 8],
        [277, 3, 1, 1],
        [278, 3, 1, 20],
        [279, 4, 1, n_bytes],
    ];
    tiff(&entries, &pixels)
}

#[test]
fn a_gray_tiff_may_have_two_or_four_bits() {
    for (bits, max) in [(2, 3u8), (4, 15)] {
        for white_is_zero in [false, true] {
            let file = gray(bits, u32::from(!white_is_zero));
            let dir = folder(&[("a.tif", &file)]);
            let thumb = thumb(&dir, "a.tif", 40).0.into_luma8();
            let level = |n: u8| if white_is_zero { 255 - n * (255 / max) } else { n * (255 / max) };
            for (n, (x, y)) in (0..).zip([(10, 5), (30, 5), (10, 15), (30, 15)]) {
                assert!(thumb.get_pixel(x, y).0[0].abs_diff(level(n)) <= 1, "{bits} {n}");
            }
        }
    }
}

/// The `image` crate takes such numbers for floating-point ones.
#[test]
fn a_tiff_may_have_32_bits() {
    let mut file = Cursor::new(Vec::new());
    let pixels: Vec<u32> =
        quarters(40, 20).as_raw().iter().map(|&level| u32::from(level) * 0x0101_0101).collect();
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    encoder.write_image::<colortype::RGB32>(40, 20, &pixels).unwrap();
    let dir = folder(&[("a.tif", &file.into_inner())]);
    assert_quarters(&thumb(&dir, "a.tif", 40).0);
}

/// TIFF 6.0, section 8 (`FillOrder`).
#[test]
fn a_tiff_may_have_the_lowest_bit_first() {
    let reversed = packed(4).iter().map(|byte| byte.reverse_bits()).collect::<Vec<_>>();
    let n_bytes = u32::try_from(reversed.len()).unwrap();
    let file = |compression| {
        let entries = [
            [256, 3, 1, 40],
            [257, 3, 1, 20],
            [258, 3, 1, 4],
            [259, 3, 1, compression],
            [262, 3, 1, 1],
            [266, 3, 1, 2],
            [273, 4, 1, 8],
            [277, 3, 1, 1],
            [278, 3, 1, 20],
            [279, 4, 1, n_bytes],
        ];
        tiff(&entries, &reversed)
    };
    let dir = folder(&[("a.tif", &file(1)), ("b.tif", &file(32_773))]);
    let thumb = thumb(&dir, "a.tif", 40).0.into_luma8();
    for (n, (x, y)) in (0..).zip([(10, 5), (30, 5), (10, 15), (30, 15)]) {
        assert!(thumb.get_pixel(x, y).0[0].abs_diff(17 * n) <= 1, "{n}");
    }
    let refused = thumbnail(&dir, &["b.tif"]);
    assert!(refused.stderr.contains("PackBits, lowest bit first) is not supported"), "{refused:?}");
}

/// JPEG in TIFF (TIFF Technical Note 2): the strip is a JPEG in YCbCr.
#[test]
fn a_bigtiff_and_a_jpeg_in_a_tiff_are_decoded() {
    let picture = quarters(40, 20);
    let mut big = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new_big(&mut big).unwrap();
    encoder.write_image::<colortype::RGB8>(40, 20, picture.as_raw()).unwrap();
    let strip = bytes(&picture.into(), ImageFormat::Jpeg);
    let n_bytes = u32::try_from(strip.len()).unwrap();
    let entries = [
        [256, 3, 1, 40],
        [257, 3, 1, 20],
        [258, 3, 3, 8],
        [259, 3, 1, 7], // JPEG
        [262, 3, 1, 6], // YCbCr
        [273, 4, 1, 14],
        [277, 3, 1, 3],
        [278, 3, 1, 20],
        [279, 4, 1, n_bytes],
    ];
    let jpeg = tiff(&entries, &[&[8, 0, 8, 0, 8, 0], &strip[..]].concat());
    let dir = folder(&[("big.tif", &big.into_inner()), ("jpeg.tif", &jpeg)]);
    for name in ["big.tif", "jpeg.tif"] {
        let (thumb, message) = thumb(&dir, name, 40);
        assert_eq!(message, "", "{name}");
        assert_quarters(&thumb);
    }
}

/// TIFF 6.0, section 18 (associated alpha) and `PlanarConfiguration`; as libtiff's `tiffcp -p separate`
/// writes it, and libvips 8.14 reads it.
#[test]
fn colours_of_planes_are_divided_by_their_alpha() {
    let alpha = 128;
    let picture = quarters(40, 20);
    let premultiplied = |c: usize| {
        let levels = picture.pixels().map(move |pixel| u16::from(pixel.0[c]) * alpha / 255);
        levels.collect::<Vec<u16>>()
    };
    let planes = [premultiplied(0), premultiplied(1), premultiplied(2), vec![alpha; 800]];
    for bytes in [1u32, 2] {
        let sample = |level: &u16| match bytes {
            1 => level.to_le_bytes()[..1].to_vec(),
            _ => (level * 257).to_le_bytes().to_vec(),
        };
        let samples: Vec<u8> = planes.concat().iter().flat_map(sample).collect();
        let longs = |values: [u32; 4]| values.map(u32::to_le_bytes).concat();
        let bits = [u16::try_from(8 * bytes).unwrap().to_le_bytes(); 4].concat();
        let offsets = longs([0, 1, 2, 3].map(|i| 48 + i * 800 * bytes));
        let counts = longs([800 * bytes; 4]);
        let entries = [
            [256, 3, 1, 40],
            [257, 3, 1, 20],
            [258, 3, 4, 8],
            [259, 3, 1, 1],
            [262, 3, 1, 2], // RGB
            [273, 4, 4, 16],
            [277, 3, 1, 4],
            [278, 3, 1, 20],
            [279, 4, 4, 32],
            [284, 3, 1, 2], // planes
            [338, 3, 1, 1], // premultiplied alpha
        ];
        let dir = folder(&[("a.tif", &tiff(&entries, &[bits, offsets, counts, samples].concat()))]);
        let (thumb, message) = thumb(&dir, "a.tif", 40);
        assert_eq!((&*message, thumb.to_rgba8().get_pixel(10, 5).0[3]), ("", 128));
        assert_quarters(&thumb);
    }
}

#[test]
fn what_a_tiff_needs_is_named_where_it_is_not_supported() {
    let dir = folder(&[("a.tif", &gray(12, 1))]);
    thumbnail(&dir, &["a.tif"]).is(
        1,
        "",
        "thumbnail: a.tif: this kind of TIFF (gray, 12 bits per sample, uncompressed) is not \
         supported\n",
    );
}

/// libvips 8.14, `GraphicsMagick` 1.3.40 and Go 1.26 skip bytes between markers, as T.81 has fill
/// bytes there.
#[test]
fn a_byte_between_two_markers_is_skipped_at_every_size() {
    let mut file = jpeg(160, 160);
    file.insert(2, 0);
    let dir = folder(&[("a.jpg", &file)]);
    for side in [16, 32, 128] {
        assert_quarters(&thumb(&dir, "a.jpg", side).0);
    }
}

#[test]
fn a_bmp_of_os2_is_decoded() {
    let mut file = bytes(&quarters(40, 20).into(), ImageFormat::Bmp);
    file.splice(54..54, [0; 24]);
    (file[10], file[14]) = (78, 64);
    let dir = folder(&[("a.bmp", &file)]);
    assert_quarters(&thumb(&dir, "a.bmp", 40).0);
}

/// The seven passes (PNG, third edition, 8.1): distance and first pixel, horizontally and vertically.
const PASSES: [[usize; 4]; 7] = [
    [8, 0, 8, 0],
    [8, 4, 8, 0],
    [4, 0, 8, 4],
    [4, 2, 4, 0],
    [2, 0, 4, 2],
    [2, 1, 2, 0],
    [1, 0, 2, 1],
];

fn interlaced(image: &RgbImage) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let mut passes = ZlibEncoder::new(Vec::new(), Compression::none());
    for [x, left, y, top] in PASSES {
        for y in (top..height as usize).step_by(y) {
            passes.write_all(&[0]).unwrap(); // no filter
            for x in (left..width as usize).step_by(x) {
                let at = (u32::try_from(x).unwrap(), u32::try_from(y).unwrap());
                passes.write_all(&image.get_pixel(at.0, at.1).0).unwrap();
            }
        }
    }
    let chunk = |name: &[u8], data: &[u8]| {
        let mut crc = Crc::new();
        crc.update(name);
        crc.update(data);
        let length = u32::try_from(data.len()).unwrap().to_be_bytes();
        [&length, name, data, &crc.sum().to_be_bytes()].concat()
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 1]].concat();
    let (header, data) = (chunk(b"IHDR", &header), chunk(b"IDAT", &passes.finish().unwrap()));
    [b"\x89PNG\r\n\x1A\n", &header[..], &data, &chunk(b"IEND", b"")].concat()
}

#[test]
fn an_interlaced_png_that_is_cut_off_shows_its_first_passes() {
    let file = interlaced(&quarters(256, 128));
    let dir = folder(&[("whole.png", &file), ("cut.png", &file[..file.len() * 15 / 100])]);
    for side in [32, 100, 256] {
        let (thumb, message) = thumb(&dir, "whole.png", side);
        assert_eq!(message, "");
        assert_quarters(&thumb);
    }
    // The first pass, a 64th of the pixels, has all that a thumbnail at an eighth shows; and the
    // third pass, a 16th, all at a quarter.
    for side in [32, 64] {
        let (thumb, message) = thumb(&dir, "cut.png", side);
        assert_eq!(message, "thumbnail: cut.png: damaged: the end of the file is missing\n");
        assert_quarters(&thumb);
    }
    let (thumb, message) = thumb(&dir, "cut.png", 128);
    assert_eq!(message, "thumbnail: cut.png: damaged: only 59 % of the picture could be decoded\n");
    assert_quarters(&thumb);
    assert_eq!(thumbnail(&dir, &["-s", "256", "cut.png"]).code(), 1);
}

/// A GIF (`GIF89a`, 20 and Appendix E) with its rows in four passes, and codes of 9 bits only: the table
/// is cleared before it needs more.
fn interlaced_gif(image: &RgbImage) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let passes = [(0, 8), (4, 8), (2, 4), (1, 2)];
    let rows = passes.iter().flat_map(|&(first, step)| (first..height).step_by(step));
    // A palette of 2 levels for each colour.
    let index = |pixel: &Rgb<u8>| pixel.0.iter().fold(0, |n, level| n << 1 | u32::from(level >> 7));
    let pixels = rows.flat_map(|y| (0..width).map(move |x| index(image.get_pixel(x, y))));
    let (mut bits, mut n_bits, mut data) = (0u32, 0, Vec::new());
    let mut put = |code: u32| {
        bits |= code << n_bits;
        n_bits += 9;
        while n_bits >= 8 {
            data.push(bits.to_le_bytes()[0]);
            (bits, n_bits) = (bits >> 8, n_bits - 8);
        }
    };
    for (i, index) in pixels.enumerate() {
        if i % 250 == 0 {
            put(256);
        }
        put(index);
    }
    [257, 0].into_iter().for_each(&mut put); // the end, and its last bits
    let le = |side: u32| u16::try_from(side).unwrap().to_le_bytes();
    let size = [le(width), le(height)].concat();
    let palette = (0..256).flat_map(|i| [4, 2, 1].map(|bit| if i & bit == 0 { 0 } else { 255 }));
    let blocks =
        data.chunks(255).flat_map(|data| [&[u8::try_from(data.len()).unwrap()], data].concat());
    let header = [b"GIF89a", &size[..], &[0xF7, 0, 0]].concat();
    let descriptor = [&[0x2C, 0, 0, 0, 0], &size[..], &[0x40, 8]].concat(); // interlaced
    let file = header.into_iter().chain(palette).chain(descriptor).chain(blocks);
    file.chain([0, 0x3B]).collect()
}

#[test]
fn an_interlaced_gif_that_is_cut_off_is_said_to_have_its_rows() {
    let file = interlaced_gif(&quarters(128, 64));
    let header = 13 + 768;
    let dir = folder(&[("whole.gif", &file)]);
    let (thumb_of_whole, message) = thumb(&dir, "whole.gif", 128);
    assert_eq!(message, "");
    assert_quarters(&thumb_of_whole);
    for percent in [15, 30, 50, 75] {
        let cut = header + (file.len() - header) * percent / 100;
        fs::write(dir.path().join("cut.gif"), &file[..cut]).unwrap();
        let made = thumbnail(&dir, &["cut.gif"]);
        if percent < 25 {
            assert_eq!((made.code(), &*made.stdout), (1, ""), "{made:?}");
            assert_eq!(made.stderr.lines().count(), 1, "{made:?}");
            continue;
        }
        let message = made.stderr.strip_prefix("thumbnail: cut.gif: damaged: only ").unwrap();
        let decoded: usize = message.split(' ').next().unwrap().parse().unwrap();
        assert!(decoded.abs_diff(percent) <= 3, "{decoded} instead of {percent}");
    }
}
