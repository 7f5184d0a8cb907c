//! Decoding the TIFF files that the `image` crate decodes wrongly: with channels beside the colours,
//! with premultiplied alpha, in CMYK (TIFF 6.0, sections 14, 16 and 18).

use std::io::{BufRead, Seek};

use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, ImageError, RgbImage, RgbaImage};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::error::Cause;

/// Value of the tag `PlanarConfiguration`: all samples of a pixel together.
const CHUNKY: u16 = 1;
/// Value of the tag Predictor: each sample is the difference to the one of the pixel before.
const HORIZONTAL: u16 = 2;
/// Value of the tag `ExtraSamples`: alpha by which the colours are multiplied.
const PREMULTIPLIED: u16 = 1;

/// The header of a TIFF file.
pub(super) struct TiffFile<R: BufRead + Seek> {
    decoder: Decoder<R>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    pub(super) profile: Option<Vec<u8>>,
    layout: Layout,
}

/// How the samples of a pixel are stored.
struct Layout {
    kind: Kind,
    bits: u8,
    /// Number of samples per pixel: in the file, and as the decoder returns them.
    n_stored: usize,
    n_decoded: usize,
    is_predicted: bool,
    is_premultiplied: bool,
    /// Width in pixels of the strips or tiles: the predictor starts anew in each.
    chunk_width: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    GrayAlpha,
    Rgb,
    Rgba,
    /// Also with alpha, which is ignored: only inks are printed.
    Cmyk,
}

/// A decoded picture with 8 bits per sample.
pub(super) enum TiffPicture {
    Image(DynamicImage),
    /// Four bytes per pixel, inverted as in an Adobe JPEG: 255 is no ink.
    Cmyk(Vec<u8>),
}

impl<R: BufRead + Seek> TiffFile<R> {
    /// Reads the header of `file`. `None` if it is of a kind that is left to the `image` crate.
    pub(super) fn open(file: R, bytes_max: u64) -> Option<Self> {
        let mut limits = Limits::default();
        limits.decoding_buffer_size = usize::try_from(bytes_max).ok()?;
        limits.intermediate_buffer_size = limits.decoding_buffer_size;
        let mut decoder = Decoder::new(file).ok()?.with_limits(limits);
        let (width, height) = decoder.dimensions().ok()?;
        let layout = Layout::read(&mut decoder)?;
        let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
        let orientation = orientation.and_then(Orientation::from_exif);
        let orientation = orientation.unwrap_or(Orientation::NoTransforms);
        let profile = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
        Some(TiffFile { decoder, width, height, orientation, profile, layout })
    }

    /// Size of the decoded picture in bytes.
    pub(super) fn n_bytes(&self) -> u64 {
        let n_samples = self.layout.n_decoded as u64 * u64::from(self.layout.bits / 8);
        (u64::from(self.width) * u64::from(self.height)).saturating_mul(n_samples)
    }

    /// Decodes the picture.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(super) fn decode(mut self) -> Result<TiffPicture, Cause> {
        let layout = &self.layout;
        let row = self.width as usize * layout.n_decoded;
        let decoded = self.decoder.read_image().map_err(cause)?;
        let mut samples = match decoded {
            DecodingResult::U8(mut samples) => {
                layout.repair(&mut samples, row, u8::wrapping_add, u8::wrapping_sub);
                samples
            }
            DecodingResult::U16(mut samples) => {
                layout.repair(&mut samples, row, u16::wrapping_add, u16::wrapping_sub);
                samples.into_iter().map(to_8_bits).collect()
            }
            _ => return Err(Cause::NotSupported("this kind of TIFF")),
        };
        let n_channels = layout.kind.n_channels();
        if n_channels < layout.n_decoded {
            let pixels = samples.chunks_exact(layout.n_decoded);
            samples = pixels.flat_map(|pixel| &pixel[..n_channels]).copied().collect();
        }
        if layout.is_premultiplied {
            samples.chunks_exact_mut(n_channels).for_each(divide_by_alpha);
        }
        layout.kind.picture(self.width, self.height, samples).ok_or(Cause::Truncated)
    }
}

impl Layout {
    fn read<R: BufRead + Seek>(decoder: &mut Decoder<R>) -> Option<Self> {
        let mut number = |tag, default| {
            let value = decoder.find_tag_unsigned::<u16>(tag).ok()?;
            Some(value.unwrap_or(default))
        };
        let n_stored = usize::from(number(Tag::SamplesPerPixel, 1)?);
        let is_predicted = number(Tag::Predictor, 1)? == HORIZONTAL;
        if number(Tag::PlanarConfiguration, CHUNKY)? != CHUNKY {
            return None;
        }
        let format = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).ok()?;
        if format.is_some_and(|formats| formats.iter().any(|&format| format != 1)) {
            return None;
        }
        let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok()?;
        let extra = extra.unwrap_or_default();
        let (kind, bits, n_decoded) = match decoder.colortype().ok()? {
            ColorType::RGB(bits) => (Kind::Rgb, bits, 3),
            ColorType::RGBA(bits) => (Kind::Rgba, bits, 4),
            ColorType::CMYK(bits) => (Kind::Cmyk, bits, 4),
            ColorType::CMYKA(bits) => (Kind::Cmyk, bits, 5),
            ColorType::Multiband { bit_depth, num_samples: 2 } if matches!(extra[..], [1 | 2]) => {
                (Kind::GrayAlpha, bit_depth, 2)
            }
            _ => return None,
        };
        let has_alpha = matches!(kind, Kind::Rgba | Kind::GrayAlpha);
        let is_premultiplied = has_alpha && extra.first() == Some(&PREMULTIPLIED);
        let chunk_width = decoder.chunk_dimensions().0 as usize;
        let is_supported = matches!(bits, 8 | 16) && n_stored >= n_decoded && chunk_width > 0;
        is_supported.then_some(Layout {
            kind,
            bits,
            n_stored,
            n_decoded,
            is_predicted,
            is_premultiplied,
            chunk_width,
        })
    }

    /// Undoes what the decoder does wrong to differences (tiff 0.11.3): when it leaves samples out,
    /// it still adds to each the one that is as many back as are stored in a pixel.
    fn repair<T: Copy>(
        &self,
        samples: &mut [T],
        row: usize,
        add: fn(T, T) -> T,
        subtract: fn(T, T) -> T,
    ) {
        if !self.is_predicted || self.n_stored == self.n_decoded {
            return;
        }
        for row in samples.chunks_mut(row) {
            for chunk in row.chunks_mut(self.chunk_width * self.n_decoded) {
                for i in (self.n_stored..chunk.len()).rev() {
                    chunk[i] = subtract(chunk[i], chunk[i - self.n_stored]);
                }
                for i in self.n_decoded..chunk.len() {
                    chunk[i] = add(chunk[i], chunk[i - self.n_decoded]);
                }
            }
        }
    }
}

impl Kind {
    fn n_channels(self) -> usize {
        match self {
            Kind::GrayAlpha => 2,
            Kind::Rgb => 3,
            Kind::Rgba | Kind::Cmyk => 4,
        }
    }

    fn picture(self, width: u32, height: u32, mut samples: Vec<u8>) -> Option<TiffPicture> {
        let image = match self {
            Kind::GrayAlpha => GrayAlphaImage::from_raw(width, height, samples)?.into(),
            Kind::Rgb => RgbImage::from_raw(width, height, samples)?.into(),
            Kind::Rgba => RgbaImage::from_raw(width, height, samples)?.into(),
            Kind::Cmyk => {
                for ink in &mut samples {
                    *ink = 255 - *ink;
                }
                return Some(TiffPicture::Cmyk(samples));
            }
        };
        Some(TiffPicture::Image(image))
    }
}

fn cause(err: TiffError) -> Cause {
    match err {
        TiffError::IoError(err) => ImageError::IoError(err).into(),
        err => Cause::Damaged(err.to_string()),
    }
}

/// Scales a sample to 8 bits, rounded.
fn to_8_bits(sample: u16) -> u8 {
    u8::try_from((u32::from(sample) * 255 + 32_767) / 65_535).unwrap_or(u8::MAX)
}

fn divide_by_alpha(pixel: &mut [u8]) {
    let Some((&mut alpha @ 1.., colors)) = pixel.split_last_mut() else { return };
    for color in colors {
        let straight = (u16::from(*color) * 255 + u16::from(alpha) / 2) / u16::from(alpha);
        *color = u8::try_from(straight).unwrap_or(u8::MAX);
    }
}
