//! Thumbnails as files, whole or not at all.

use std::io::{self, Cursor, Write};
use std::path::Path;
use std::{borrow::Cow, fs};

use image::{DynamicImage, ImageFormat};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder};
use tempfile::Builder;

use super::{Cause, color};

/// The bytes of the file. No metadata of the source is in it.
pub(super) fn encode(
    image: &DynamicImage,
    format: ImageFormat,
    quality: u8,
) -> Result<Vec<u8>, Cause> {
    if format == ImageFormat::Jpeg {
        return jpeg(image, quality);
    }
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).map_err(|err| Cause::Encode(err.to_string()))?;
    Ok(file.into_inner())
}

fn jpeg(image: &DynamicImage, quality: u8) -> Result<Vec<u8>, Cause> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_optimized_huffman_tables(true);
    // With tables of its own for each component the encoder leaves MCUs, and what `image` makes of
    // a baseline file without them is garbage (zune-jpeg 0.5.15). Progressive files it reads well.
    encoder.set_progressive_scans(2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    let (pixels, kind) = match image {
        DynamicImage::ImageLuma8(gray) => (Cow::from(gray.as_raw()), ColorType::Luma),
        DynamicImage::ImageRgb8(rgb) => (Cow::from(rgb.as_raw()), ColorType::Rgb),
        other => (Cow::from(color::on_white(&other.to_rgba8()).into_raw()), ColorType::Rgb),
    };
    let side = |side: u32| u16::try_from(side).map_err(|err| Cause::Encode(err.to_string()));
    encoder
        .encode(&pixels, side(image.width())?, side(image.height())?, kind)
        .map_err(|err| Cause::Encode(err.to_string()))?;
    Ok(file)
}

/// Writes to a temporary file in the same folder and renames it, so that no reader ever sees half
/// of it. The folder is made if need be.
pub(super) fn write(bytes: &[u8], path: &Path) -> Result<(), Cause> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !dir.is_dir() {
        fs::create_dir_all(dir)?;
    }
    let mut file = new_file().prefix(".thumb").tempfile_in(dir).map_err(|err| bare(&err))?;
    file.write_all(bytes).map_err(|err| bare(&err))?;
    file.persist(path).map_err(|err| err.error)?;
    Ok(())
}

/// A temporary file is private by default; a thumbnail is as public as any new file.
fn new_file() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

/// tempfile's errors name its own path; ours name the thumbnail's.
fn bare(err: &io::Error) -> io::Error {
    err.raw_os_error().map_or(err.kind().into(), io::Error::from_raw_os_error)
}
