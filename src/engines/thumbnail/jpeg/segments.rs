//! The marker segments of a JPEG (T.81, Annex B): tables, frame header, colour profile,
//! orientation.

use std::io::{Read, Seek};

use image::metadata::Orientation;

use super::cursor::Cursor;
use super::huffman::HuffmanTable;
use super::window::FileWindow;

/// A colour component, as the frame header describes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors, horizontal and vertical, 1 to 4.
    pub(super) h: u8,
    pub(super) v: u8,
    /// Number of the quantization table, 0 to 3.
    pub(super) quantization_table: u8,
}

/// The frame header (SOF).
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) is_progressive: bool,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// Parses a frame header; `None` if it is invalid or of a kind that is not supported here.
    fn parse(mut segment: Cursor<'_>, is_progressive: bool) -> Option<Self> {
        let precision = segment.byte()?;
        let (height, width) = (segment.u16()?, segment.u16()?);
        let n = usize::from(segment.byte()?);
        let mut components = Vec::new();
        for _ in 0..n {
            let (id, factors, quantization_table) =
                (segment.byte()?, segment.byte()?, segment.byte()?);
            components.push(Component { id, h: factors >> 4, v: factors & 15, quantization_table });
        }
        let is_valid = |c: &Component| (1..=4).contains(&c.h) && (1..=4).contains(&c.v);
        let n_blocks: u32 = components.iter().map(|c| u32::from(c.h) * u32::from(c.v)).sum();
        let is_supported = precision == 8
            && width > 0
            && height > 0
            && matches!(n, 1 | 3 | 4)
            && components.iter().all(|c| is_valid(c) && c.quantization_table < 4)
            && (n == 1 || n_blocks <= 10);
        is_supported.then_some(Frame { width, height, is_progressive, components })
    }

    /// Side in pixels of the area that a block of a component covers: the longer one.
    pub(super) fn pixels_per_block(&self, component: Component) -> f64 {
        let (h_max, v_max) = self.max_factors();
        let across = f64::from(h_max) / f64::from(component.h);
        let down = f64::from(v_max) / f64::from(component.v);
        8.0 * across.max(down)
    }

    /// The largest sampling factors of all components, horizontal and vertical.
    pub(super) fn max_factors(&self) -> (u8, u8) {
        let max = |factor: fn(&Component) -> u8| self.components.iter().map(factor).max();
        (max(|c| c.h).unwrap_or(1), max(|c| c.v).unwrap_or(1))
    }
}

/// No further segments are kept when these have so many bytes: valid files have a few hundred.
const SEGMENTS_MAX: usize = 1 << 16;

/// Appends a marker segment to a file.
pub(super) fn append_segment(file: &mut Vec<u8>, marker: u8, segment: &[u8]) {
    let length = u16::try_from(2 + segment.len()).unwrap_or(u16::MAX).to_be_bytes();
    file.extend([0xFF, marker]);
    file.extend(length);
    file.extend(segment);
}

/// What the segments read so far have defined.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) frame: Option<Frame>,
    /// The first five entries of each quantization table, in zigzag order.
    pub(super) quantization: [Option<[u16; 5]>; 4],
    pub(super) dc: [Option<HuffmanTable>; 4],
    pub(super) ac: [Option<HuffmanTable>; 4],
    /// MCUs between two restart markers; 0 for no restart markers.
    pub(super) restart_interval: u16,
    /// The colour transform code of the Adobe segment.
    pub(super) adobe_transform: Option<u8>,
    pub(super) has_jfif: bool,
    pub(super) orientation: Option<Orientation>,
    /// The segments that define the frame and the tables, as they are in the file.
    pub(super) segments: Vec<u8>,
    /// Pieces of the ICC profile, with their numbers.
    profile: Vec<(u8, Vec<u8>)>,
}

impl Tables {
    /// Reads segments up to the next scan header (SOS) and returns that. `None` at the end of the
    /// file, or where it is malformed or of a kind that is not supported here.
    pub(super) fn read_to_scan<R: Read + Seek>(
        &mut self,
        file: &mut FileWindow<R>,
    ) -> Option<Vec<u8>> {
        loop {
            match file.take_marker()? {
                0x01 | 0xD0..=0xD8 => (), // markers without a segment
                0xD9 => return None,
                0xDA => return file.take_segment().map(|segment| segment.0.to_vec()),
                marker => {
                    let segment = file.take_segment()?;
                    self.keep(marker, segment);
                    self.parse(marker, segment)?;
                }
            }
        }
    }

    /// Keeps the segment if it is needed for decoding.
    fn keep(&mut self, marker: u8, segment: Cursor<'_>) {
        let is_needed = matches!(marker, 0xC0..=0xC2 | 0xC4 | 0xDB | 0xDD);
        if is_needed && self.segments.len() < SEGMENTS_MAX {
            append_segment(&mut self.segments, marker, segment.0);
        }
    }

    fn parse(&mut self, marker: u8, mut segment: Cursor<'_>) -> Option<()> {
        match marker {
            0xC0..=0xC2 => {
                let frame = Frame::parse(segment, marker == 0xC2)?;
                self.frame.is_none().then_some(())?;
                self.frame = Some(frame);
            }
            0xC4 => self.parse_huffman_tables(segment)?,
            0xC3 | 0xC5..=0xCF => return None, // lossless, hierarchical or arithmetic
            0xDB => self.parse_quantization(segment)?,
            0xDD => self.restart_interval = segment.u16()?,
            0xE0 => self.has_jfif |= segment.0.starts_with(b"JFIF\0"),
            0xE1 => self.parse_exif(segment),
            0xE2 => self.parse_profile(segment),
            0xEE if segment.0.starts_with(b"Adobe") => {
                self.adobe_transform = segment.0.get(11).copied();
            }
            _ => (),
        }
        Some(())
    }

    fn parse_huffman_tables(&mut self, mut segment: Cursor<'_>) -> Option<()> {
        while let Some(class_and_slot) = segment.byte() {
            let counts: &[u8; 16] = segment.bytes(16)?.try_into().ok()?;
            let n = counts.iter().map(|&count| usize::from(count)).sum();
            let symbols = segment.bytes(n)?;
            let table = HuffmanTable::new(counts, symbols)?;
            let slot = usize::from(class_and_slot & 15);
            match class_and_slot >> 4 {
                0 if symbols.iter().any(|&size| size > 15) => return None,
                0 => *self.dc.get_mut(slot)? = Some(table),
                1 => *self.ac.get_mut(slot)? = Some(table),
                _ => return None,
            }
        }
        Some(())
    }

    fn parse_quantization(&mut self, mut segment: Cursor<'_>) -> Option<()> {
        while let Some(precision_and_slot) = segment.byte() {
            let is_wide = precision_and_slot >> 4 != 0;
            let mut table = [0; 5];
            for i in 0..64 {
                let value = if is_wide { segment.u16()? } else { u16::from(segment.byte()?) };
                if let Some(entry) = table.get_mut(i) {
                    *entry = value;
                }
            }
            *self.quantization.get_mut(usize::from(precision_and_slot & 15))? = Some(table);
        }
        Some(())
    }

    fn parse_exif(&mut self, segment: Cursor<'_>) {
        if let Some(exif) = segment.0.strip_prefix(b"Exif\0\0") {
            let orientation = || Orientation::from_exif_chunk(exif);
            let first = self.orientation.or_else(orientation); // further segments do not count
            self.orientation = first.or(Some(Orientation::NoTransforms));
        }
    }

    /// Keeps a piece of the ICC profile: its number, the number of pieces, and its bytes.
    fn parse_profile(&mut self, segment: Cursor<'_>) {
        if let Some([number, _, piece @ ..]) = segment.0.strip_prefix(b"ICC_PROFILE\0") {
            self.profile.push((*number, piece.to_vec()));
        }
    }

    /// The ICC profile, joined from its pieces.
    pub(super) fn profile(&mut self) -> Option<Vec<u8>> {
        self.profile.sort_by_key(|(number, _)| *number);
        let profile = self.profile.iter().flat_map(|(_, piece)| piece).copied().collect::<Vec<_>>();
        (!profile.is_empty()).then_some(profile)
    }
}
