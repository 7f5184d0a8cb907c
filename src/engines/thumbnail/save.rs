//! Encoding thumbnails and writing them to files.

use std::io::Cursor;
use std::path::Path;
use std::{borrow::Cow, fs};

use image::{DynamicImage, ImageFormat};
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder};

use super::color;
use super::error::Cause;
use super::job::Target;
use super::originals::OverwriteRule;
use super::signature;
use crate::fs::atomic::{self, StagedFile};

/// The bytes of the file, without any metadata of the source, and with our signature.
pub(super) fn encode(image: &DynamicImage, target: &Target) -> Result<Vec<u8>, Cause> {
    if target.format == ImageFormat::Jpeg {
        return Ok(signature::sign(jpeg(image, target.options.quality)?, target));
    }
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, target.format).map_err(|err| Cause::Write(err.to_string()))?;
    let file = file.into_inner();
    let with_texts = target.cache_entry.as_ref().map(|entry| entry.with_texts(&file));
    Ok(signature::sign(with_texts.unwrap_or(file), target))
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
/// A thumbnail in the cache of file managers is for its owner alone.
pub(super) fn write(bytes: &[u8], target: &Target, rule: OverwriteRule<'_>) -> Result<(), Cause> {
    let path = &*target.path;
    let is_private = target.cache_entry.is_some();
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !dir.is_dir() {
        if is_private { atomic::create_private_dir(dir)? } else { fs::create_dir_all(dir)? }
    }
    if atomic::is_device(path) {
        return Ok(fs::write(path, bytes)?);
    }
    let new = if is_private { StagedFile::private } else { StagedFile::new };
    if let Some(staged) = new(path, bytes)?.create()? {
        rule.check(path)?;
        staged.replace()?;
    }
    Ok(())
}
