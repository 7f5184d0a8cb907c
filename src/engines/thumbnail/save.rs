//! Encoding thumbnails and writing them to files.

use std::io::Cursor;
use std::path::Path;
use std::{borrow::Cow, fs};

use image::{DynamicImage, ImageFormat};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder};

use super::color;
use super::error::Cause;
use super::originals::OverwriteRule;
use super::signature;
use crate::fs::atomic::{self, StagedFile};

/// The bytes of the file, without any metadata of the source, and with our signature.
pub(super) fn encode(
    image: &DynamicImage,
    format: ImageFormat,
    quality: u8,
) -> Result<Vec<u8>, Cause> {
    if format == ImageFormat::Jpeg {
        return Ok(signature::sign(jpeg(image, quality)?, format));
    }
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).map_err(|err| Cause::Write(err.to_string()))?;
    Ok(signature::sign(file.into_inner(), format))
}

fn jpeg(image: &DynamicImage, quality: u8) -> Result<Vec<u8>, Cause> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, quality);
    encoder.set_optimized_huffman_tables(true);
    // With optimized Huffman tables the encoder writes a scan per component, and `image` decodes
    // baseline files that are not interleaved wrongly (zune-jpeg 0.5.15); progressive ones it
    // decodes correctly.
    encoder.set_progressive_scans(2);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    let (pixels, kind) = match image {
        DynamicImage::ImageLuma8(gray) => (Cow::from(gray.as_raw()), ColorType::Luma),
        DynamicImage::ImageRgb8(rgb) => (Cow::from(rgb.as_raw()), ColorType::Rgb),
        other => (Cow::from(color::on_white(&other.to_rgba8()).into_raw()), ColorType::Rgb),
    };
    let side = |side: u32| u16::try_from(side).map_err(|err| Cause::Write(err.to_string()));
    encoder
        .encode(&pixels, side(image.width())?, side(image.height())?, kind)
        .map_err(|err| Cause::Write(err.to_string()))?;
    Ok(file)
}

/// Writes the file atomically, and creates its folder if that does not exist. A file of that name is
/// replaced if `rule` allows that, which is checked when the new file is complete.
pub(super) fn write(bytes: &[u8], path: &Path, rule: OverwriteRule<'_>) -> Result<(), Cause> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !dir.is_dir() {
        fs::create_dir_all(dir)?;
    }
    if atomic::is_device(path) {
        return Ok(fs::write(path, bytes)?);
    }
    if let Some(staged) = StagedFile::new(path, bytes)?.create()? {
        rule.check(path)?;
        staged.replace()?;
    }
    Ok(())
}
