//! Decoding TIFF files (TIFF 6.0), but for a few kinds that are left to the `image` crate. That one
//! decodes some wrongly (with channels beside the colours, with premultiplied alpha, in CMYK) and
//! refuses others that the tiff crate below it can decode.

use std::io::{Read, Seek};

use image::metadata::Orientation;
use image::{DynamicImage, GrayAlphaImage, GrayImage, ImageError, RgbImage, RgbaImage};
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError, TiffResult};

use super::error::Cause;
use super::jpeg::ColorSpace;
use super::tiff_tags::PaletteAsGray;

/// Value of the tag `PlanarConfiguration`: all samples of a pixel together.
const CHUNKY: u16 = 1;
/// Value of the tag Predictor: each sample is the difference to the one of the pixel before.
const HORIZONTAL: u16 = 2;
/// Value of the tag `FillOrder`: the first pixel is in the lowest bits of a byte.
const LOWEST_FIRST: u16 = 2;
/// Value of the tag `SampleFormat`.
const UNSIGNED: u16 = 1;
/// Value of the tag Compression.
const UNCOMPRESSED: u16 = 1;
/// Value of the tag `ExtraSamples`: alpha by which the colours are multiplied.
const PREMULTIPLIED: u16 = 1;

/// The header of a TIFF file.
pub(super) struct TiffFile<R: Read + Seek> {
    decoder: Decoder<PaletteAsGray<R>>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    pub(super) profile: Option<Vec<u8>>,
    layout: Layout,
    /// The colours of a palette; empty without one.
    palette: Vec<[u8; 3]>,
}

/// How the samples of a pixel are stored.
#[expect(clippy::struct_excessive_bools, reason = "each is a tag of the file")]
struct Layout {
    kind: Kind,
    bits: u8,
    /// Number of samples per pixel: in the file, and as the decoder returns them.
    n_stored: usize,
    n_decoded: usize,
    is_predicted: bool,
    is_premultiplied: bool,
    /// Whether the samples of each channel are apart.
    is_planar: bool,
    /// Whether the bits of each byte are in reverse order.
    is_reversed: bool,
    /// Width in pixels of the strips or tiles: the predictor starts anew in each.
    chunk_width: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gray,
    GrayAlpha,
    Palette,
    Rgb,
    Rgba,
    YCbCr,
    /// Also with alpha, which is ignored: only inks are printed.
    Cmyk,
}

/// A decoded picture with 8 bits per sample.
pub(super) enum TiffPicture {
    Image(DynamicImage),
    /// One byte per component and pixel; CMYK is inverted as in an Adobe JPEG: 255 is no ink.
    Components(Vec<u8>, ColorSpace),
}

/// Whether the decoders read the file wrongly: one whose bits are in reverse order below a compression,
/// or whose colours are apart and have 32 bits, which the `image` crate takes for floating-point ones.
pub(super) fn is_misread<R: Read + Seek>(file: R) -> bool {
    let Ok(mut decoder) = Decoder::new(file) else { return false };
    let mut number = |tag| {
        let values = decoder.find_tag_unsigned_vec::<u16>(tag).ok().flatten();
        values.and_then(|values| values.first().copied()).unwrap_or(1)
    };
    number(Tag::FillOrder) == LOWEST_FIRST && number(Tag::Compression) != UNCOMPRESSED
        || number(Tag::PlanarConfiguration) != CHUNKY
            && number(Tag::BitsPerSample) == 32
            && number(Tag::SampleFormat) == UNSIGNED
}

impl<R: Read + Seek> TiffFile<R> {
    /// Reads the header of `file`. `None` if it is of a kind that is left to the `image` crate.
    pub(super) fn open(file: R, bytes_max: u64) -> Option<Self> {
        let mut limits = Limits::default();
        limits.decoding_buffer_size = usize::try_from(bytes_max).ok()?;
        limits.intermediate_buffer_size = limits.decoding_buffer_size;
        let file = PaletteAsGray::new(file).ok()?;
        let has_palette = file.has_palette();
        let mut decoder = Decoder::new(file).ok()?.with_limits(limits);
        let (width, height) = decoder.dimensions().ok()?;
        let layout = Layout::read(&mut decoder, has_palette)?;
        let palette = if has_palette { palette(&mut decoder, layout.bits)? } else { Vec::new() };
        let orientation = decoder.find_tag_unsigned::<u8>(Tag::Orientation).ok().flatten();
        let orientation = orientation.and_then(Orientation::from_exif);
        let orientation = orientation.unwrap_or(Orientation::NoTransforms);
        let profile = decoder.get_tag_u8_vec(Tag::IccProfile).ok();
        Some(TiffFile { decoder, width, height, orientation, profile, layout, palette })
    }

    /// Size of the decoded picture in bytes.
    pub(super) fn n_bytes(&self) -> u64 {
        let n_bytes = u64::from(self.layout.bits.div_ceil(8));
        let n_samples = n_bytes * self.layout.n_decoded.max(self.layout.kind.n_channels()) as u64;
        let n_copies = if self.layout.is_planar { 2 } else { 1 };
        (u64::from(self.width) * u64::from(self.height)).saturating_mul(n_samples * n_copies)
    }

    /// Decodes the picture.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(super) fn decode(mut self) -> Result<TiffPicture, Cause> {
        let decoded = self.read_samples().map_err(cause)?;
        let layout = &self.layout;
        let width = self.width as usize;
        let row = width * layout.n_decoded;
        let mut samples = match layout.in_order(decoded) {
            DecodingResult::U8(packed) if layout.bits < 8 => {
                unpack(&packed, layout.bits, width, !self.palette.is_empty())
            }
            DecodingResult::U8(mut samples) => {
                layout.repair(&mut samples, row, u8::wrapping_add, u8::wrapping_sub);
                samples
            }
            DecodingResult::U16(mut samples) => {
                layout.repair(&mut samples, row, u16::wrapping_add, u16::wrapping_sub);
                samples.into_iter().map(to_8_bits).collect()
            }
            DecodingResult::U32(mut samples) if !layout.is_reversed => {
                layout.repair(&mut samples, row, u32::wrapping_add, u32::wrapping_sub);
                samples.into_iter().map(|sample| sample.to_be_bytes()[0]).collect()
            }
            _ => return Err(Cause::NotSupported("this kind of TIFF".to_owned())),
        };
        let n_channels = layout.kind.n_channels();
        if layout.kind == Kind::Palette {
            let color = |&index: &u8| self.palette.get(usize::from(index)).copied();
            let indexes = samples.iter().step_by(layout.n_decoded);
            samples = indexes.flat_map(|index| color(index).unwrap_or_default()).collect();
        } else if n_channels < layout.n_decoded {
            let pixels = samples.chunks_exact(layout.n_decoded);
            samples = pixels.flat_map(|pixel| &pixel[..n_channels]).copied().collect();
        }
        if layout.is_premultiplied {
            samples.chunks_exact_mut(n_channels).for_each(divide_by_alpha);
        }
        layout.kind.picture(self.width, self.height, samples).ok_or(Cause::Truncated)
    }

    /// The samples as the decoder returns them, those of a pixel together.
    fn read_samples(&mut self) -> TiffResult<DecodingResult> {
        if !self.layout.is_planar {
            return self.decoder.read_image();
        }
        let mut planes = DecodingResult::U8(Vec::new());
        self.decoder.read_image_to_buffer(&mut planes)?;
        let (n_pixels, n) = (self.width as usize * self.height as usize, self.layout.n_decoded);
        Ok(match planes {
            DecodingResult::U8(planes) => DecodingResult::U8(interleaved(&planes, n_pixels, n)),
            DecodingResult::U16(planes) => DecodingResult::U16(interleaved(&planes, n_pixels, n)),
            other => other,
        })
    }
}

/// The samples of each pixel together, from those of each channel together.
fn interleaved<T: Copy>(samples: &[T], n_pixels: usize, n_channels: usize) -> Vec<T> {
    let planes: Vec<&[T]> = samples.chunks_exact(n_pixels.max(1)).take(n_channels).collect();
    (0..n_pixels).flat_map(|i| planes.iter().map(move |plane| plane[i])).collect()
}

impl Layout {
    fn read<R: Read + Seek>(decoder: &mut Decoder<R>, has_palette: bool) -> Option<Self> {
        let mut number = |tag, default| {
            let value = decoder.find_tag_unsigned::<u16>(tag).ok()?;
            Some(value.unwrap_or(default))
        };
        let n_stored = usize::from(number(Tag::SamplesPerPixel, 1)?);
        let is_predicted = number(Tag::Predictor, 1)? == HORIZONTAL;
        let is_planar = number(Tag::PlanarConfiguration, CHUNKY)? != CHUNKY;
        let is_reversed = number(Tag::FillOrder, 1)? == LOWEST_FIRST;
        let format = decoder.find_tag_unsigned_vec::<u16>(Tag::SampleFormat).ok()?;
        if format.is_some_and(|formats| formats.iter().any(|&format| format != UNSIGNED)) {
            return None;
        }
        let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok()?;
        let extra = extra.unwrap_or_default();
        let (kind, bits, n_decoded) = match decoder.colortype().ok()? {
            ColorType::Gray(bits) if has_palette => (Kind::Palette, bits, 1),
            ColorType::Multiband { bit_depth, num_samples } if has_palette => {
                (Kind::Palette, bit_depth, usize::from(num_samples))
            }
            ColorType::Gray(bits) => (Kind::Gray, bits, 1),
            ColorType::YCbCr(bits) => (Kind::YCbCr, bits, 3),
            ColorType::RGB(bits) => (Kind::Rgb, bits, 3),
            ColorType::RGBA(bits) => (Kind::Rgba, bits, 4),
            ColorType::CMYK(bits) => (Kind::Cmyk, bits, 4),
            ColorType::CMYKA(bits) => (Kind::Cmyk, bits, 5),
            ColorType::Multiband { bit_depth, num_samples } => {
                let has_alpha = matches!(extra[..], [1 | 2, ..]);
                let kind = if has_alpha { Kind::GrayAlpha } else { Kind::Gray };
                (kind, bit_depth, usize::from(num_samples))
            }
            _ => return None,
        };
        let has_alpha = matches!(kind, Kind::Rgba | Kind::GrayAlpha);
        let is_premultiplied = has_alpha && extra.first() == Some(&PREMULTIPLIED);
        let chunk_width = decoder.chunk_dimensions().0 as usize;
        let is_supported = match kind {
            Kind::Gray if n_decoded == 1 => matches!(bits, 1 | 2 | 4 | 8 | 16 | 32),
            Kind::Palette if n_decoded == 1 => matches!(bits, 1 | 2 | 4 | 8),
            Kind::Palette | Kind::YCbCr => bits == 8,
            _ => matches!(bits, 8 | 16 | 32),
        };
        // The `image` crate reads other kinds of planes, but takes all alpha for straight.
        let is_supported = is_supported && (!is_planar || is_premultiplied && bits <= 16);
        let is_supported = is_supported && n_stored >= n_decoded && chunk_width > 0;
        is_supported.then_some(Layout {
            kind,
            bits,
            n_stored,
            n_decoded,
            is_predicted,
            is_premultiplied,
            is_planar,
            is_reversed,
            chunk_width,
        })
    }

    /// The samples with their bits in order, of which the decoder (tiff 0.11.3) takes no notice.
    fn in_order(&self, mut samples: DecodingResult) -> DecodingResult {
        match &mut samples {
            DecodingResult::U8(bytes) if self.is_reversed => {
                for byte in bytes {
                    *byte = byte.reverse_bits();
                }
            }
            DecodingResult::U16(words) if self.is_reversed => {
                for word in words {
                    *word = word.reverse_bits().swap_bytes();
                }
            }
            _ => (),
        }
        samples
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
        if !self.is_predicted || self.is_planar || self.n_stored == self.n_decoded {
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
            Kind::Gray => 1,
            Kind::GrayAlpha => 2,
            Kind::Palette | Kind::Rgb | Kind::YCbCr => 3,
            Kind::Rgba | Kind::Cmyk => 4,
        }
    }

    fn picture(self, width: u32, height: u32, mut samples: Vec<u8>) -> Option<TiffPicture> {
        let image = match self {
            Kind::Gray => GrayImage::from_raw(width, height, samples)?.into(),
            Kind::GrayAlpha => GrayAlphaImage::from_raw(width, height, samples)?.into(),
            Kind::YCbCr => return Some(TiffPicture::Components(samples, ColorSpace::YCbCr)),
            Kind::Palette | Kind::Rgb => RgbImage::from_raw(width, height, samples)?.into(),
            Kind::Rgba => RgbaImage::from_raw(width, height, samples)?.into(),
            Kind::Cmyk => {
                for ink in &mut samples {
                    *ink = 255 - *ink;
                }
                return Some(TiffPicture::Components(samples, ColorSpace::Cmyk));
            }
        };
        Some(TiffPicture::Image(image))
    }
}

/// The colours of the palette in 8 bits: all red ones are first, then all green ones.
fn palette<R: Read + Seek>(decoder: &mut Decoder<R>, bits: u8) -> Option<Vec<[u8; 3]>> {
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).ok()?;
    let n = 1 << bits;
    if map.len() < 3 * n {
        return None;
    }
    // Some programs wrote 8 bits where TIFF has 16; libtiff's tools decide by the same rule.
    let has_8_bits = map.iter().all(|&level| level < 256);
    let level = |level: u16| if has_8_bits { level.to_le_bytes()[0] } else { to_8_bits(level) };
    Some((0..n).map(|i| [map[i], map[n + i], map[2 * n + i]].map(level)).collect())
}

/// One byte for each sample of `bits` bits, of which a row begins in a new byte: an index, or a level
/// of 0 to 255.
fn unpack(packed: &[u8], bits: u8, width: usize, is_index: bool) -> Vec<u8> {
    let bits = usize::from(bits);
    let max = (1u8 << bits) - 1;
    let scale = if is_index { 1 } else { 255 / max };
    let rows = packed.chunks_exact((width * bits).div_ceil(8).max(1));
    let sample = |row: &[u8], x: usize| row[x * bits / 8] >> (8 - bits - x * bits % 8) & max;
    rows.flat_map(|row| (0..width).map(move |x| sample(row, x) * scale)).collect()
}

fn cause(err: TiffError) -> Cause {
    match err {
        TiffError::IoError(err) => ImageError::IoError(err).into(),
        TiffError::UnsupportedError(_) => Cause::NotSupported("this kind of TIFF".to_owned()),
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
