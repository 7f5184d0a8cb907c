//! The marker segments of a JPEG: what its scans need to be read and its samples to be shown.

use std::io::{Read, Seek};

use image::metadata::Orientation;

use super::huffman::Codes;
use super::input::Input;

/// A cursor over bytes that gives `None` at their end.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn u16(&mut self) -> Option<u16> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*bytes))
    }

    fn bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(bytes)
    }
}

/// A colour component.
#[derive(Clone, Copy, Debug)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Sampling factors.
    pub(super) h: u8,
    pub(super) v: u8,
    pub(super) table: u8,
}

/// The frame: what SOF says.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) is_progressive: bool,
    pub(super) components: Vec<Component>,
}

impl Frame {
    /// `None` for what we leave to others.
    fn read(mut segment: Cursor<'_>, is_progressive: bool) -> Option<Self> {
        let precision = segment.byte()?;
        let (height, width) = (segment.u16()?, segment.u16()?);
        let n = usize::from(segment.byte()?);
        let mut components = Vec::new();
        for _ in 0..n {
            let (id, factors, table) = (segment.byte()?, segment.byte()?, segment.byte()?);
            components.push(Component { id, h: factors >> 4, v: factors & 15, table });
        }
        let is_fine = |c: &Component| (1..=4).contains(&c.h) && (1..=4).contains(&c.v);
        let n_blocks: u32 = components.iter().map(|c| u32::from(c.h) * u32::from(c.v)).sum();
        let is_ours = precision == 8
            && width > 0
            && height > 0
            && matches!(n, 1 | 3 | 4)
            && components.iter().all(|c| is_fine(c) && c.table < 4)
            && (n == 1 || n_blocks <= 10);
        is_ours.then_some(Frame { width, height, is_progressive, components })
    }

    /// Pixels of the picture along a block of a component, in the direction where they are more.
    pub(super) fn pixels_per_block(&self, component: Component) -> f64 {
        let (h_most, v_most) = self.most();
        let across = f64::from(h_most) / f64::from(component.h);
        let down = f64::from(v_most) / f64::from(component.v);
        8.0 * across.max(down)
    }

    /// The largest sampling factors.
    pub(super) fn most(&self) -> (u8, u8) {
        let most = |factor: fn(&Component) -> u8| self.components.iter().map(factor).max();
        (most(|c| c.h).unwrap_or(1), most(|c| c.v).unwrap_or(1))
    }
}

/// Everything the segments have said so far.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) frame: Option<Frame>,
    /// The first entries of each table, in zigzag order.
    pub(super) quantization: [Option<[u16; 5]>; 4],
    pub(super) dc: [Option<Codes>; 4],
    pub(super) ac: [Option<Codes>; 4],
    /// MCUs from restart to restart, 0 for none.
    pub(super) restart_interval: u16,
    /// The transform Adobe's segment names.
    pub(super) adobe: Option<u8>,
    pub(super) has_jfif: bool,
    pub(super) orientation: Option<Orientation>,
    profile: Vec<(u8, Vec<u8>)>,
}

impl Tables {
    /// Reads segments up to and with a start of scan, whose segment it gives. `None` at the end of
    /// the file or where we cannot go on.
    pub(super) fn read_to_scan<R: Read + Seek>(&mut self, file: &mut Input<R>) -> Option<Vec<u8>> {
        loop {
            match file.marker()? {
                0x01 | 0xD0..=0xD8 => (), // these have no segment
                0xD9 => return None,
                0xDA => return file.segment().map(|segment| segment.0.to_vec()),
                marker => self.read(marker, file.segment()?)?,
            }
        }
    }

    fn read(&mut self, marker: u8, mut segment: Cursor<'_>) -> Option<()> {
        match marker {
            0xC0..=0xC2 => {
                let frame = Frame::read(segment, marker == 0xC2)?;
                self.frame.is_none().then_some(())?;
                self.frame = Some(frame);
            }
            0xC4 => self.read_codes(segment)?,
            0xC3 | 0xC5..=0xCF => return None, // lossless, hierarchical or arithmetic
            0xDB => self.read_quantization(segment)?,
            0xDD => self.restart_interval = segment.u16()?,
            0xE0 => self.has_jfif |= segment.0.starts_with(b"JFIF\0"),
            0xE1 => self.read_exif(segment),
            0xE2 => self.read_profile(segment),
            0xEE if segment.0.starts_with(b"Adobe") => self.adobe = segment.0.get(11).copied(),
            _ => (),
        }
        Some(())
    }

    fn read_codes(&mut self, mut segment: Cursor<'_>) -> Option<()> {
        while let Some(place) = segment.byte() {
            let counts: &[u8; 16] = segment.bytes(16)?.try_into().ok()?;
            let n = counts.iter().map(|&count| usize::from(count)).sum();
            let codes = Codes::new(counts, segment.bytes(n)?)?;
            let slot = usize::from(place & 15);
            match place >> 4 {
                0 => *self.dc.get_mut(slot)? = Some(codes),
                1 => *self.ac.get_mut(slot)? = Some(codes),
                _ => return None,
            }
        }
        Some(())
    }

    fn read_quantization(&mut self, mut segment: Cursor<'_>) -> Option<()> {
        while let Some(place) = segment.byte() {
            let is_wide = place >> 4 != 0;
            let mut table = [0; 5];
            for i in 0..64 {
                let value = if is_wide { segment.u16()? } else { u16::from(segment.byte()?) };
                if let Some(entry) = table.get_mut(i) {
                    *entry = value;
                }
            }
            *self.quantization.get_mut(usize::from(place & 15))? = Some(table);
        }
        Some(())
    }

    fn read_exif(&mut self, segment: Cursor<'_>) {
        if let Some(exif) = segment.0.strip_prefix(b"Exif\0\0") {
            self.orientation = self.orientation.or(Orientation::from_exif_chunk(exif));
        }
    }

    /// A profile may be in pieces: number, how many, bytes.
    fn read_profile(&mut self, segment: Cursor<'_>) {
        if let Some([number, _, piece @ ..]) = segment.0.strip_prefix(b"ICC_PROFILE\0") {
            self.profile.push((*number, piece.to_vec()));
        }
    }

    /// The colour profile, its pieces put together.
    pub(super) fn profile(&mut self) -> Option<Vec<u8>> {
        self.profile.sort_by_key(|(number, _)| *number);
        let profile = self.profile.iter().flat_map(|(_, piece)| piece).copied().collect::<Vec<_>>();
        (!profile.is_empty()).then_some(profile)
    }
}
