//! Decoding HEIC files: HEVC pictures in a HEIF container (ISO/IEC 23008-12).

use std::io::Read;

use heic_rs::context::Context;
use heic_rs::{DecodeOptions, Error, PixelLayout};
use image::{DynamicImage, RgbImage, RgbaImage};

use super::error::Cause;
use super::size::Size;

/// Bytes of memory per pixel that decoding takes, about: 16 bits for each component, and the result.
const BYTES_PER_PIXEL: u64 = 10;

/// A HEIC whose metadata have been read.
pub(super) struct HeicFile {
    bytes: Vec<u8>,
    /// The size of the upright picture.
    pub(super) size: Size,
    pub(super) profile: Option<Vec<u8>>,
    has_alpha: bool,
}

impl HeicFile {
    /// Reads the file, of `bytes_max` bytes at most.
    ///
    /// # Errors
    /// When it cannot be read or is not valid.
    pub(super) fn open(file: impl Read, bytes_max: u64) -> Result<Self, Cause> {
        let mut bytes = Vec::new();
        file.take(bytes_max).read_to_end(&mut bytes)?;
        let info = heic_rs::probe(&bytes).map_err(cause)?;
        let profile = profile(&bytes);
        let size = Size { width: info.width, height: info.height };
        Ok(HeicFile { bytes, size, profile, has_alpha: info.has_alpha })
    }

    /// Bytes of memory that decoding takes.
    pub(super) fn n_bytes(&self) -> u64 {
        let n_pixels = u64::from(self.size.width) * u64::from(self.size.height);
        n_pixels.saturating_mul(BYTES_PER_PIXEL)
    }

    /// Decodes the picture and turns it upright.
    ///
    /// # Errors
    /// When the file is damaged or of a kind that is not supported.
    pub(super) fn decode(&self) -> Result<DynamicImage, Cause> {
        let layout = if self.has_alpha { PixelLayout::Rgba8 } else { PixelLayout::Rgb8 };
        let options = DecodeOptions::default().with_layout(layout).with_threads(Some(1));
        let image = heic_rs::decode(&self.bytes, &options).map_err(cause)?;
        let (width, height) = (image.width, image.height);
        let image = if self.has_alpha {
            RgbaImage::from_raw(width, height, image.data).map(Into::into)
        } else {
            RgbImage::from_raw(width, height, image.data).map(Into::into)
        };
        image.ok_or(Cause::Truncated)
    }
}

fn profile(file: &[u8]) -> Option<Vec<u8>> {
    let context = Context::open(file).ok()?;
    let properties = context.props(context.meta.primary).ok()?;
    context.icc(&properties).map(<[u8]>::to_vec)
}

fn cause(err: Error) -> Cause {
    match err {
        Error::Truncated(_) => Cause::Truncated,
        Error::Unsupported(kind) => Cause::NotSupported(format!("this kind of HEIC ({kind})")),
        err => Cause::Damaged(err.to_string()),
    }
}
