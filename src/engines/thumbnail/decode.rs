//! Decoding a file to the pixels of its thumbnail, by the cheapest method for its format.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::color;
use super::error::Cause;
use super::geometry::Geometry;
use super::job::Damage;
use super::jpeg::{Jpeg, ReducedPicture};
use super::memory_budget::DECODED_PICTURES;
use super::options::Options;
use super::resize::resize_image;
use super::size::Size;

/// The most memory a decoded picture may take, in bytes.
const BYTES_MAX: u64 = 1 << 30;
/// A picture of which less can be decoded gets no thumbnail.
const PERCENT_MIN: u8 = 25;

/// A picture of the thumbnail's size, and what has still to be applied to it.
struct SmallPicture {
    thumb: DynamicImage,
    profile: Option<Vec<u8>>,
    orientation: Orientation,
    damage: Option<Damage>,
}

/// The thumbnail of the image at `path`, upright and in sRGB, and the damage of the image.
pub(super) fn thumbnail(
    path: &Path,
    options: &Options,
) -> Result<(DynamicImage, Option<Damage>), Cause> {
    let picture = small_picture(path, options)?;
    let mut thumb = color::to_srgb(picture.thumb, picture.profile.as_deref());
    thumb.apply_orientation(picture.orientation);
    Ok((thumb, picture.damage))
}

fn small_picture(path: &Path, options: &Options) -> Result<SmallPicture, Cause> {
    if !fs::metadata(path)?.is_file() {
        return Err(Cause::NotAFile); // opening a named pipe would block
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut start = Vec::new();
    file.by_ref().take(16).read_to_end(&mut start)?;
    file.rewind()?;
    match detect_format(&start)? {
        ImageFormat::Jpeg => decode_jpeg(file, options),
        format => decode_fully(file, format, options),
    }
}

/// The format by the first 16 bytes of a file.
fn detect_format(start: &[u8]) -> Result<ImageFormat, Cause> {
    match start.get(4..12) {
        Some(b"ftypheic" | b"ftypheix" | b"ftyphevc" | b"ftypmif1" | b"ftypmsf1") => {
            return Err(Cause::NotSupported("HEIC"));
        }
        Some(b"ftypavif" | b"ftypavis") => return Err(Cause::NotSupported("AVIF")),
        _ => (),
    }
    let format = image::guess_format(start).map_err(|_| Cause::NotAnImage)?;
    if !format.reading_enabled() {
        return Err(Cause::NotSupported(format.extensions_str()[0]));
    }
    Ok(format)
}

/// Decodes a JPEG in as much detail as its thumbnail shows, if our decoder supports that.
fn decode_jpeg(mut file: impl BufRead + Seek, options: &Options) -> Result<SmallPicture, Cause> {
    let Some(mut jpeg) = Jpeg::open(&mut file) else {
        file.rewind()?;
        return decode_fully(file, ImageFormat::Jpeg, options);
    };
    if jpeg.max_percent_decodable() < usize::from(PERCENT_MIN) {
        return Err(Cause::Truncated);
    }
    let (orientation, profile) = (jpeg.orientation(), jpeg.profile());
    let geometry = Geometry::new(jpeg.size(), orientation, options.size, options.crop);
    let ratio = geometry.ratio();
    // `image` decodes the second kind wrongly: a thumbnail of ours may be blurred, but is right.
    let use_reduced = jpeg.is_detailed_enough_for(ratio) || jpeg.is_non_interleaved_baseline();
    // Even where a full decoder is needed, the DC coefficients show whether the file is complete.
    let reduced = jpeg.decode(if use_reduced { ratio } else { f64::INFINITY })?;
    let damage = reduced.as_ref().map_or(Ok(None), damage_of)?;
    match reduced {
        Some(reduced) if use_reduced => {
            let (thumb, profile) = color::from_jpeg(reduced, &geometry, profile);
            Ok(SmallPicture { thumb, profile, orientation, damage })
        }
        _ => {
            file.rewind()?;
            Ok(SmallPicture { damage, ..decode_fully(file, ImageFormat::Jpeg, options)? })
        }
    }
}

fn damage_of(jpeg: &ReducedPicture) -> Result<Option<Damage>, Cause> {
    match jpeg.percent_decoded {
        100 if jpeg.has_end => Ok(None),
        percent if percent < PERCENT_MIN => Err(Cause::Truncated),
        percent_decoded => Ok(Some(Damage { percent_decoded })),
    }
}

/// Decodes every pixel with the `image` crate. A decoder that panics on a malformed file, as
/// zune-jpeg 0.5.15 can, must not end the batch.
fn decode_fully(
    file: impl BufRead + Seek,
    format: ImageFormat,
    options: &Options,
) -> Result<SmallPicture, Cause> {
    let decoded =
        panic::catch_unwind(AssertUnwindSafe(|| decode_with_image(file, format, options)));
    decoded.unwrap_or(Err(Cause::Panic))
}

fn decode_with_image(
    file: impl BufRead + Seek,
    format: ImageFormat,
    options: &Options,
) -> Result<SmallPicture, Cause> {
    let mut reader = ImageReader::with_format(file, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(BYTES_MAX);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    match decoder.total_bytes() {
        0 => return Err(Cause::Empty),
        BYTES_MAX.. => return Err(Cause::TooLarge(width, height)),
        _ => (),
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().unwrap_or_default();
    let geometry = Geometry::new(Size { width, height }, orientation, options.size, options.crop);

    let _reservation = DECODED_PICTURES.reserve(decoder.total_bytes());
    let damage = Cell::new(None);
    let full = DynamicImage::from_decoder(LenientDecoder { decoder, damage: &damage })?;
    let thumb = resize_image(full, &geometry);
    Ok(SmallPicture { thumb, profile, orientation, damage: damage.into_inner() })
}

/// A decoder that accepts a picture of which enough was decoded before the file ended or an error
/// occurred.
struct LenientDecoder<'a, D> {
    decoder: D,
    damage: &'a Cell<Option<Damage>>,
}

impl<D: ImageDecoder> ImageDecoder for LenientDecoder<'_, D> {
    fn dimensions(&self) -> (u32, u32) {
        self.decoder.dimensions()
    }

    fn color_type(&self) -> ColorType {
        self.decoder.color_type()
    }

    fn read_image(self, pixels: &mut [u8]) -> Result<(), ImageError> {
        self.decoder.read_image(pixels).or_else(|err| {
            // Pixels that were not decoded are still zero. They may be at either end, for a BMP
            // starts with its last row.
            let first = pixels.iter().position(|&byte| byte != 0).unwrap_or(pixels.len());
            let last = pixels.iter().rposition(|&byte| byte != 0).map_or(first, |last| last + 1);
            match damage_if_usable(last - first, pixels.len()) {
                Some(damage) => {
                    self.damage.set(Some(damage));
                    Ok(())
                }
                None => Err(err),
            }
        })
    }

    fn read_image_boxed(self: Box<Self>, pixels: &mut [u8]) -> Result<(), ImageError> {
        (*self).read_image(pixels)
    }
}

/// The damage of a picture of which `n_decoded` of `n` bytes were decoded, if that is enough.
fn damage_if_usable(n_decoded: usize, n: usize) -> Option<Damage> {
    let percent_decoded = u8::try_from(n_decoded * 100 / n.max(1)).ok()?;
    (percent_decoded >= PERCENT_MIN).then_some(Damage { percent_decoded })
}
