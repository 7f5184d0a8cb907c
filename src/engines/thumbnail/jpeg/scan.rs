//! Scans (T.81, Annexes F and G): decoding the DC and the lowest AC coefficients of each block.

use std::io::{Read, Seek};
use std::ops::Range;

use super::bit_reader::BitReader;
use super::cursor::Cursor;
use super::huffman::{AcDecoder, HuffmanTable, advance, run_and_size};
use super::segments::{Component, Frame, Tables};
use super::window::FileWindow;

/// The coefficients of one component that are kept.
pub(super) struct Plane {
    /// Number of blocks per row and per column, padded to whole MCUs.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Number of blocks per row and per column in a scan of this component alone (not interleaved).
    unpadded: (usize, usize),
    pub(super) dc: Vec<i16>,
    /// The horizontal, vertical and diagonal neighbour of each DC coefficient; empty if only DC
    /// coefficients are kept.
    pub(super) ac: Vec<[i16; 3]>,
    /// The first entries of its quantization table, once a scan of it has begun.
    pub(super) quantization: Option<[u16; 5]>,
    /// Low bits of its DC coefficients that are still missing; `None` before its first scan.
    pub(super) low_bits: Option<u8>,
}

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
    /// Whether restart intervals are missing or longer or shorter than they should be, and others
    /// follow.
    pub(super) is_irregular: bool,
}

impl Plane {
    /// One empty plane per component.
    pub(super) fn all(frame: &Frame, keeps_ac: impl Fn(&Component) -> bool) -> Vec<Plane> {
        let (h_max, v_max) = frame.max_factors();
        let (width, height) = (usize::from(frame.width), usize::from(frame.height));
        let mcus = |side: usize, factor: u8| side.div_ceil(8 * usize::from(factor));
        let planes = frame.components.iter().map(|component| {
            let (h, v) = (usize::from(component.h), usize::from(component.v));
            let (across, down) = (mcus(width, h_max) * h, mcus(height, v_max) * v);
            let unpadded = (
                (width * h).div_ceil(8 * usize::from(h_max)),
                (height * v).div_ceil(8 * usize::from(v_max)),
            );
            let ac = if keeps_ac(component) { vec![[0; 3]; across * down] } else { Vec::new() };
            let dc = vec![0; across * down];
            Plane { across, down, unpadded, dc, ac, quantization: None, low_bits: None }
        });
        planes.collect()
    }
}

/// Scale of a DCT coefficient: a DC coefficient is eight times the mean of its block.
const EIGHTH: f32 = 0.125;

impl Plane {
    /// Whether no further scan can contain DC coefficients of this component.
    pub(super) fn is_complete(&self, frame: &Frame) -> bool {
        self.low_bits.is_some_and(|bits| bits == 0 || !frame.is_progressive)
    }

    /// Computes `height` rows of `width` samples: one per block, or two by two if AC coefficients
    /// were kept.
    pub(super) fn samples(&self, width: usize, height: usize) -> Vec<u8> {
        let [q_dc, q_x, q_y, _, q_both] = self.quantization.unwrap_or([1; 5]).map(f32::from);
        let scaled = |coefficient: i16, q: f32| f32::from(coefficient) * q * EIGHTH;
        let mut samples = Vec::with_capacity(width * height);
        if self.ac.is_empty() {
            for row in self.dc.chunks_exact(self.across).take(height) {
                samples.extend(row.iter().take(width).map(|&dc| level(scaled(dc, q_dc))));
            }
            return samples;
        }
        for y in 0..height {
            let down = if y % 2 == 0 { 1.0 } else { -1.0 };
            for x in 0..width {
                let at = y / 2 * self.across + x / 2;
                let right = if x % 2 == 0 { 1.0 } else { -1.0 };
                let [ac_x, ac_y, ac_both] = self.ac[at];
                let mean = scaled(self.dc[at], q_dc);
                let across = scaled(ac_x, q_x) + down * scaled(ac_both, q_both);
                samples.push(level(mean + right * across + down * scaled(ac_y, q_y)));
            }
        }
        samples
    }
}

/// A sample value from one that is centred on zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates")]
fn level(centred: f32) -> u8 {
    (centred + 128.5) as u8
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

    /// Decodes the scan at the position of `file` into `planes`; `None` if the header contradicts
    /// the tables or an earlier scan.
    pub(super) fn decode<R: Read + Seek>(
        &self,
        file: &mut FileWindow<R>,
        tables: &Tables,
        frame: &Frame,
        planes: &mut [Plane],
    ) -> Option<BlockCount> {
        for &(c, ..) in &self.components {
            if !frame.is_progressive && planes[c].low_bits.is_some() {
                return None; // this component had its scan already
            }
            let table = usize::from(frame.components[c].quantization_table);
            planes[c].quantization = planes[c].quantization.or(tables.quantization[table]);
            planes[c].low_bits = Some(self.low);
        }
        let mut components = Vec::new();
        for &(c, dc, ac) in &self.components {
            let coding = Coding::new(self, frame, tables, dc, ac)?;
            let component = &frame.components[c];
            let (h, v) = match self.components.len() {
                1 => (1, 1), // in a scan of its own a component is not interleaved
                _ => (usize::from(component.h), usize::from(component.v)),
            };
            components.push(ScanComponent { plane: c, h, v, coding, last_dc: 0 });
        }
        let first = &planes[self.components[0].0];
        let (across, down) = match components[..] {
            [_] => first.unpadded,
            [ref component, ..] => (first.across / component.h, first.down / component.v),
            [] => return None,
        };
        let blocks_per_mcu: usize =
            components.iter().map(|component| component.h * component.v).sum();
        let n_mcus = across * down;
        // Nothing but the end of the file can follow a scan that contains all of the picture.
        let is_only_scan = !frame.is_progressive && components.len() == frame.components.len();
        let low = self.low;
        let mut decoder =
            ScanDecoder { components, across, n_mcus, low, is_only_scan, is_irregular: false };
        let interval = match usize::from(tables.restart_interval) {
            0 => n_mcus,
            interval => interval,
        };
        let n_decoded = decoder.decode(file, interval, planes);
        Some(BlockCount {
            decoded: n_decoded * blocks_per_mcu,
            expected: n_mcus * blocks_per_mcu,
            is_irregular: decoder.is_irregular,
        })
    }
}

/// How the coefficients of a block are coded.
enum Coding<'a> {
    /// Sequential: the DC coefficient, then all AC coefficients.
    Sequential(&'a HuffmanTable, AcDecoder<'a>),
    /// Progressive, first DC scan.
    DcFirst(&'a HuffmanTable),
    /// Progressive, DC refinement: one more bit per coefficient.
    DcRefine,
}

impl<'a> Coding<'a> {
    fn new(scan: &Scan, frame: &Frame, tables: &'a Tables, dc: usize, ac: usize) -> Option<Self> {
        if frame.is_progressive && scan.high > 0 {
            return Some(Coding::DcRefine);
        }
        let dc = tables.dc.get(dc)?.as_ref()?;
        if frame.is_progressive {
            return Some(Coding::DcFirst(dc));
        }
        Some(Coding::Sequential(dc, tables.ac.get(ac)?.as_ref()?.ac_decoder()))
    }
}

/// The blocks that a component has in each MCU, and how they are coded.
struct ScanComponent<'a> {
    /// Index of the component's plane.
    plane: usize,
    h: usize,
    v: usize,
    coding: Coding<'a>,
    /// The DC coefficient of the block before: coefficients are coded as differences.
    last_dc: i16,
}

/// More than an MCU takes in bytes: ten blocks of 64 codes of 16 bits with 15 extra bits, every
/// byte stuffed.
const MCU_BYTES: usize = 1 << 13;

/// Decodes the MCUs of a scan.
struct ScanDecoder<'a> {
    components: Vec<ScanComponent<'a>>,
    /// MCUs per row.
    across: usize,
    n_mcus: usize,
    /// The bit position Al of successive approximation.
    low: u8,
    /// Whether no other scan can follow.
    is_only_scan: bool,
    /// Whether a restart interval did not end at the marker that was expected there.
    is_irregular: bool,
}

/// Bytes between the last bits of a restart interval and the marker behind it, at most: what fills
/// the last byte, and a fill byte.
const BYTES_BEFORE_MARKER: u64 = 2;

impl ScanDecoder<'_> {
    /// Decodes one restart interval after the other and returns the number of MCUs decoded. After
    /// an error it continues at the next restart marker.
    fn decode<R: Read + Seek>(
        &mut self,
        file: &mut FileWindow<R>,
        interval: usize,
        planes: &mut [Plane],
    ) -> usize {
        let (mut start, mut n_decoded) = (0, 0);
        let mut number = 0; // of the restart marker expected next, modulo 8
        while start < self.n_mcus {
            let end = (start + interval).min(self.n_mcus);
            let n_in_interval = self.decode_interval(file, start..end, planes);
            n_decoded += n_in_interval;
            if end == self.n_mcus {
                break;
            }
            let Some(n_missing) = self.take_restart(file, number) else { break };
            // Missing intervals cannot reach beyond the picture: then the number is wrong.
            let resumed = end + usize::from(n_missing) * interval;
            let n_missing = if resumed < self.n_mcus { n_missing } else { 0 };
            self.is_irregular |= n_in_interval < end - start;
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
            let n_bytes_left = file.n_bytes_left();
            let marker = file.find_marker()?;
            if marker == 0xD9 || !self.is_only_scan && starts_segment(marker, file.peek(MCU_BYTES))
            {
                return None;
            }
            let n_skipped = n_bytes_left - file.n_bytes_left();
            self.is_irregular |= n_skipped > BYTES_BEFORE_MARKER || marker != 0xD0 + number;
            file.advance(2);
            match marker.wrapping_sub(number) & 7 {
                _ if !(0xD0..=0xD7).contains(&marker) => (), // made by damage
                n_missing @ 0..=2 => return Some(n_missing),
                6 | 7 => (), // one that was due before
                _ => return Some(0),
            }
        }
    }

    /// Decodes a restart interval and returns the number of MCUs decoded.
    fn decode_interval<R: Read + Seek>(
        &mut self,
        file: &mut FileWindow<R>,
        mcus: Range<usize>,
        planes: &mut [Plane],
    ) -> usize {
        let mut bits = BitReader::new(file.peek(MCU_BYTES));
        for component in &mut self.components {
            component.last_dc = 0;
        }
        let start = mcus.start;
        let (mut x, mut y) = (start % self.across, start / self.across);
        let mut n_decoded = mcus.len();
        for mcu in mcus {
            if bits.n_bytes_left() < MCU_BYTES {
                let (n_bytes, detached) = (bits.position(), bits.detached());
                file.advance(n_bytes);
                bits = detached.with_data(file.peek(MCU_BYTES));
            }
            let low = self.low;
            let is_valid = self.components.iter_mut().all(|component| {
                component.decode(&mut bits, &mut planes[component.plane], x, y, low).is_some()
            });
            if !is_valid || bits.is_overrun() {
                n_decoded = mcu - start;
                break;
            }
            x += 1;
            if x == self.across {
                (x, y) = (0, y + 1);
            }
        }
        let n_bytes = bits.position();
        file.advance(n_bytes);
        n_decoded
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

impl ScanComponent<'_> {
    /// Decodes this component's blocks of the MCU in column `x` and row `y`.
    #[inline]
    fn decode(
        &mut self,
        bits: &mut BitReader<'_>,
        plane: &mut Plane,
        x: usize,
        y: usize,
        low: u8,
    ) -> Option<()> {
        for row in 0..self.v {
            let first = (y * self.v + row) * plane.across + x * self.h;
            for at in first..first + self.h {
                match self.coding {
                    Coding::Sequential(dc, ac) if plane.ac.is_empty() => {
                        plane.dc[at] = next_dc(dc, bits, &mut self.last_dc)?;
                        ac.skip_to_end_of_block(bits, 1)?;
                    }
                    Coding::Sequential(dc, ac) => {
                        plane.dc[at] = next_dc(dc, bits, &mut self.last_dc)?;
                        low_frequencies(ac, bits, &mut plane.ac[at])?;
                    }
                    Coding::DcFirst(dc) => {
                        let value = next_dc(dc, bits, &mut self.last_dc)?;
                        plane.dc[at] = value.wrapping_shl(u32::from(low));
                    }
                    Coding::DcRefine => plane.dc[at] |= bits.bit() << low,
                }
            }
        }
        Some(())
    }
}

/// Decodes a DC coefficient: the difference to the `last` one, which is updated.
#[inline]
fn next_dc(table: &HuffmanTable, bits: &mut BitReader<'_>, last: &mut i16) -> Option<i16> {
    bits.refill();
    let size = u32::from(table.symbol(bits)?);
    if size > 15 {
        return None;
    }
    *last = last.wrapping_add(bits.number(size));
    Some(*last)
}

/// Decodes the three AC coefficients next to the DC coefficient and skips the others.
fn low_frequencies(ac: AcDecoder<'_>, bits: &mut BitReader<'_>, kept: &mut [i16; 3]) -> Option<()> {
    let mut k = 1;
    while k <= 4 {
        bits.refill();
        let (run, size) = run_and_size(ac.table.symbol(bits)?);
        let Some(n) = advance(run, size) else { return Some(()) };
        let value = bits.number(size);
        k += n;
        match k - 1 {
            1 => kept[0] = value,
            2 => kept[1] = value,
            4 => kept[2] = value,
            _ => (),
        }
    }
    ac.skip_to_end_of_block(bits, k)
}
