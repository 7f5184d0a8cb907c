//! From a file to the pixels of its thumbnail, by the shortest way there is for its format.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;

use image::metadata::Orientation;
use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::budget::PIXELS;
use super::jpeg::{Jpeg, Reduced};
use super::scale::{self, Plan, Size};
use super::{Cause, Damage, Options, color};

/// The most memory a decoded picture may take. Headers are believed up to here.
const MAX_BYTES: u64 = 1 << 30;
/// A picture of which less is there is not shown.
const MIN_PERCENT: u8 = 25;

/// A picture on its way: already small, and what is still to be done about it.
struct Picture {
    thumb: DynamicImage,
    profile: Option<Vec<u8>>,
    orientation: Orientation,
    damage: Option<Damage>,
}

/// The thumbnail of the image in `path`, upright and in sRGB, and what is wrong with the image.
pub(super) fn thumbnail(
    path: &Path,
    options: &Options,
) -> Result<(DynamicImage, Option<Damage>), Cause> {
    let picture = small_picture(path, options)?;
    let mut thumb = color::to_srgb(picture.thumb, picture.profile.as_deref());
    thumb.apply_orientation(picture.orientation);
    Ok((thumb, picture.damage))
}

fn small_picture(path: &Path, options: &Options) -> Result<Picture, Cause> {
    if !fs::metadata(path)?.is_file() {
        return Err(Cause::NotAFile); // opening a named pipe would wait for ever
    }
    let mut file = BufReader::new(File::open(path)?);
    let mut start = Vec::new();
    file.by_ref().take(16).read_to_end(&mut start)?;
    file.rewind()?;
    match format(&start)? {
        ImageFormat::Jpeg => jpeg(file, options),
        format => any(file, format, options),
    }
}

fn format(start: &[u8]) -> Result<ImageFormat, Cause> {
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

/// A JPEG is read in no more detail than its thumbnail shows.
fn jpeg(mut file: impl BufRead + Seek, options: &Options) -> Result<Picture, Cause> {
    let Some(mut jpeg) = Jpeg::open(&mut file) else {
        file.rewind()?;
        return any(file, ImageFormat::Jpeg, options);
    };
    if jpeg.percent_possible() < usize::from(MIN_PERCENT) {
        return Err(Cause::Truncated);
    }
    let (orientation, profile) = (jpeg.orientation(), jpeg.profile());
    let plan = Plan::new(jpeg.size(), orientation, options.size, options.crop);
    let ratio = plan.ratio();
    // Blurred beats garbage: that kind is read here even where a thumbnail could show more.
    let is_ours = jpeg.has_enough_for(ratio) || jpeg.is_baseline_in_turn();
    // If only a full decoder will do, first coefficients still tell whether the file is whole.
    let reduced = jpeg.read(if is_ours { ratio } else { f64::INFINITY })?;
    let damage = reduced.as_ref().map_or(Ok(None), damage_of)?;
    match reduced {
        Some(reduced) if is_ours => {
            let (thumb, profile) = color::from_jpeg(&reduced, &plan, profile);
            Ok(Picture { thumb, profile, orientation, damage })
        }
        _ => {
            file.rewind()?;
            Ok(Picture { damage, ..any(file, ImageFormat::Jpeg, options)? })
        }
    }
}

fn damage_of(jpeg: &Reduced) -> Result<Option<Damage>, Cause> {
    match jpeg.percent_kept {
        100 if jpeg.has_end => Ok(None),
        kept if kept < MIN_PERCENT => Err(Cause::Truncated),
        percent_kept => Ok(Some(Damage { percent_kept })),
    }
}

/// Decodes the whole picture with `image`. Its decoders see whatever lies on a disk; one that
/// panics (zune-jpeg 0.5.15 can be made to) must not end the batch.
fn any(
    file: impl BufRead + Seek,
    format: ImageFormat,
    options: &Options,
) -> Result<Picture, Cause> {
    let decoded = panic::catch_unwind(AssertUnwindSafe(|| whole(file, format, options)));
    decoded.unwrap_or(Err(Cause::Panic))
}

fn whole(
    file: impl BufRead + Seek,
    format: ImageFormat,
    options: &Options,
) -> Result<Picture, Cause> {
    let mut reader = ImageReader::with_format(file, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    match decoder.total_bytes() {
        0 => return Err(Cause::Empty),
        MAX_BYTES.. => return Err(Cause::TooLarge(width, height)),
        _ => (),
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let profile = decoder.icc_profile().unwrap_or_default();
    let plan = Plan::new(Size { width, height }, orientation, options.size, options.crop);

    let _share = PIXELS.take(decoder.total_bytes());
    let damage = Cell::new(None);
    let full = DynamicImage::from_decoder(Lenient { decoder, damage: &damage })?;
    let thumb = scale::image(full, &plan);
    Ok(Picture { thumb, profile, orientation, damage: damage.into_inner() })
}

/// A decoder that calls a picture done when the file ends too early but late enough.
struct Lenient<'a, D> {
    decoder: D,
    damage: &'a Cell<Option<Damage>>,
}

impl<D: ImageDecoder> ImageDecoder for Lenient<'_, D> {
    fn dimensions(&self) -> (u32, u32) {
        self.decoder.dimensions()
    }

    fn color_type(&self) -> ColorType {
        self.decoder.color_type()
    }

    fn read_image(self, pixels: &mut [u8]) -> Result<(), ImageError> {
        self.decoder.read_image(pixels).or_else(|err| {
            // What was not decoded is still as it was handed out: zero.
            // From whichever end, for a BMP begins at its foot.
            let first = pixels.iter().position(|&byte| byte != 0).unwrap_or(pixels.len());
            let last = pixels.iter().rposition(|&byte| byte != 0).map_or(first, |last| last + 1);
            let n_kept = last - first;
            match kept(n_kept, pixels.len()) {
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

/// The damage of a picture of which `n_kept` parts of `n` are there, if they are enough.
fn kept(n_kept: usize, n: usize) -> Option<Damage> {
    let percent_kept = u8::try_from(n_kept * 100 / n.max(1)).ok()?;
    (percent_kept >= MIN_PERCENT).then_some(Damage { percent_kept })
}
