//! Decoding a file to the pixels of its thumbnail, by the cheapest method for its format.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use image::codecs::bmp::BmpDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::caught_panic;
use super::color;
use super::error::Cause;
use super::full_jpeg;
use super::geometries::Geometries;
use super::geometry::Geometry;
use super::job::{Damage, PERCENT_MIN};
use super::jpeg::{ColorSpace, Jpeg, ReducedPicture};
use super::lenient::LenientDecoder;
use super::memory_budget::DECODED_PICTURES;
use super::options::Options;
use super::os2_bmp;
use super::png_file::PngFile;
use super::resize::{resize_components, resize_image, resize_samples};
use super::size::Size;
use super::tiff_file::{self, TiffFile, TiffPicture};
use super::tiff_tags;

/// The most memory a decoded picture may take, in bytes.
const BYTES_MAX: u64 = 1 << 30;

/// The first bytes of a file by which its format is recognized.
const START: u64 = 64;

/// Pictures of the sizes of the thumbnails, and what has still to be applied to them.
struct SmallPictures {
    /// Those that are made from the picture; the others follow from them.
    thumbs: Vec<DynamicImage>,
    geometries: Geometries,
    profile: Option<Vec<u8>>,
    orientation: Orientation,
    damage: Option<Damage>,
}

/// A thumbnail of the image at `path` for each of `options`, upright and in sRGB, and the damage of the
/// image. It is decoded once, in the detail that the largest thumbnail shows.
pub(super) fn thumbnails(
    path: &Path,
    options: &[Options],
) -> Result<(Vec<DynamicImage>, Option<Damage>), Cause> {
    let SmallPictures { thumbs, geometries, profile, orientation, damage } =
        small_pictures(path, options)?;
    let in_srgb = thumbs.into_iter().map(|thumb| color::to_srgb(thumb, profile.as_deref()));
    let mut thumbs = geometries.thumbnails(in_srgb.collect());
    for thumb in &mut thumbs {
        thumb.apply_orientation(orientation);
    }
    Ok((thumbs, damage))
}

fn small_pictures(path: &Path, options: &[Options]) -> Result<SmallPictures, Cause> {
    if !fs::metadata(path)?.is_file() {
        return Err(Cause::NotAFile); // opening a named pipe would block
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut start = Vec::new();
    file.by_ref().take(START).read_to_end(&mut start)?;
    file.rewind()?;
    match detect_format(&start)? {
        ImageFormat::Jpeg => decode_jpeg(file, options),
        ImageFormat::Tiff => decode_tiff(&mut file, options),
        ImageFormat::Bmp => decode_bmp(file, options),
        ImageFormat::Png => {
            caught_panic::catch(|| decode_png(file, options)).unwrap_or(Err(Cause::Panic))
        }
        format => decode_fully(file, format, options),
    }
}

/// What a HEIF file (ISO/IEC 23008-12) contains, by its brands in the first bytes; `None` for other
/// files.
fn heif_kind(start: &[u8]) -> Option<&'static str> {
    let (length, rest) = start.split_first_chunk()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let brands = rest.strip_prefix(b"ftyp")?;
    let brands = &brands[..brands.len().min(length.saturating_sub(8))];
    let has =
        |names: &[&[u8; 4]]| brands.as_chunks::<4>().0.iter().any(|brand| names.contains(&brand));
    if has(&[b"avif", b"avis"]) {
        return Some("AVIF");
    }
    let is_heic = has(&[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"]);
    is_heic.then_some("HEIC")
}

/// The format by the first bytes of a file.
fn detect_format(start: &[u8]) -> Result<ImageFormat, Cause> {
    if let Some(kind) = heif_kind(start) {
        let why = "no decoder in Rust is right and free yet; convert it to JPEG first";
        return Err(Cause::NotSupported(format!("{kind} ({why})")));
    }
    match start {
        [0xFF, 0xD8, ..] => return Ok(ImageFormat::Jpeg),
        // A BMP without its file header, as a clipboard holds it, and .dib files do: the length of
        // its own header, the size, and one plane.
        [40, 0, 0, 0, _, _, _, _, _, _, _, _, 1, 0, 1 | 4 | 8 | 16 | 24 | 32, 0, ..] => {
            return Ok(ImageFormat::Bmp);
        }
        // BigTIFF in either byte order.
        [b'I', b'I', 43, 0, ..] | [b'M', b'M', 0, 43, ..] => return Ok(ImageFormat::Tiff),
        _ => (),
    }
    let format = image::guess_format(start).map_err(|_| Cause::NotAnImage)?;
    if !format.reading_enabled() {
        return Err(Cause::NotSupported(format.extensions_str()[0].to_owned()));
    }
    Ok(format)
}

/// Decodes a JPEG in as much detail as its thumbnail shows, if our decoder supports that.
fn decode_jpeg(mut file: impl BufRead + Seek, options: &[Options]) -> Result<SmallPictures, Cause> {
    let Some(mut jpeg) = Jpeg::open(&mut file) else {
        file.rewind()?;
        return decode_fully(file, ImageFormat::Jpeg, options);
    };
    if jpeg.max_percent_decodable() < usize::from(PERCENT_MIN) {
        return Err(Cause::Truncated);
    }
    let (orientation, profile) = (jpeg.orientation(), jpeg.profile());
    let (color_space, n_components) = (jpeg.color_space(), jpeg.n_components());
    let full = jpeg.size();
    let geometries = Geometries::new(full, orientation, options);
    let ratio = geometries.ratio();
    // Of the second kind, a thumbnail of ours may be blurred, but is right.
    let use_reduced = jpeg.is_detailed_enough_for(ratio) || jpeg.is_misread_by_zune();
    // Even where a full decoder is needed, the DC coefficients show whether the file is complete.
    let mut reduced = jpeg.decode(if use_reduced { ratio } else { f64::INFINITY })?;
    let damage = reduced.as_ref().map_or(Ok(None), damage_of)?;
    let small_pictures = |layers, geometries: Geometries| {
        let sizes = geometries.largest();
        let (thumbs, profile) = color::from_layers(sizes, layers, color_space, profile);
        SmallPictures { thumbs, geometries, profile, orientation, damage }
    };
    if !use_reduced {
        let is_irregular = reduced.as_ref().is_some_and(|reduced| reduced.is_irregular);
        let frame = (full, n_components);
        let layers = full_layers(&mut file, is_irregular, frame, geometries.largest())?;
        if let Some(layers) = layers {
            return Ok(small_pictures(layers, geometries));
        }
        file.rewind()?;
        reduced = Jpeg::open(&mut file).map_or(Ok(None), |jpeg| jpeg.decode(ratio))?;
    }
    let reduced = reduced.ok_or(Cause::Truncated)?;
    let layers = reduced.resized(geometries.largest());
    Ok(small_pictures(layers, geometries))
}

/// The components of a JPEG with this size and number of components, of which every pixel is decoded,
/// resized for each thumbnail; `None` if that fails.
fn full_layers(
    mut file: impl Read + Seek,
    is_irregular: bool,
    (full, n_components): (Size, usize),
    geometries: &[Geometry],
) -> Result<Option<Vec<Vec<Vec<u8>>>>, Cause> {
    let n_bytes = u64::from(full.width) * u64::from(full.height) * n_components as u64;
    if n_bytes >= BYTES_MAX {
        return Err(Cause::TooLarge(full.width, full.height));
    }
    let _reservation = DECODED_PICTURES.reserve(n_bytes);
    let mut decoded = None;
    if !is_irregular {
        file.rewind()?;
        decoded = full_jpeg::decode(&mut file, full, n_components);
    }
    if decoded.is_none() {
        // zune-jpeg does not resynchronize at restart markers: what follows would be moved.
        file.rewind()?;
        let repaired = Jpeg::open(&mut file).map_or(Ok(None), Jpeg::repaired)?;
        decoded = repaired.and_then(|jpeg| full_jpeg::decode(&jpeg[..], full, n_components));
    }
    Ok(decoded.map(|bytes| resize_components(bytes, full, n_components, geometries)))
}

fn damage_of(jpeg: &ReducedPicture) -> Result<Option<Damage>, Cause> {
    match jpeg.percent_decoded {
        100 if jpeg.has_end => Ok(None),
        percent if percent < PERCENT_MIN => Err(Cause::Truncated),
        percent_decoded => Ok(Some(Damage { percent_decoded })),
    }
}

/// Decodes a TIFF ourselves if it is not of a kind that is left to the `image` crate.
fn decode_tiff(
    file: &mut (impl BufRead + Seek),
    options: &[Options],
) -> Result<SmallPictures, Cause> {
    let decoded = if tiff_file::is_misread(&mut *file) {
        Err(Cause::NotSupported(String::new())) // the text follows below
    } else if let Some(tiff) = TiffFile::open(&mut *file, BYTES_MAX) {
        caught_panic::catch(|| small_tiff(tiff, options)).unwrap_or(Err(Cause::Panic))
    } else {
        file.rewind()?;
        decode_fully(&mut *file, ImageFormat::Tiff, options)
    };
    match decoded {
        // tiff 0.11.3 panics on some kinds that are valid.
        Err(Cause::NotSupported(_) | Cause::Panic | Cause::Decode(ImageError::Unsupported(_))) => {
            file.rewind()?;
            Err(Cause::NotSupported(tiff_tags::kind(file)))
        }
        decoded => decoded,
    }
}

/// Decodes a PNG, in squares of pixels as large as the thumbnail allows.
fn decode_png(file: impl BufRead + Seek, options: &[Options]) -> Result<SmallPictures, Cause> {
    let mut png = PngFile::open(file, BYTES_MAX)?;
    let (size, orientation, profile) = (png.size, png.orientation, png.profile.take());
    let geometries = Geometries::new(size, orientation, options);
    let n_bytes = png.n_bytes(geometries.ratio());
    if n_bytes >= BYTES_MAX {
        return Err(Cause::TooLarge(size.width, size.height));
    }
    let _reservation = DECODED_PICTURES.reserve(n_bytes);
    let (samples, partly) = png.decode(geometries.ratio());
    let damage = match partly {
        Some(partly) if partly.percent < PERCENT_MIN => return Err(partly.cause),
        Some(partly) => Some(Damage { percent_decoded: partly.percent }),
        None => None,
    };
    let thumbs = resize_samples(samples, geometries.largest());
    Ok(SmallPictures { thumbs, geometries, profile, orientation, damage })
}

/// Decodes a BMP of Windows or OS/2, or one without a file header.
fn decode_bmp(mut file: impl BufRead + Seek, options: &[Options]) -> Result<SmallPictures, Cause> {
    if !file.fill_buf()?.starts_with(b"BM") {
        let decode =
            || decode_by(BmpDecoder::new_without_file_header(file)?, ImageFormat::Bmp, options);
        return caught_panic::catch(decode).unwrap_or(Err(Cause::Panic));
    }
    if let Some(windows) = os2_bmp::as_windows(&mut file, BYTES_MAX)? {
        return decode_fully(Cursor::new(windows), ImageFormat::Bmp, options);
    }
    file.rewind()?;
    decode_fully(file, ImageFormat::Bmp, options)
}

fn small_tiff(
    mut tiff: TiffFile<impl Read + Seek>,
    options: &[Options],
) -> Result<SmallPictures, Cause> {
    let full = Size { width: tiff.width, height: tiff.height };
    match tiff.n_bytes() {
        0 => return Err(Cause::Empty),
        BYTES_MAX.. => return Err(Cause::TooLarge(full.width, full.height)),
        _ => (),
    }
    let (orientation, profile) = (tiff.orientation, tiff.profile.take());
    let geometries = Geometries::new(full, orientation, options);
    let _reservation = DECODED_PICTURES.reserve(tiff.n_bytes());
    let sizes = geometries.largest();
    let (thumbs, profile) = match tiff.decode()? {
        TiffPicture::Image(image) => (resize_image(image, sizes), profile),
        TiffPicture::Components(bytes, color_space) => {
            let n_components = if color_space == ColorSpace::Cmyk { 4 } else { 3 };
            let layers = resize_components(bytes, full, n_components, sizes);
            color::from_layers(sizes, layers, color_space, profile)
        }
    };
    Ok(SmallPictures { thumbs, geometries, profile, orientation, damage: None })
}

/// Decodes every pixel with the `image` crate.
fn decode_fully(
    file: impl BufRead + Seek,
    format: ImageFormat,
    options: &[Options],
) -> Result<SmallPictures, Cause> {
    let decode = || decode_with_image(file, format, options);
    caught_panic::catch(decode).unwrap_or(Err(Cause::Panic))
}

fn decode_with_image(
    file: impl BufRead + Seek,
    format: ImageFormat,
    options: &[Options],
) -> Result<SmallPictures, Cause> {
    let mut reader = ImageReader::with_format(file, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(BYTES_MAX);
    reader.limits(limits);
    decode_by(reader.into_decoder()?, format, options)
}

fn decode_by(
    mut decoder: impl ImageDecoder,
    format: ImageFormat,
    options: &[Options],
) -> Result<SmallPictures, Cause> {
    let (width, height) = decoder.dimensions();
    match decoder.total_bytes() {
        0 => return Err(Cause::Empty),
        BYTES_MAX.. => return Err(Cause::TooLarge(width, height)),
        _ => (),
    }
    let orientation = orientation(&mut decoder, format).unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().unwrap_or_default();
    let geometries = Geometries::new(Size { width, height }, orientation, options);

    let _reservation = DECODED_PICTURES.reserve(decoder.total_bytes());
    let (full, damage) = LenientDecoder::decode(decoder, format == ImageFormat::Gif)?;
    let thumbs = resize_image(full, geometries.largest());
    Ok(SmallPictures { thumbs, geometries, profile, orientation, damage })
}

/// How the picture has to be turned to be upright. Some programs begin the EXIF chunk of a WebP with
/// the name that it has in a JPEG, which `image` does not expect.
fn orientation(decoder: &mut impl ImageDecoder, format: ImageFormat) -> Option<Orientation> {
    if format == ImageFormat::Tiff {
        return decoder.orientation().ok();
    }
    let exif = decoder.exif_metadata().ok()??;
    Orientation::from_exif_chunk(exif.strip_prefix(b"Exif\0\0").unwrap_or(&exif))
}
