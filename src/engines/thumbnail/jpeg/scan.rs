//! Scans: the entropy-coded data, of which a small picture needs the start of each block.

use std::io::{Read, Seek};
use std::ops::Range;

use super::bits::Bits;
use super::huffman::{Codes, Skipper, advance, run_and_size};
use super::input::Input;
use super::segments::{Component, Cursor, Frame, Tables};

/// The coefficients that are kept of one component.
pub(super) struct Plane {
    /// Blocks across and down, as many as whole MCUs have.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Blocks across and down of a scan of this component alone.
    own: (usize, usize),
    pub(super) dc: Vec<i16>,
    /// Horizontal, vertical and both, next to DC; empty if only DC is kept.
    pub(super) ac: Vec<[i16; 3]>,
    /// Its first quantization entries, once a scan of it has begun.
    pub(super) quantization: Option<[u16; 5]>,
    /// Bits of its DC coefficients that are still to come; `None` before its first scan.
    pub(super) low_bits: Option<u8>,
}

/// What a start of scan says.
pub(super) struct Scan {
    /// Component, DC table, AC table.
    components: Vec<(usize, usize, usize)>,
    /// Whether DC coefficients are in it.
    pub(super) has_dc: bool,
    /// Successive approximation: bits known before, and bits left after.
    high: u8,
    low: u8,
}

/// Blocks that were there, and blocks that should have been.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) read: usize,
    pub(super) expected: usize,
}

impl Plane {
    pub(super) fn all(frame: &Frame, keeps_ac: impl Fn(&Component) -> bool) -> Vec<Plane> {
        let (h_most, v_most) = frame.most();
        let (width, height) = (usize::from(frame.width), usize::from(frame.height));
        let mcus = |side: usize, most: u8| side.div_ceil(8 * usize::from(most));
        let planes = frame.components.iter().map(|component| {
            let (h, v) = (usize::from(component.h), usize::from(component.v));
            let (across, down) = (mcus(width, h_most) * h, mcus(height, v_most) * v);
            let own = (
                (width * h).div_ceil(8 * usize::from(h_most)),
                (height * v).div_ceil(8 * usize::from(v_most)),
            );
            let ac = if keeps_ac(component) { vec![[0; 3]; across * down] } else { Vec::new() };
            let dc = vec![0; across * down];
            Plane { across, down, own, dc, ac, quantization: None, low_bits: None }
        });
        planes.collect()
    }
}

/// A coefficient next to DC is this part of the difference between the halves of a block.
const EIGHTH: f32 = 0.125;

impl Plane {
    /// Whether its scans have said all there is to know.
    pub(super) fn is_done(&self, frame: &Frame) -> bool {
        self.low_bits.is_some_and(|bits| bits == 0 || !frame.is_progressive)
    }

    /// One sample a block, or two by two, in rows of `width`.
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

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn level(centred: f32) -> u8 {
    (centred + 128.5) as u8
}

impl Scan {
    pub(super) fn read(segment: &[u8], frame: &Frame) -> Option<Self> {
        let mut segment = Cursor(segment);
        let n = segment.byte()?;
        let mut components = Vec::new();
        for _ in 0..n {
            let (id, tables) = (segment.byte()?, segment.byte()?);
            let component = frame.components.iter().position(|component| component.id == id)?;
            components.push((component, usize::from(tables >> 4), usize::from(tables & 15)));
        }
        let (first, _last, bits) = (segment.byte()?, segment.byte()?, segment.byte()?);
        let is_sound = (1..=4).contains(&n) && bits & 15 < 14;
        let has_dc = first == 0;
        is_sound.then_some(Scan { components, has_dc, high: bits >> 4, low: bits & 15 })
    }

    /// Reads the scan ahead into `planes` and counts blocks; `None` if it makes no sense.
    pub(super) fn decode<R: Read + Seek>(
        &self,
        input: &mut Input<R>,
        tables: &Tables,
        frame: &Frame,
        planes: &mut [Plane],
    ) -> Option<Count> {
        for &(c, ..) in &self.components {
            if !frame.is_progressive && planes[c].low_bits.is_some() {
                return None; // a second time
            }
            let table = usize::from(frame.components[c].table);
            planes[c].quantization = planes[c].quantization.or(tables.quantization[table]);
            planes[c].low_bits = Some(self.low);
        }
        let mut parts = Vec::new();
        for &(c, dc, ac) in &self.components {
            let codes = Code::of(self, frame, tables, dc, ac)?;
            let component = &frame.components[c];
            let (h, v) = match self.components.len() {
                1 => (1, 1), // alone, a component is not grouped
                _ => (usize::from(component.h), usize::from(component.v)),
            };
            parts.push(Part { component: c, h, v, code: codes, last_dc: 0 });
        }
        let first = &planes[self.components[0].0];
        let (across, down) = match parts[..] {
            [_] => first.own,
            [ref part, ..] => (first.across / part.h, first.down / part.v),
            [] => return None,
        };
        let blocks_per_mcu: usize = parts.iter().map(|part| part.h * part.v).sum();
        let mut mcus = Mcus { parts, across, n: across * down, low: self.low };
        let interval = match usize::from(tables.restart_interval) {
            0 => mcus.n,
            interval => interval,
        };
        let n_read = mcus.decode(input, interval, planes);
        Some(Count { read: n_read * blocks_per_mcu, expected: mcus.n * blocks_per_mcu })
    }
}

/// How the start of a block is coded.
enum Code<'a> {
    /// Baseline: DC, and AC coefficients up to the end of the block.
    Whole(&'a Codes, Skipper<'a>),
    /// The first DC scan of a progressive file.
    First(&'a Codes),
    /// One more bit for each DC coefficient.
    Refine,
}

impl<'a> Code<'a> {
    fn of(scan: &Scan, frame: &Frame, tables: &'a Tables, dc: usize, ac: usize) -> Option<Self> {
        if frame.is_progressive && scan.high > 0 {
            return Some(Code::Refine);
        }
        let dc = tables.dc.get(dc)?.as_ref()?;
        if frame.is_progressive {
            return Some(Code::First(dc));
        }
        Some(Code::Whole(dc, tables.ac.get(ac)?.as_ref()?.skipper()))
    }
}

/// A component's share of each MCU.
struct Part<'a> {
    component: usize,
    h: usize,
    v: usize,
    code: Code<'a>,
    last_dc: i16,
}

/// More than an MCU takes: ten blocks of 64 codes of 16 bits with 15 more, each byte stuffed.
const MCU_BYTES: usize = 1 << 13;

/// The MCUs of a scan.
struct Mcus<'a> {
    parts: Vec<Part<'a>>,
    across: usize,
    n: usize,
    low: u8,
}

impl Mcus<'_> {
    /// Decodes from restart to restart, and says how many MCUs were there. After a fault it goes
    /// on at the next restart there is.
    fn decode<R: Read + Seek>(
        &mut self,
        input: &mut Input<R>,
        interval: usize,
        planes: &mut [Plane],
    ) -> usize {
        let (mut start, mut n_read) = (0, 0);
        let mut number = 0; // of the restart marker that comes next
        while start < self.n {
            let end = (start + interval).min(self.n);
            n_read += self.decode_interval(input, start..end, planes);
            if end == self.n {
                break;
            }
            // Another marker is left to the one who reads segments.
            let Some(marker @ 0xD0..=0xD7) = input.find_marker() else { break };
            input.advance(2);
            // Numbers that are missing are intervals that are missing.
            let n_missing = usize::from(marker.wrapping_sub(number) & 7);
            start = end + n_missing * interval;
            number = marker.wrapping_add(1) & 7;
        }
        n_read
    }

    /// How many of the MCUs were there.
    fn decode_interval<R: Read + Seek>(
        &mut self,
        input: &mut Input<R>,
        mcus: Range<usize>,
        planes: &mut [Plane],
    ) -> usize {
        let mut bits = Bits::new(input.ahead(MCU_BYTES));
        for part in &mut self.parts {
            part.last_dc = 0;
        }
        let start = mcus.start;
        let (mut x, mut y) = (start % self.across, start / self.across);
        let mut n_read = mcus.len();
        for mcu in mcus {
            if bits.n_ahead() < MCU_BYTES {
                let (n_bytes, paused) = (bits.position(), bits.paused());
                input.advance(n_bytes);
                bits = paused.on(input.ahead(MCU_BYTES));
            }
            let low = self.low;
            let is_sound = self.parts.iter_mut().all(|part| {
                part.decode(&mut bits, &mut planes[part.component], x, y, low).is_some()
            });
            if !is_sound || bits.is_overrun() {
                n_read = mcu - start;
                break;
            }
            x += 1;
            if x == self.across {
                (x, y) = (0, y + 1);
            }
        }
        let n_bytes = bits.position();
        input.advance(n_bytes);
        n_read
    }
}

impl Part<'_> {
    /// Decodes this component's blocks of the MCU in column `x` and row `y`.
    #[inline]
    fn decode(
        &mut self,
        bits: &mut Bits<'_>,
        plane: &mut Plane,
        x: usize,
        y: usize,
        low: u8,
    ) -> Option<()> {
        for row in 0..self.v {
            let first = (y * self.v + row) * plane.across + x * self.h;
            for at in first..first + self.h {
                match self.code {
                    Code::Whole(dc, ac) if plane.ac.is_empty() => {
                        plane.dc[at] = next_dc(dc, bits, &mut self.last_dc)?;
                        ac.to_end_of_block(bits, 1)?;
                    }
                    Code::Whole(dc, ac) => {
                        plane.dc[at] = next_dc(dc, bits, &mut self.last_dc)?;
                        low_frequencies(ac, bits, &mut plane.ac[at])?;
                    }
                    Code::First(dc) => {
                        let value = next_dc(dc, bits, &mut self.last_dc)?;
                        plane.dc[at] = value.wrapping_shl(u32::from(low));
                    }
                    Code::Refine => plane.dc[at] |= bits.bit() << low,
                }
            }
        }
        Some(())
    }
}

#[inline]
fn next_dc(codes: &Codes, bits: &mut Bits<'_>, last: &mut i16) -> Option<i16> {
    bits.refill();
    let size = u32::from(codes.symbol(bits)?);
    if size > 15 {
        return None;
    }
    *last = last.wrapping_add(bits.number(size));
    Some(*last)
}

/// Reads the three coefficients next to DC and skips the others.
fn low_frequencies(ac: Skipper<'_>, bits: &mut Bits<'_>, kept: &mut [i16; 3]) -> Option<()> {
    let mut k = 1;
    while k <= 4 {
        bits.refill();
        let (run, size) = run_and_size(ac.codes.symbol(bits)?);
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
    ac.to_end_of_block(bits, k)
}
