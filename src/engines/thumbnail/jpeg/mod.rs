//! JPEG at an eighth or a quarter of its size, for the price of finding where its blocks begin.
//!
//! The mean of a block of 8 x 8 pixels is its first coefficient, and the means of its quarters are
//! made of that and three more. The others are not decoded but skipped, several at a time; a
//! progressive file has scans of first coefficients, and only those are read.

use std::io::{self, Read, Seek};

use fast_image_resize::PixelType;
use image::metadata::Orientation;

mod bits;
mod huffman;
mod input;
mod scan;
mod segments;

use super::scale::{Plan, Samples, Size, resize};
use input::Input;
use scan::{Count, Plane, Scan};
use segments::{Component, Frame, Tables};

/// A JPEG whose headers have been read.
pub(super) struct Jpeg<R> {
    tables: Tables,
    frame: Frame,
    /// The first start of scan, and the file after it.
    scan: Vec<u8>,
    rest: Input<R>,
}

/// A JPEG read at a part of its size.
pub(super) struct Reduced {
    planes: Vec<Layer>,
    pub(super) space: Space,
    /// Parts of the picture that were there, in percent.
    pub(super) percent_kept: u8,
    /// Whether the file goes on to its end.
    pub(super) has_end: bool,
}

/// What the components mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Space {
    Gray,
    Rgb,
    YCbCr,
    /// As Adobe writes it: 255 is no ink.
    Cmyk,
    Ycck,
}

/// The samples of a component.
struct Layer {
    samples: Vec<u8>,
    width: u32,
    height: u32,
    pixels_per_sample: (f64, f64),
}

impl<R: Read + Seek> Jpeg<R> {
    /// Reads the headers of `file`. `None` if it is no JPEG, or of a kind that is left to others:
    /// arithmetic, lossless, of more than 8 bits.
    pub(super) fn open(file: R) -> Option<Self> {
        let mut rest = Input::new(file).ok()?;
        rest.ahead(2).starts_with(&[0xFF, 0xD8]).then(|| rest.advance(2))?;
        let mut tables = Tables::default();
        let scan = tables.read_to_scan(&mut rest)?;
        let frame = tables.frame.take()?;
        Some(Jpeg { tables, frame, scan, rest })
    }

    /// Width and height of the full picture.
    pub(super) fn size(&self) -> Size {
        Size { width: self.frame.width.into(), height: self.frame.height.into() }
    }

    /// How the picture is to be turned.
    pub(super) fn orientation(&self) -> Orientation {
        self.tables.orientation.unwrap_or(Orientation::NoTransforms)
    }

    /// The embedded colour profile.
    pub(super) fn profile(&mut self) -> Option<Vec<u8>> {
        self.tables.profile()
    }

    /// Whether reading gives samples enough for a thumbnail `ratio` times smaller: one for each of
    /// its pixels, or of colour at half the width or height one for two, as usual in a JPEG.
    pub(super) fn has_enough_for(&self, ratio: f64) -> bool {
        self.frame.components.iter().all(|&component| {
            let pixels_per_block = self.frame.pixels_per_block(component);
            let n = if self.keeps_ac(component, ratio) { 2.0 } else { 1.0 };
            let is_halved = pixels_per_block > 8.0 && pixels_per_block <= 16.0;
            pixels_per_block / n <= if is_halved { 2.0 * ratio } else { ratio }
        })
    }

    /// Whether each block of a component is read as two by two samples. Of a progressive file only
    /// first coefficients are read.
    fn keeps_ac(&self, component: Component, ratio: f64) -> bool {
        !self.frame.is_progressive && self.frame.pixels_per_block(component) > ratio
    }

    /// Whether it is one of those that `image` makes garbage of (zune-jpeg 0.5.15): baseline, and
    /// its components come one after the other.
    pub(super) fn is_baseline_in_turn(&self) -> bool {
        let n = self.scan.first().map_or(0, |&n| usize::from(n));
        !self.frame.is_progressive && n < self.frame.components.len()
    }

    /// The most of the picture that a file of this length can hold, in percent: a block takes a bit
    /// at least. Tells a lie in the header before anything of that size is allocated.
    pub(super) fn percent_possible(&self) -> usize {
        let side = |side: u16| usize::from(side).div_ceil(8);
        let n_blocks = side(self.frame.width) * side(self.frame.height);
        let n_bytes = usize::try_from(self.rest.n_ahead()).unwrap_or(usize::MAX);
        (n_bytes.saturating_mul(8 * 100) / n_blocks).min(100)
    }

    /// Reads the picture in the detail that a thumbnail `ratio` times smaller shows. `None` if its
    /// scans make no sense.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub(super) fn read(mut self, ratio: f64) -> io::Result<Option<Reduced>> {
        let mut planes = Plane::all(&self.frame, |&component| self.keeps_ac(component, ratio));
        let mut count = Count::default();
        while let Some(scan) = Scan::read(&self.scan, &self.frame) {
            if scan.has_dc {
                let read = scan.decode(&mut self.rest, &self.tables, &self.frame, &mut planes);
                let Some(read) = read else { break };
                count.read += read.read;
                count.expected += read.expected;
            }
            if planes.iter().all(|plane| plane.is_done(&self.frame)) {
                break;
            }
            let Some(next) = self.tables.read_to_scan(&mut self.rest) else { break };
            self.scan = next;
        }
        self.rest.check()?;
        if count.read == 0 {
            return Ok(None);
        }
        let never_came = planes.iter().filter(|plane| plane.low_bits.is_none());
        count.expected += never_came.map(|plane| plane.dc.len()).sum::<usize>();
        let percent_kept = u8::try_from(count.read * 100 / count.expected).unwrap_or(100);
        // What of a progressive file is not read, should at least be there.
        let has_end = !self.frame.is_progressive || self.rest.has_ahead(b"\xFF\xD9")?;
        let reduced = self.space().map(|space| Reduced {
            space,
            planes: self.layers(&planes),
            percent_kept,
            has_end,
        });
        Ok(reduced)
    }

    fn space(&self) -> Option<Space> {
        let ids: Vec<u8> = self.frame.components.iter().map(|component| component.id).collect();
        match (ids.len(), self.tables.adobe) {
            (1, _) => Some(Space::Gray),
            (3, Some(0)) => Some(Space::Rgb),
            (3, None) if !self.tables.has_jfif && ids == *b"RGB" => Some(Space::Rgb),
            (3, _) => Some(Space::YCbCr),
            (4, Some(2)) => Some(Space::Ycck),
            (4, _) => Some(Space::Cmyk),
            _ => None,
        }
    }

    fn layers(&self, planes: &[Plane]) -> Vec<Layer> {
        let (h_most, v_most) = self.frame.most();
        let layers = planes.iter().zip(&self.frame.components).map(|(plane, component)| {
            let n = if plane.ac.is_empty() { 1u8 } else { 2 };
            let pixels_per_sample = (
                f64::from(8 * h_most) / f64::from(n * component.h),
                f64::from(8 * v_most) / f64::from(n * component.v),
            );
            // Blocks that only fill up the last MCUs are left out.
            let width = u32::from(self.frame.width) * u32::from(n * component.h);
            let height = u32::from(self.frame.height) * u32::from(n * component.v);
            let width = width.div_ceil(8 * u32::from(h_most));
            let height = height.div_ceil(8 * u32::from(v_most));
            let samples = plane.samples(width as usize, height as usize);
            Layer { samples, width, height, pixels_per_sample }
        });
        layers.collect()
    }
}

impl Reduced {
    /// The components of the thumbnail, each of its size.
    pub(super) fn resized(&self, plan: &Plan) -> Vec<Vec<u8>> {
        let layers = self.planes.iter().map(|layer| {
            let samples = Samples {
                bytes: &layer.samples,
                width: layer.width,
                height: layer.height,
                kind: PixelType::U8,
                pixels_per_sample: layer.pixels_per_sample,
            };
            resize(&samples, plan)
        });
        layers.collect()
    }
}

#[cfg(test)]
mod tests;
