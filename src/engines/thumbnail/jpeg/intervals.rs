//! The restart intervals of a scan (T.81, E.1.4 and F.2.1.3.1), also of a damaged one.

use std::io::{Read, Seek};
use std::ops::Range;

use super::bit_reader::BitReader;
use super::entropy_data::EntropyData;
use super::mcu::ScanComponent;
use super::plane::Plane;
use super::repair::Repair;
use super::window::FileWindow;

/// More than an MCU takes in bytes: ten blocks of 64 codes of 16 bits with 15 extra bits.
const MCU_BYTES: usize = 1 << 12;
/// Bytes of a segment that are looked at to recognize it.
const SEGMENT_START: usize = 8;
/// Bytes between the last bits of a restart interval and the marker behind it, at most: what fills
/// the last byte, and a fill byte.
const BYTES_BEFORE_MARKER: usize = 2;
/// Length of the longest code, in bits.
const CODE_BITS: u32 = 16;

/// Decodes the MCUs of a scan.
pub(super) struct ScanDecoder<'a> {
    components: Vec<ScanComponent<'a>>,
    /// MCUs per row.
    across: usize,
    n_mcus: usize,
    /// Whether no other scan can follow.
    is_only_scan: bool,
    /// Whether bits were not a code, or a restart interval did not end at the marker that was
    /// expected there.
    pub(super) is_irregular: bool,
    repair: Option<&'a mut Repair>,
}

impl<'a> ScanDecoder<'a> {
    /// A decoder of a scan with so many MCUs per row and in all.
    pub(super) fn new(
        components: Vec<ScanComponent<'a>>,
        (across, n_mcus): (usize, usize),
        is_only_scan: bool,
        repair: Option<&'a mut Repair>,
    ) -> Self {
        ScanDecoder { components, across, n_mcus, is_only_scan, is_irregular: false, repair }
    }

    /// Decodes one restart interval after the other and returns the number of MCUs decoded. After
    /// an error it continues at the next restart marker.
    pub(super) fn decode<R: Read + Seek>(
        &mut self,
        file: &mut FileWindow<R>,
        interval: usize,
        planes: &mut [Plane],
    ) -> usize {
        if let Some(repair) = &mut self.repair {
            repair.begin(&self.components, interval, self.n_mcus);
        }
        let mut data = EntropyData::new();
        let (mut start, mut n_decoded) = (0, 0);
        let mut number = 0; // of the restart marker expected next, modulo 8
        while start < self.n_mcus {
            let end = (start + interval).min(self.n_mcus);
            data.start(file);
            let n_in_interval = self.decode_interval(file, &mut data, start..end, planes);
            n_decoded += n_in_interval;
            self.is_irregular |= n_in_interval < end - start;
            if end == self.n_mcus {
                break;
            }
            let Some(n_missing) = self.take_restart(file, number) else { break };
            // Missing intervals cannot reach beyond the picture: then the number is wrong.
            let resumed = end + usize::from(n_missing) * interval;
            let n_missing = if resumed < self.n_mcus { n_missing } else { 0 };
            start = end + usize::from(n_missing) * interval;
            number = (number + n_missing + 1) & 7;
        }
        n_decoded
    }

    /// Moves behind the next restart marker, of which `number` is expected, and returns how many
    /// intervals are missing before it; `None` if the scan ends. The guesses about wrong numbers
    /// are those of libjpeg (T.81 leaves them open).
    fn take_restart<R: Read + Seek>(&mut self, file: &mut FileWindow<R>, number: u8) -> Option<u8> {
        loop {
            let marker = file.find_marker()?;
            let segment = file.peek(SEGMENT_START);
            if marker == 0xD9 || !self.is_only_scan && starts_segment(marker, segment) {
                return None;
            }
            self.is_irregular |= marker != 0xD0 + number;
            file.advance(2);
            match marker.wrapping_sub(number) & 7 {
                _ if !(0xD0..=0xD7).contains(&marker) => (), // made by damage
                n_missing @ 0..=2 => return Some(n_missing),
                6 | 7 => (), // one that was due before
                _ => return Some(0),
            }
        }
    }

    /// Decodes a restart interval and returns the number of MCUs before the first error. It goes on
    /// behind bits that are not a code, for most errors are followed by something usable.
    fn decode_interval<R: Read + Seek>(
        &mut self,
        file: &mut FileWindow<R>,
        data: &mut EntropyData,
        mcus: Range<usize>,
        planes: &mut [Plane],
    ) -> usize {
        let mut bits = BitReader::new(data.padded(), 0);
        self.components.iter_mut().for_each(|component| component.last_dc = 0);
        let start = mcus.start;
        let (mut x, mut y) = (start % self.across, start / self.across);
        let mut n_decoded = None;
        for mcu in mcus.clone() {
            let mut position = bits.position();
            if data.has_to_load(position / 8, MCU_BYTES) {
                data.load(position / 8, file);
                position %= 8;
                bits = BitReader::new(data.padded(), position);
            }
            let last_dcs = self.last_dcs();
            let is_valid = self.decode_mcu(&mut bits, planes, (x, y));
            if !is_valid && !bits.is_overrun() {
                n_decoded.get_or_insert(mcu - start);
                bits = BitReader::new(data.padded(), position);
                self.decode_leniently(&mut bits, data.padded(), planes, (mcu, x, y), last_dcs);
            }
            if bits.is_overrun() {
                n_decoded.get_or_insert(mcu - start);
                break;
            }
            if is_valid && let Some(repair) = &mut self.repair {
                repair.start_mcu(mcu);
                repair.copy(data.padded(), position, bits.position());
            }
            x += 1;
            if x == self.across {
                (x, y) = (0, y + 1);
            }
        }
        let mut position = bits.position();
        if data.has_to_load(position / 8, MCU_BYTES) {
            data.load(position / 8, file); // to see whether the marker follows
            position %= 8;
        }
        self.is_irregular |= data.n_unused(position) > BYTES_BEFORE_MARKER;
        n_decoded.unwrap_or(mcus.len())
    }

    fn last_dcs(&self) -> [i16; 4] {
        let mut last_dcs = [0; 4];
        for (last_dc, component) in last_dcs.iter_mut().zip(&self.components) {
            *last_dc = component.last_dc;
        }
        last_dcs
    }

    #[inline]
    fn decode_mcu(
        &mut self,
        bits: &mut BitReader<'_>,
        planes: &mut [Plane],
        place: (usize, usize),
    ) -> bool {
        for component in &mut self.components {
            if component.decode(bits, &mut planes[component.plane], place).is_none() {
                return false;
            }
        }
        true
    }

    /// Decodes an MCU with bits that are not a code: a block ends before them, and the next one begins
    /// behind them.
    #[cold]
    fn decode_leniently(
        &mut self,
        bits: &mut BitReader<'_>,
        padded: &[u8],
        planes: &mut [Plane],
        (mcu, x, y): (usize, usize, usize),
        last_dcs: [i16; 4],
    ) {
        if let Some(repair) = &mut self.repair {
            repair.start_mcu(mcu);
        }
        for (c, component) in self.components.iter_mut().enumerate() {
            component.last_dc = last_dcs[c];
            let plane = &mut planes[component.plane];
            for at in component.blocks(plane.across, x, y) {
                let start = bits.position();
                let is_valid = component.decode_block(bits, plane, at).is_some();
                let end = bits.position();
                if let Some(repair) = &mut self.repair {
                    repair.copy(padded, start, end);
                    if !is_valid {
                        repair.end_block(c, end > start);
                    }
                }
                if !is_valid {
                    bits.refill();
                    bits.skip(CODE_BITS);
                }
            }
        }
    }
}

/// Whether `bytes`, which begin with this marker, begin with a segment that can follow a scan: tables,
/// the number of lines, or the next scan (T.81, B.2.1). Damage rarely makes one with a valid length.
fn starts_segment(marker: u8, bytes: &[u8]) -> bool {
    let Some((&length, segment)) = bytes.get(2..).and_then(|rest| rest.split_first_chunk()) else {
        return true; // the file ends
    };
    let length = usize::from(u16::from_be_bytes(length));
    let first = usize::from(segment.first().copied().unwrap_or_default());
    match marker {
        0xC4 => first & !0x13 == 0 && (19..=4 * (17 + 256)).contains(&length),
        0xDA => (1..=4).contains(&first) && length == 6 + 2 * first,
        0xDB => first & !0x13 == 0 && matches!(length.saturating_sub(2) % 65, 0 | 61..=64),
        0xDC | 0xDD => length == 4,
        _ => false,
    }
}
