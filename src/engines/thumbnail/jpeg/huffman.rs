//! Huffman codes, one at a time or several at once.

use std::cell::OnceCell;

use super::bits::Bits;

/// Bits of a look for one code.
const LOOK_BITS: u32 = 9;
/// Bits of a look that skips several coefficients at once.
const SKIP_BITS: u32 = 13;

/// A Huffman code as the file defines it.
pub(super) struct Codes {
    /// By the next bits: length of the code and its symbol; length 0 where the code is longer.
    look: Box<[(u8, u8); 1 << LOOK_BITS]>,
    /// By length, of the codes that long: one more than the last, and what to add to a code to get
    /// the index of its symbol.
    ends: [i32; 17],
    offsets: [i32; 17],
    symbols: Vec<u8>,
    /// Made when first asked for, since a file may define codes it never uses.
    steps: OnceCell<Steps>,
}

/// By the next bits, a number of bits in the low byte and in the high byte how far they lead: that
/// many coefficients, with [`TO_END`] added if the last of them ends the block.
type Steps = Box<[u16; 1 << SKIP_BITS]>;

impl Codes {
    /// From the number of codes of each length and the symbols in the order of their codes; `None`
    /// if there are more codes than bits can tell apart.
    pub(super) fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut codes = Codes {
            look: Box::new([(0, 0); 1 << LOOK_BITS]),
            ends: [0; 17],
            offsets: [0; 17],
            symbols: symbols.to_vec(),
            steps: OnceCell::new(),
        };
        let (mut code, mut index) = (0i32, 0i32);
        for (length, &count) in (1..).zip(counts) {
            codes.offsets[length] = index - code;
            for _ in 0..count {
                let symbol = *symbols.get(usize::try_from(index).ok()?)?;
                codes.enter(length, code, symbol);
                (code, index) = (code + 1, index + 1);
            }
            if code > 1 << length {
                return None;
            }
            codes.ends[length] = code;
            code <<= 1;
        }
        Some(codes)
    }

    fn enter(&mut self, length: usize, code: i32, symbol: u8) {
        let Some(free) = (LOOK_BITS as usize).checked_sub(length) else { return };
        let first = usize::try_from(code).unwrap_or_default() << free;
        let length = u8::try_from(length).unwrap_or_default();
        for entry in self.look.iter_mut().skip(first).take(1 << free) {
            *entry = (length, symbol);
        }
    }

    /// This code as one for AC coefficients.
    pub(super) fn skipper(&self) -> Skipper<'_> {
        let steps = self.steps.get_or_init(|| {
            let steps: Box<[u16]> = (0..1 << SKIP_BITS).map(|bits| step_of(self, bits)).collect();
            steps.try_into().expect("as many as asked for")
        });
        Skipper { codes: self, steps }
    }

    /// The next symbol; `None` if the bits are no code. There must be 16 bits.
    #[inline]
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (length, symbol) = self.look[bits.peek(LOOK_BITS)];
        if length == 0 {
            return self.long_symbol(bits);
        }
        bits.skip(u32::from(length));
        Some(symbol)
    }

    fn long_symbol(&self, bits: &mut Bits<'_>) -> Option<u8> {
        let (length, symbol) = self.find(bits.peek(16), LOOK_BITS + 1)?;
        bits.skip(length);
        Some(symbol)
    }

    /// The code at the start of 16 bits, if it is at least `shortest` bits long: length and symbol.
    fn find(&self, bits: usize, shortest: u32) -> Option<(u32, u8)> {
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

/// A code for AC coefficients that can skip as many of them as one look shows.
#[derive(Clone, Copy)]
pub(super) struct Skipper<'a> {
    pub(super) codes: &'a Codes,
    steps: &'a [u16; 1 << SKIP_BITS],
}

/// Added to a step that ends its block.
const TO_END: usize = 128;
/// A step that leads nowhere: the next code is too long for a look.
const NO_STEP: u16 = 64 << 8;
/// Coefficients of a block.
const BLOCK: usize = 64;

impl Skipper<'_> {
    /// Skips the coefficients from number `k` to the end of the block. `None` if a code is wrong.
    #[inline]
    pub(super) fn to_end_of_block(self, bits: &mut Bits<'_>, mut k: usize) -> Option<()> {
        while k < BLOCK {
            bits.refill();
            let step = self.steps[bits.peek(SKIP_BITS)];
            let reached = k + usize::from(step >> 8);
            if reached < BLOCK {
                bits.skip(u32::from(step & 0xFF));
                k = reached;
            } else if reached == BLOCK || (TO_END..TO_END + BLOCK).contains(&reached) {
                bits.skip(u32::from(step & 0xFF));
                return Some(());
            } else {
                k = self.one(bits, k)?; // the look sees beyond this block, or not far enough
            }
        }
        Some(())
    }

    fn one(self, bits: &mut Bits<'_>, k: usize) -> Option<usize> {
        let symbol = self.codes.symbol(bits)?;
        let (run, size) = run_and_size(symbol);
        bits.skip(size);
        Some(k + advance(run, size).unwrap_or(BLOCK))
    }
}

/// Coefficients of zero before one, and the bits of that one.
pub(super) fn run_and_size(symbol: u8) -> (usize, u32) {
    (usize::from(symbol >> 4), u32::from(symbol & 15))
}

/// By how many coefficients a symbol leads on; `None` if it ends the block.
pub(super) fn advance(run: usize, size: u32) -> Option<usize> {
    (size > 0 || run == 15).then_some(run + 1)
}

/// Whole symbols, as many as fit into a look that sees `bits`.
fn step_of(codes: &Codes, bits: usize) -> u16 {
    let bits = bits << (16 - SKIP_BITS); // three bits unknown, taken as zero and never used
    let (mut used, mut reached) = (0, 0);
    while let Some((length, symbol)) = codes.at(bits << used & 0xFFFF) {
        let (run, size) = run_and_size(symbol);
        if used + length + size > SKIP_BITS || reached >= BLOCK - 16 {
            break;
        }
        used += length + size;
        let Some(n) = advance(run, size) else {
            reached += TO_END;
            break;
        };
        reached += n;
    }
    let step = u16::try_from(used | u32::try_from(reached).unwrap_or_default() << 8);
    if used == 0 { NO_STEP } else { step.unwrap_or(NO_STEP) }
}

impl Codes {
    /// The code at the start of 16 bits: length and symbol.
    fn at(&self, bits: usize) -> Option<(u32, u8)> {
        match self.look[bits >> (16 - LOOK_BITS)] {
            (0, _) => self.find(bits, LOOK_BITS + 1),
            (length, symbol) => Some((u32::from(length), symbol)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Codes 00, 01, 100, 1010: one coefficient of one bit, end, a run of sixteen, one of 10 bits.
    fn codes() -> Codes {
        let mut counts = [0; 16];
        (counts[1], counts[2], counts[3]) = (2, 1, 1);
        Codes::new(&counts, &[0x01, 0x00, 0xF0, 0x0A]).unwrap()
    }

    #[test]
    fn impossible_codes_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert!(Codes::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 1;
        assert!(Codes::new(&counts, &[]).is_none());
    }

    #[test]
    #[expect(clippy::unusual_byte_groupings, reason = "they are grouped by symbol")]
    fn a_look_takes_whole_symbols_only() {
        let codes = codes();
        let check = |bits: usize, expected: (u16, u16)| {
            let step = step_of(&codes, bits);
            assert_eq!((step & 0xFF, step >> 8), expected, "{bits:013b}");
        };
        check(0b001_001_001_001_0, (12, 4));
        check(0b001_01_00000000, (5, 129));
        check(0b100_100_100_100_1, (9, 48));
        check(0b1010_000000000, (0, 64));
        check(0b1111_111111111, (0, 64));
    }

    proptest! {
        /// Skipping several at once ends where skipping one by one does.
        #[test]
        fn steps_equal_single_symbols(data in proptest::collection::vec(0u8..0xFF, 8..80), k in 1usize..64) {
            let codes = codes();
            let skipper = codes.skipper();
            let (mut fast, mut slow) = (Bits::new(&data), Bits::new(&data));
            let by_steps = skipper.to_end_of_block(&mut fast, k);
            let mut reached = Some(k);
            while let Some(k) = reached.filter(|&k| k < BLOCK) {
                slow.refill();
                reached = skipper.one(&mut slow, k);
            }
            prop_assert_eq!(by_steps.is_some(), reached.is_some());
            if by_steps.is_some() {
                fast.refill();
                slow.refill();
                prop_assert_eq!(fast.peek(32), slow.peek(32));
            }
        }
    }
}
