//! A copy of a damaged scan that every decoder reads in the same way: each restart interval is complete
//! and in its place, and whatever is missing is filled with blocks of one colour.

use super::bit_reader::BitReader;
use super::huffman::Code;
use super::mcu::{Filler, ScanComponent};

/// Writes the copy of a scan, MCU by MCU.
pub(super) struct Repair {
    file: BitWriter,
    /// For each component, how many blocks an MCU has and how an empty one is coded; `None` if the
    /// tables have no codes for that.
    fillers: Option<Vec<(usize, Filler)>>,
    /// MCUs per restart interval, and in all.
    interval: usize,
    n_mcus: usize,
    /// Number of the MCU to be written next.
    next: usize,
}

impl Repair {
    /// A copy that starts with these segments, of which the last one is the scan header.
    pub(super) fn new(headers: Vec<u8>) -> Self {
        let file = BitWriter { bytes: headers, pending: 0, n_pending: 0 };
        Repair { file, fillers: None, interval: 1, n_mcus: 0, next: 0 }
    }

    /// Prepares for a scan with these components.
    pub(super) fn begin(
        &mut self,
        components: &[ScanComponent<'_>],
        interval: usize,
        n_mcus: usize,
    ) {
        let filler = |component: &ScanComponent<'_>| {
            component.filler().map(|filler| (component.h * component.v, filler))
        };
        self.fillers = components.iter().map(filler).collect();
        (self.interval, self.n_mcus) = (interval, n_mcus);
    }

    /// Starts an MCU, after filling those that are missing before it.
    pub(super) fn start_mcu(&mut self, mcu: usize) {
        self.fill_to(mcu);
        self.next_mcu();
    }

    /// Copies the bits from number `from` to number `to`.
    pub(super) fn copy(&mut self, padded: &[u8], from: usize, to: usize) {
        self.file.copy(padded, from, to);
    }

    /// Ends a block of component `c`, of which at most the DC coefficient and some others are
    /// written.
    pub(super) fn end_block(&mut self, c: usize, has_dc: bool) {
        let filler = self.fillers.as_ref().and_then(|fillers| fillers.get(c));
        if let Some((_, filler)) = filler {
            if !has_dc {
                self.file.write(filler.dc);
            }
            self.file.write(filler.end);
        }
    }

    /// The complete copy; `None` if the tables have no codes for what is missing.
    pub(super) fn finish(mut self) -> Option<Vec<u8>> {
        self.fillers.as_ref()?;
        self.fill_to(self.n_mcus);
        self.file.write_marker(0xD9);
        Some(self.file.bytes)
    }

    fn fill_to(&mut self, mcu: usize) {
        while self.next < mcu {
            self.next_mcu();
            for (n_blocks, filler) in self.fillers.iter().flatten() {
                for _ in 0..*n_blocks {
                    self.file.write(filler.dc);
                    self.file.write(filler.end);
                }
            }
        }
    }

    /// Moves on by an MCU, and writes a restart marker if one is due before it.
    fn next_mcu(&mut self) {
        if self.next > 0 && self.next.is_multiple_of(self.interval) {
            let number = (self.next / self.interval - 1) % 8;
            self.file.write_marker(0xD0 + u8::try_from(number).unwrap_or_default());
        }
        self.next += 1;
    }
}

/// Writes entropy-coded data with stuffed zero bytes, and markers.
struct BitWriter {
    bytes: Vec<u8>,
    /// The last bits, at the bottom; `n_pending` of them, at most 7, are valid.
    pending: u64,
    n_pending: u32,
}

impl BitWriter {
    fn copy(&mut self, padded: &[u8], from: usize, to: usize) {
        let mut bits = BitReader::new(padded, from);
        while bits.position() < to {
            let length = u32::try_from(to - bits.position()).unwrap_or(u32::MAX).min(32);
            bits.refill();
            self.write_bits(bits.peek(length) as u64, length);
            bits.skip(length);
        }
    }

    fn write(&mut self, code: Code) {
        self.write_bits(code.bits.into(), code.length);
    }

    /// Writes up to 32 bits.
    fn write_bits(&mut self, bits: u64, length: u32) {
        self.pending = self.pending << length | bits;
        self.n_pending += length;
        while self.n_pending >= 8 {
            self.n_pending -= 8;
            let byte = (self.pending >> self.n_pending).to_le_bytes()[0];
            self.bytes.push(byte);
            if byte == 0xFF {
                self.bytes.push(0);
            }
        }
    }

    /// Fills the last byte with ones (T.81, F.1.2.3) and writes a marker.
    fn write_marker(&mut self, marker: u8) {
        let n_missing = (8 - self.n_pending) % 8;
        self.write_bits((1 << n_missing) - 1, n_missing);
        self.bytes.extend([0xFF, marker]);
    }
}
