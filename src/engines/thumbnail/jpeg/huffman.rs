//! Huffman decoding (T.81, Annex C and F.2.2.3), one symbol or several AC coefficients at a time.

use std::cell::{Cell, OnceCell};

use super::bit_reader::BitReader;

/// Index bits of the table that decodes one symbol.
const LOOKUP_BITS: u32 = 9;
/// Index bits of the table that skips several coefficients at once.
const SKIP_BITS: u32 = 13;

/// A Huffman table as the file defines it.
pub(super) struct HuffmanTable {
    /// Indexed by the next bits: length of the code and its symbol; length 0 if the code is longer
    /// than the index.
    lookup: Box<[(u8, u8); 1 << LOOKUP_BITS]>,
    /// Indexed by code length: one more than the last code of that length, and the number to add to
    /// a code to get the index of its symbol.
    ends: [i32; 17],
    offsets: [i32; 17],
    symbols: Vec<u8>,
    /// Made on first use, since a file may define tables that it never uses.
    skips: OnceCell<SkipTable>,
}

/// A Huffman code.
#[derive(Clone, Copy)]
pub(super) struct Code {
    pub(super) bits: u16,
    pub(super) length: u32,
}

/// Indexed by the next bits: in the low byte, the number of bits of the symbols whose codes are whole
/// in the index, with the bits of their values, of which the last ones may lie behind the index; in
/// the high byte, the number of coefficients they stand for, plus [`END_OF_BLOCK`] if the last symbol
/// ends the block.
///
/// An entry is computed when it is needed first: a small picture needs few of them.
type SkipTable = Box<[Cell<u16>; 1 << SKIP_BITS]>;

impl HuffmanTable {
    /// A table from the number of codes of each length and the symbols in the order of their codes;
    /// `None` if a length has more codes than its bits can express.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut table = HuffmanTable {
            lookup: Box::new([(0, 0); 1 << LOOKUP_BITS]),
            ends: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
            skips: OnceCell::new(),
        };
        let (mut code, mut index) = (0i32, 0i32);
        for (length, &count) in (1..).zip(counts) {
            table.offsets[length] = index - code;
            for _ in 0..count {
                let symbol = *symbols.get(usize::try_from(index).ok()?)?;
                table.insert(length, code, symbol);
                (code, index) = (code + 1, index + 1);
            }
            if code > 1 << length {
                return None;
            }
            table.ends[length] = code;
            code <<= 1;
        }
        Some(table)
    }

    fn insert(&mut self, length: usize, code: i32, symbol: u8) {
        let Some(n_free) = (LOOKUP_BITS as usize).checked_sub(length) else { return };
        let first = usize::try_from(code).unwrap_or_default() << n_free;
        let length = u8::try_from(length).unwrap_or_default();
        for entry in self.lookup.iter_mut().skip(first).take(1 << n_free) {
            *entry = (length, symbol);
        }
    }

    /// This table for decoding and skipping AC coefficients.
    pub(super) fn ac_decoder(&self) -> AcDecoder<'_> {
        let skips = self.skips.get_or_init(|| {
            let skips = vec![Cell::new(NOT_COMPUTED); 1 << SKIP_BITS].into_boxed_slice();
            skips.try_into().expect("one entry per index")
        });
        AcDecoder { table: self, skips }
    }

    /// Decodes a symbol; `None` if the bits are not a code. At least 16 bits must be loaded.
    #[inline]
    pub(super) fn symbol(&self, bits: &mut BitReader<'_>) -> Option<u8> {
        let (length, symbol) = self.lookup[bits.peek(LOOKUP_BITS)];
        if length == 0 {
            return self.long_symbol(bits);
        }
        bits.skip(u32::from(length));
        Some(symbol)
    }

    fn long_symbol(&self, bits: &mut BitReader<'_>) -> Option<u8> {
        let (length, symbol) = self.find_long(bits.peek(16), LOOKUP_BITS + 1)?;
        bits.skip(length);
        Some(symbol)
    }

    /// The code of `symbol`; `None` if it has none.
    pub(super) fn code(&self, symbol: u8) -> Option<Code> {
        let index = self.symbols.iter().position(|&other| other == symbol)?;
        let index = i32::try_from(index).ok()?;
        let is_long_enough = |&length: &usize| index < self.ends[length] + self.offsets[length];
        let length = (1..=16).find(is_long_enough)?;
        let bits = u16::try_from(index - self.offsets[length]).ok()?;
        Some(Code { bits, length: u32::try_from(length).ok()? })
    }

    /// The code at the start of 16 bits, if it has at least `shortest` bits: length and symbol.
    fn find_long(&self, bits: usize, shortest: u32) -> Option<(u32, u8)> {
        for length in shortest..=16 {
            let code = i32::try_from(bits >> (16 - length)).ok()?;
            if code < self.ends[length as usize] {
                let index = usize::try_from(code + self.offsets[length as usize]).ok()?;
                return self.symbols.get(index).map(|&symbol| (length, symbol));
            }
        }
        None
    }
}

/// A Huffman table for AC coefficients, with a second table to skip several of them per lookup.
#[derive(Clone, Copy)]
pub(super) struct AcDecoder<'a> {
    pub(super) table: &'a HuffmanTable,
    skips: &'a [Cell<u16>; 1 << SKIP_BITS],
}

/// Added to the number of coefficients in an entry that ends the block.
const END_OF_BLOCK: usize = 128;
/// The entry for bits that do not contain a whole symbol: its number of coefficients fits no block.
const NO_SYMBOL: u16 = 64 << 8;
/// An entry that has yet to be computed; its number of coefficients fits no block either.
const NOT_COMPUTED: u16 = NO_SYMBOL | 1;
/// Coefficients per block.
const BLOCK: usize = 64;
/// Table lookups for which the bits of one refill suffice: an entry takes [`SKIP_BITS`] and 15 more at
/// most.
const ENTRIES_PER_REFILL: usize = 2;

/// Whether a block ends exactly where an entry reaches.
fn is_end(reached: usize) -> bool {
    reached == BLOCK || (END_OF_BLOCK..END_OF_BLOCK + BLOCK).contains(&reached)
}

impl AcDecoder<'_> {
    /// Skips the coefficients from number `k` to the end of the block; `None` if the bits are
    /// invalid.
    #[inline]
    pub(super) fn skip_to_end_of_block(self, bits: &mut BitReader<'_>, mut k: usize) -> Option<()> {
        while k < BLOCK {
            bits.refill();
            for _ in 0..ENTRIES_PER_REFILL {
                let entry = self.skips[bits.peek(SKIP_BITS)].get();
                let reached = k + usize::from(entry >> 8);
                if reached < BLOCK {
                    bits.skip(u32::from(entry & 0xFF));
                    k = reached;
                } else if is_end(reached) {
                    bits.skip(u32::from(entry & 0xFF));
                    return Some(());
                } else {
                    k = self.skip_without_entry(bits, k)?;
                    break;
                }
            }
        }
        Some(())
    }

    /// Computes the entry for the next bits; or skips one symbol, if the entry goes beyond this block
    /// or has no symbol.
    #[cold]
    fn skip_without_entry(self, bits: &mut BitReader<'_>, k: usize) -> Option<usize> {
        let index = bits.peek(SKIP_BITS);
        if self.skips[index].get() == NOT_COMPUTED {
            self.skips[index].set(skip_entry(self.table, index));
            return Some(k);
        }
        self.skip_one(bits, k)
    }

    fn skip_one(self, bits: &mut BitReader<'_>, k: usize) -> Option<usize> {
        bits.refill();
        let symbol = self.table.symbol(bits)?;
        let (run, size) = run_and_size(symbol);
        bits.skip(size);
        Some(k + advance(run, size).unwrap_or(BLOCK))
    }
}

/// Splits an AC symbol (RRRRSSSS) into the number of zero coefficients before the next one and the
/// number of bits of that.
pub(super) fn run_and_size(symbol: u8) -> (usize, u32) {
    (usize::from(symbol >> 4), u32::from(symbol & 15))
}

/// The number of coefficients that an AC symbol stands for; `None` if it ends the block.
pub(super) fn advance(run: usize, size: u32) -> Option<usize> {
    (size > 0 || run == 15).then_some(run + 1)
}

/// The entry of a [`SkipTable`] for `bits`: as many whole symbols as they contain.
fn skip_entry(table: &HuffmanTable, bits: usize) -> u16 {
    let bits = bits << (16 - SKIP_BITS); // those appended are unknown and never used
    let (mut used, mut reached) = (0, 0);
    while let Some((length, symbol)) = table.find(bits << used & 0xFFFF) {
        let (run, size) = run_and_size(symbol);
        if used + length > SKIP_BITS || reached >= BLOCK - 16 {
            break;
        }
        used += length + size;
        let Some(n) = advance(run, size) else {
            reached += END_OF_BLOCK;
            break;
        };
        reached += n;
        if used >= SKIP_BITS {
            break;
        }
    }
    let entry = u16::try_from(used | u32::try_from(reached).unwrap_or_default() << 8);
    if used == 0 { NO_SYMBOL } else { entry.unwrap_or(NO_SYMBOL) }
}

impl HuffmanTable {
    /// The code at the start of 16 bits: length and symbol.
    fn find(&self, bits: usize) -> Option<(u32, u8)> {
        match self.lookup[bits >> (16 - LOOKUP_BITS)] {
            (0, _) => self.find_long(bits, LOOKUP_BITS + 1),
            (length, symbol) => Some((u32::from(length), symbol)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Codes 00, 01, 100, 1010: a coefficient of one bit, end of block, sixteen zeros, a
    /// coefficient of ten bits.
    fn table() -> HuffmanTable {
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[3]) = (2, 1, 1);
        HuffmanTable::new(&counts, &[0x01, 0x00, 0xF0, 0x0A]).unwrap()
    }

    #[test]
    fn impossible_tables_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(HuffmanTable::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 1;
        assert!(HuffmanTable::new(&counts, &[]).is_none());
    }

    #[test]
    fn each_symbol_has_its_code() {
        let code = |symbol| table().code(symbol).map(|code| (code.bits, code.length));
        let codes = [0x01, 0x00, 0xF0, 0x0A, 0x02].map(code);
        assert_eq!(codes, [Some((0, 2)), Some((1, 2)), Some((4, 3)), Some((10, 4)), None]);
    }

    #[test]
    #[expect(clippy::unusual_byte_groupings, reason = "the digits are grouped by symbol")]
    fn an_entry_covers_whole_symbols_only() {
        let table = table();
        let check = |bits: usize, expected: (u16, u16)| {
            let entry = skip_entry(&table, bits);
            assert_eq!((entry & 0xFF, entry >> 8), expected, "{bits:013b}");
        };
        check(0b001_001_001_001_0, (12, 4));
        check(0b001_01_00000000, (5, 129));
        check(0b100_100_100_100_1, (9, 48));
        check(0b1010_000000000, (14, 1));
        check(0b001_01_1010_0000, (5, 129));
        check(0b001_001_1010_000, (20, 3));
        check(0b1111_111111111, (0, 64));
    }

    proptest! {
        /// Skipping several symbols at once ends at the same bit as skipping them one by one.
        #[test]
        fn skipping_several_equals_skipping_one_by_one(
            data in proptest::collection::vec(0u8..0xFF, 8..80),
            k in 1usize..64,
        ) {
            let table = table();
            let decoder = table.ac_decoder();
            let (mut fast, mut slow) = (BitReader::new(&data, 0), BitReader::new(&data, 0));
            let by_entries = decoder.skip_to_end_of_block(&mut fast, k);
            let mut reached = Some(k);
            while let Some(k) = reached.filter(|&k| k < BLOCK) {
                reached = decoder.skip_one(&mut slow, k);
            }
            prop_assert_eq!(by_entries.is_some(), reached.is_some());
            prop_assert!(by_entries.is_none() || fast.position() == slow.position());
        }
    }
}
