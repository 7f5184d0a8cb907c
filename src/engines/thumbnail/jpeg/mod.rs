//! A JPEG decoder (ITU-T T.81) that yields a picture at an eighth or a quarter of the full size.
//!
//! The mean of a block of 8 x 8 pixels is its DC coefficient, and the means of the block's four
//! quarters follow from that and three AC coefficients. The other coefficients are not decoded but
//! skipped, several at a time. A progressive file has separate scans for DC coefficients, and only
//! those are decoded.

use std::io::{self, Read, Seek};

use fast_image_resize::PixelType;
use image::metadata::Orientation;

mod bit_reader;
mod cursor;
mod entropy_data;
mod huffman;
mod intervals;
mod mcu;
mod plane;
mod repair;
mod scan;
mod segments;
mod window;

use super::geometry::Geometry;
use super::resize::{Samples, resize};
use super::size::Size;
use plane::Plane;
use repair::Repair;
use scan::{BlockCount, Scan};
use segments::{Component, Frame, Tables, append_segment};
use window::FileWindow;

/// Marker of the segment that repeats the number of lines behind the first scan (T.81, B.2.5).
const DNL: u8 = 0xDC;

/// A JPEG whose headers have been read.
pub(super) struct Jpeg<R> {
    tables: Tables,
    frame: Frame,
    /// The first scan header, and the file behind it.
    scan: Vec<u8>,
    rest: FileWindow<R>,
}

/// A JPEG decoded at a fraction of its size.
pub(super) struct ReducedPicture {
    components: Vec<ComponentSamples>,
    /// How much of the picture could be decoded, in percent.
    pub(super) percent_decoded: u8,
    /// Whether bits are not a code, restart markers are not where they should be, or a segment
    /// follows the scan: other decoders may read the file differently.
    pub(super) is_irregular: bool,
    /// Whether the file has its end marker (EOI); checked for progressive files only.
    pub(super) has_end: bool,
}

/// The colours that the components stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColorSpace {
    Gray,
    Rgb,
    YCbCr,
    /// Inverted, as Adobe writes it: 255 is no ink.
    Cmyk,
    /// YCbCr in place of C, M and Y, and K as in CMYK.
    Ycck,
}

/// The samples of a component.
struct ComponentSamples {
    samples: Vec<u8>,
    width: u32,
    height: u32,
    /// Pixels of the full picture that a sample covers, horizontally and vertically.
    pixels_per_sample: (f64, f64),
}

impl<R: Read + Seek> Jpeg<R> {
    /// Reads the headers of `file`. `None` if it is not a JPEG, or of a kind that is not supported
    /// here: arithmetic coding, lossless, hierarchical, more than 8 bits per sample.
    pub(super) fn open(file: R) -> Option<Self> {
        let mut rest = FileWindow::new(file).ok()?;
        rest.peek(2).starts_with(&[0xFF, 0xD8]).then(|| rest.advance(2))?;
        let mut tables = Tables::default();
        let scan = tables.read_to_scan(&mut rest)?;
        let frame = tables.frame.take()?;
        Some(Jpeg { tables, frame, scan, rest })
    }

    /// Width and height of the full picture.
    pub(super) fn size(&self) -> Size {
        Size { width: self.frame.width.into(), height: self.frame.height.into() }
    }

    /// How the picture has to be turned to be upright (EXIF).
    pub(super) fn orientation(&self) -> Orientation {
        self.tables.orientation.unwrap_or(Orientation::NoTransforms)
    }

    /// The embedded ICC profile.
    pub(super) fn profile(&mut self) -> Option<Vec<u8>> {
        self.tables.profile()
    }

    /// Whether decoding yields enough samples for a thumbnail that is `ratio` times smaller: one
    /// per pixel of the thumbnail, or one per two pixels in a direction in which the component is
    /// subsampled, as in most JPEGs.
    pub(super) fn is_detailed_enough_for(&self, ratio: f64) -> bool {
        self.frame.components.iter().all(|&component| {
            let pixels_per_block = self.frame.pixels_per_block(component);
            let n = if self.keeps_ac(component, ratio) { 2.0 } else { 1.0 };
            let is_halved = pixels_per_block > 8.0 && pixels_per_block <= 16.0;
            pixels_per_block / n <= if is_halved { 2.0 * ratio } else { ratio }
        })
    }

    /// Whether each block of a component is decoded to two by two samples. Of progressive files
    /// only DC coefficients are decoded.
    fn keeps_ac(&self, component: Component, ratio: f64) -> bool {
        !self.frame.is_progressive && self.frame.pixels_per_block(component) > ratio
    }

    /// Whether zune-jpeg 0.5.15 decodes the file wrongly: because it is sequential and its components
    /// are in scans of their own, not interleaved, or because the first component has not the
    /// finest samples.
    pub(super) fn is_misread_by_zune(&self) -> bool {
        let n = self.scan.first().map_or(0, |&n| usize::from(n));
        let first = &self.frame.components[0];
        let is_non_interleaved = !self.frame.is_progressive && n < self.frame.components.len();
        is_non_interleaved || (first.h, first.v) != self.frame.max_factors()
    }

    /// The largest part of the picture, in percent, that a file of this length can contain, as
    /// every block takes at least one bit. Reveals an invalid size in the header before any memory
    /// of that size is allocated.
    pub(super) fn max_percent_decodable(&self) -> usize {
        let side = |side: u16| usize::from(side).div_ceil(8);
        let n_blocks = side(self.frame.width) * side(self.frame.height);
        let n_bytes = usize::try_from(self.rest.n_bytes_left()).unwrap_or(usize::MAX);
        (n_bytes.saturating_mul(8 * 100) / n_blocks).min(100)
    }

    /// Decodes the picture in the detail that a thumbnail `ratio` times smaller shows. `None` if no
    /// block could be decoded.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn decode(mut self, ratio: f64) -> io::Result<Option<ReducedPicture>> {
        let mut planes = Plane::all(&self.frame, |&component| self.keeps_ac(component, ratio));
        let mut count = BlockCount::default();
        while let Some(scan) = Scan::parse(&self.scan, &self.frame) {
            if scan.has_dc {
                let (tables, frame) = (&self.tables, &self.frame);
                let blocks = scan.decode(&mut self.rest, tables, frame, &mut planes, None);
                let Some(blocks) = blocks else { break };
                count.decoded += blocks.decoded;
                count.expected += blocks.expected;
                count.is_irregular |= blocks.is_irregular;
                count.is_irregular |= scan.is_only_one(frame) && self.rest.is_at_marker(DNL);
            }
            if planes.iter().all(|plane| plane.is_complete(&self.frame)) {
                break;
            }
            let Some(next) = self.tables.read_to_scan(&mut self.rest) else { break };
            self.scan = next;
        }
        self.rest.take_error()?;
        if count.decoded == 0 {
            return Ok(None);
        }
        let missing = planes.iter().filter(|plane| plane.low_bits.is_none());
        count.expected += missing.map(|plane| plane.dc.len()).sum::<usize>();
        let percent_decoded = u8::try_from(count.decoded * 100 / count.expected).unwrap_or(100);
        // The scans of a progressive file that are not decoded should at least be there.
        let has_end = !self.frame.is_progressive || self.rest.rest_contains(b"\xFF\xD9")?;
        let components = self.samples(planes);
        let is_irregular = count.is_irregular;
        Ok(Some(ReducedPicture { components, percent_decoded, is_irregular, has_end }))
    }

    /// A copy of a damaged file with one scan, in which no restart interval is missing, too long or
    /// too short, so that other decoders read it as this one does. `None` for other files.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(super) fn repaired(mut self) -> io::Result<Option<Vec<u8>>> {
        let scan = Scan::parse(&self.scan, &self.frame);
        let Some(scan) = scan.filter(|scan| scan.is_only_one(&self.frame)) else { return Ok(None) };
        let mut headers = [&[0xFF, 0xD8], &self.tables.segments[..]].concat();
        append_segment(&mut headers, 0xDA, &self.scan);
        let mut repair = Repair::new(headers);
        let mut planes = Plane::all(&self.frame, |_| false);
        scan.decode(&mut self.rest, &self.tables, &self.frame, &mut planes, Some(&mut repair));
        self.rest.take_error()?;
        Ok(repair.finish())
    }

    /// Number of colour components: 1, 3 or 4.
    pub(super) fn n_components(&self) -> usize {
        self.frame.components.len()
    }

    /// The colours that the components stand for, by the rules of libjpeg: a JFIF segment means
    /// YCbCr (JFIF 1.02), without it an Adobe segment decides, then the names of the components.
    pub(super) fn color_space(&self) -> ColorSpace {
        let ids: Vec<u8> = self.frame.components.iter().map(|component| component.id).collect();
        match (ids.len(), self.tables.adobe_transform) {
            (1, _) => ColorSpace::Gray,
            (3, _) if self.tables.has_jfif => ColorSpace::YCbCr,
            (3, Some(0)) => ColorSpace::Rgb,
            (3, None) if ids == *b"RGB" => ColorSpace::Rgb,
            (3, _) => ColorSpace::YCbCr,
            (_, Some(2)) => ColorSpace::Ycck,
            _ => ColorSpace::Cmyk,
        }
    }

    /// The samples of each component; its coefficients are dropped before the next one.
    fn samples(&self, planes: Vec<Plane>) -> Vec<ComponentSamples> {
        let (h_max, v_max) = self.frame.max_factors();
        let components =
            planes.into_iter().zip(&self.frame.components).map(|(plane, component)| {
                let n = if plane.ac.is_empty() { 1u8 } else { 2 };
                let pixels_per_sample = (
                    f64::from(8 * h_max) / f64::from(n * component.h),
                    f64::from(8 * v_max) / f64::from(n * component.v),
                );
                // Blocks that only pad the last MCUs are left out.
                let width = u32::from(self.frame.width) * u32::from(n * component.h);
                let height = u32::from(self.frame.height) * u32::from(n * component.v);
                let width = width.div_ceil(8 * u32::from(h_max));
                let height = height.div_ceil(8 * u32::from(v_max));
                let samples = plane.samples(width as usize, height as usize);
                ComponentSamples { samples, width, height, pixels_per_sample }
            });
        components.collect()
    }
}

impl ReducedPicture {
    /// The samples of each component, resized to the size of each thumbnail.
    pub(super) fn resized(self, geometries: &[Geometry]) -> Vec<Vec<Vec<u8>>> {
        let mut thumbs = vec![Vec::new(); geometries.len()];
        for component in self.components {
            let samples = Samples {
                bytes: component.samples,
                width: component.width,
                height: component.height,
                kind: PixelType::U8,
                pixels_per_sample: component.pixels_per_sample,
                has_alpha: false,
            };
            let layers = resize(samples, geometries);
            thumbs.iter_mut().zip(layers).for_each(|(thumb, layer)| thumb.push(layer));
        }
        thumbs
    }
}

#[cfg(test)]
mod tests;
