//! Scans (T.81, Annexes F and G): which MCUs they have, and how these are coded.

use std::io::{Read, Seek};

use super::cursor::Cursor;
use super::intervals::ScanDecoder;
use super::mcu::{Coding, ScanComponent};
use super::plane::Plane;
use super::repair::Repair;
use super::segments::{Frame, Tables};
use super::window::FileWindow;

/// A scan header (SOS).
pub(super) struct Scan {
    /// Indexes of the component, its DC table and its AC table.
    components: Vec<(usize, usize, usize)>,
    /// Whether the scan contains DC coefficients.
    pub(super) has_dc: bool,
    /// Successive approximation: the bit positions Ah and Al.
    high: u8,
    low: u8,
}

/// Numbers of blocks: decoded, and expected by the size of the picture.
#[derive(Clone, Copy, Default)]
pub(super) struct BlockCount {
    pub(super) decoded: usize,
    pub(super) expected: usize,
    /// Whether bits are not a code, or restart intervals are missing or longer or shorter than they
    /// should be.
    pub(super) is_irregular: bool,
}

impl Scan {
    /// Parses a scan header; `None` if it is invalid.
    pub(super) fn parse(segment: &[u8], frame: &Frame) -> Option<Self> {
        let mut segment = Cursor(segment);
        let n = segment.byte()?;
        let mut components = Vec::new();
        for _ in 0..n {
            let (id, tables) = (segment.byte()?, segment.byte()?);
            let component = frame.components.iter().position(|component| component.id == id)?;
            components.push((component, usize::from(tables >> 4), usize::from(tables & 15)));
        }
        let (first, _last, bits) = (segment.byte()?, segment.byte()?, segment.byte()?);
        let is_valid = (1..=4).contains(&n) && bits & 15 < 14;
        let has_dc = first == 0;
        is_valid.then_some(Scan { components, has_dc, high: bits >> 4, low: bits & 15 })
    }

    /// Whether no other scan can follow.
    pub(super) fn is_only_one(&self, frame: &Frame) -> bool {
        !frame.is_progressive && self.components.len() == frame.components.len()
    }

    /// Decodes the scan at the position of `file` into `planes`; `None` if the header contradicts
    /// the tables or an earlier scan.
    pub(super) fn decode<R: Read + Seek>(
        &self,
        file: &mut FileWindow<R>,
        tables: &Tables,
        frame: &Frame,
        planes: &mut [Plane],
        repair: Option<&mut Repair>,
    ) -> Option<BlockCount> {
        for &(c, ..) in &self.components {
            if !frame.is_progressive && planes[c].low_bits.is_some() {
                return None; // this component had its scan already
            }
            let table = usize::from(frame.components[c].quantization_table);
            planes[c].quantization = planes[c].quantization.or(tables.quantization[table]);
            planes[c].low_bits = Some(self.low);
        }
        let components = self.components(tables, frame)?;
        let first = &planes[self.components[0].0];
        let (across, down) = match components[..] {
            [_] => first.unpadded,
            [ref component, ..] => (first.across / component.h, first.down / component.v),
            [] => return None,
        };
        let blocks_per_mcu: usize =
            components.iter().map(|component| component.h * component.v).sum();
        let n_mcus = across * down;
        let interval = match usize::from(tables.restart_interval) {
            0 => n_mcus,
            interval => interval,
        };
        let is_only_scan = self.is_only_one(frame);
        let mut decoder = ScanDecoder::new(components, (across, n_mcus), is_only_scan, repair);
        let n_decoded = decoder.decode(file, interval, planes);
        Some(BlockCount {
            decoded: n_decoded * blocks_per_mcu,
            expected: n_mcus * blocks_per_mcu,
            is_irregular: decoder.is_irregular,
        })
    }

    fn components<'a>(&self, tables: &'a Tables, frame: &Frame) -> Option<Vec<ScanComponent<'a>>> {
        let components = self.components.iter().map(|&(c, dc, ac)| {
            let component = &frame.components[c];
            let (h, v) = match self.components.len() {
                1 => (1, 1), // in a scan of its own a component is not interleaved
                _ => (usize::from(component.h), usize::from(component.v)),
            };
            let coding = self.coding(frame, tables, dc, ac)?;
            Some(ScanComponent { plane: c, h, v, coding, last_dc: 0 })
        });
        components.collect()
    }

    fn coding<'a>(
        &self,
        frame: &Frame,
        tables: &'a Tables,
        dc: usize,
        ac: usize,
    ) -> Option<Coding<'a>> {
        if frame.is_progressive && self.high > 0 {
            return Some(Coding::DcRefine(self.low));
        }
        let dc = tables.dc.get(dc)?.as_ref()?;
        if frame.is_progressive {
            return Some(Coding::DcFirst(dc, self.low));
        }
        Some(Coding::Sequential(dc, tables.ac.get(ac)?.as_ref()?.ac_decoder()))
    }
}
