//! MCUs (T.81, A.2): the DC and the lowest AC coefficients of each of their blocks.

use super::bit_reader::BitReader;
use super::huffman::{AcDecoder, Code, HuffmanTable, advance, run_and_size};
use super::plane::Plane;

/// How the coefficients of a block are coded.
pub(super) enum Coding<'a> {
    /// Sequential: the DC coefficient, then all AC coefficients.
    Sequential(&'a HuffmanTable, AcDecoder<'a>),
    /// Progressive, first DC scan; with the bit position Al of successive approximation.
    DcFirst(&'a HuffmanTable, u8),
    /// Progressive, DC refinement: one more bit per coefficient, at position Al.
    DcRefine(u8),
}

/// The blocks that a component has in each MCU, and how they are coded.
pub(super) struct ScanComponent<'a> {
    /// Index of the component's plane.
    pub(super) plane: usize,
    pub(super) h: usize,
    pub(super) v: usize,
    pub(super) coding: Coding<'a>,
    /// The DC coefficient of the block before: coefficients are coded as differences.
    pub(super) last_dc: i16,
}

/// How a block is coded that has the colour of the block before.
pub(super) struct Filler {
    /// No difference between the DC coefficients.
    pub(super) dc: Code,
    /// The end of the block.
    pub(super) end: Code,
}

impl ScanComponent<'_> {
    /// How an empty block is coded; `None` if the tables have no codes for that, or the scan is
    /// progressive.
    pub(super) fn filler(&self) -> Option<Filler> {
        match self.coding {
            Coding::Sequential(dc, ac) => Some(Filler { dc: dc.code(0)?, end: ac.table.code(0)? }),
            _ => None,
        }
    }

    /// Indexes of this component's blocks of the MCU in column `x` and row `y`, in a plane with
    /// `across` blocks per row.
    pub(super) fn blocks(
        &self,
        across: usize,
        x: usize,
        y: usize,
    ) -> impl Iterator<Item = usize> + use<> {
        let (h, v) = (self.h, self.v);
        (y * v..(y + 1) * v).flat_map(move |row| row * across + x * h..row * across + (x + 1) * h)
    }

    /// Decodes this component's blocks of the MCU in column `x` and row `y`; `None` if bits are not
    /// a code.
    #[inline]
    pub(super) fn decode(
        &mut self,
        bits: &mut BitReader<'_>,
        plane: &mut Plane,
        (x, y): (usize, usize),
    ) -> Option<()> {
        for row in y * self.v..(y + 1) * self.v {
            let first = row * plane.across + x * self.h;
            for at in first..first + self.h {
                self.decode_block(bits, plane, at)?;
            }
        }
        Some(())
    }

    /// Decodes block `at` of the plane.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call per block costs a tenth of the time")]
    pub(super) fn decode_block(
        &mut self,
        bits: &mut BitReader<'_>,
        plane: &mut Plane,
        at: usize,
    ) -> Option<()> {
        match self.coding {
            Coding::Sequential(dc, ac) => {
                plane.dc[at] = next_dc(dc, bits, &mut self.last_dc)?;
                match plane.ac.get_mut(at) {
                    Some(kept) => low_frequencies(ac, bits, kept)?,
                    None => ac.skip_to_end_of_block(bits, 1)?,
                }
            }
            Coding::DcFirst(dc, low) => {
                let value = next_dc(dc, bits, &mut self.last_dc)?;
                plane.dc[at] = value.wrapping_shl(u32::from(low));
            }
            Coding::DcRefine(low) => plane.dc[at] |= bits.bit() << low,
        }
        Some(())
    }
}

/// Decodes a DC coefficient: the difference to the `last` one, which is updated.
#[inline]
fn next_dc(table: &HuffmanTable, bits: &mut BitReader<'_>, last: &mut i16) -> Option<i16> {
    bits.refill();
    let size = u32::from(table.symbol(bits)?) & 15; // which `Tables` has checked
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
