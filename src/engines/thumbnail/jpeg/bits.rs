//! The bits of entropy-coded data, without the bytes stuffed into it.

/// A position in entropy-coded data. It stops at the first marker; beyond it all bits are zero.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The next byte to take.
    at: usize,
    /// Bits taken from `data` and not yet used, from the top; `n` of them count.
    window: u64,
    n: u32,
    /// Zero bits appended since the data ended.
    n_padding: u32,
}

/// What a refill leaves at least: more than a code and its extra bits, or two looks into a table.
const ENOUGH: u32 = 32;

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Bits { data, at: 0, window: 0, n: 0, n_padding: 0 }
    }

    /// Whether more bits were used than there were.
    pub(super) fn is_overrun(&self) -> bool {
        self.n_padding > self.n
    }

    /// How many bytes of the data are surely behind: it is never past a marker.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// How many bytes of the data are ahead.
    #[inline]
    pub(super) fn n_ahead(&self) -> usize {
        self.data.len() - self.at
    }

    /// Lets go of the data; to go on, call [`Bits::on`] with more of it.
    pub(super) fn paused(&self) -> Bits<'static> {
        Bits { data: &[], at: 0, window: self.window, n: self.n, n_padding: self.n_padding }
    }

    /// Goes on with `data`, which begins where the position was.
    pub(super) fn on(self, data: &[u8]) -> Bits<'_> {
        Bits { data, at: 0, window: self.window, n: self.n, n_padding: self.n_padding }
    }

    /// Makes sure of 32 bits.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.n >= ENOUGH {
            return;
        }
        match self.data[self.at..].first_chunk::<8>() {
            Some(chunk) if !has_ff(u64::from_be_bytes(*chunk)) => {
                // Bits below the counted ones are set as well: the next refill sets them again.
                self.window |= u64::from_be_bytes(*chunk) >> self.n;
                let n_bytes = (63 - self.n) / 8;
                self.at += n_bytes as usize;
                self.n += n_bytes * 8;
            }
            _ => self.refill_by_bytes(),
        }
    }

    #[cold]
    fn refill_by_bytes(&mut self) {
        while self.n <= 56 {
            let byte = match self.data[self.at..] {
                [0xFF, 0, ..] => {
                    self.at += 2;
                    0xFF
                }
                [byte, ..] if byte != 0xFF => {
                    self.at += 1;
                    byte
                }
                _ => {
                    self.n_padding = self.n_padding.saturating_add(8);
                    0
                }
            };
            self.window |= u64::from(byte) << (56 - self.n);
            self.n += 8;
        }
    }

    /// The next `n` bits, 1 to 32, without using them.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "32 bits at most")]
    pub(super) fn peek(&self, n: u32) -> usize {
        (self.window >> (64 - n)) as usize
    }

    /// Uses `n` bits, at most what the last refill made sure of.
    #[inline]
    pub(super) fn skip(&mut self, n: u32) {
        self.window <<= n;
        self.n -= n;
    }

    /// The next `n` bits, 0 to 15, as JPEG writes numbers of that many bits: those whose first bit
    /// is 0 are negative.
    #[inline]
    pub(super) fn number(&mut self, n: u32) -> i16 {
        if n == 0 {
            return 0;
        }
        let bits = i32::try_from(self.peek(n)).unwrap_or_default();
        self.skip(n);
        let value = if bits >> (n - 1) == 0 { bits - (1 << n) + 1 } else { bits };
        i16::try_from(value).unwrap_or_default()
    }

    /// The next bit.
    pub(super) fn bit(&mut self) -> i16 {
        self.refill();
        let bit = i16::from(self.peek(1) == 1);
        self.skip(1);
        bit
    }
}

/// Whether one of the bytes is 0xFF.
#[inline]
fn has_ff(word: u64) -> bool {
    const ONES: u64 = u64::MAX / 0xFF;
    let inverted = !word; // a byte of it is zero where that of `word` is 0xFF
    inverted.wrapping_sub(ONES) & word & (ONES << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stuffing_is_left_out_and_a_marker_ends_it() {
        let mut bits = Bits::new(&[0xFF, 0x00, 0x12, 0xFF, 0xD9, 0x55]);
        bits.refill();
        assert_eq!(bits.peek(16), 0xFF12);
        bits.skip(16);
        assert!(!bits.is_overrun());
        assert_eq!(bits.bit(), 0);
        assert!(bits.is_overrun());
    }

    #[test]
    fn numbers_have_signs() {
        let number = |byte: u8, n| {
            let data = [byte, 0, 0];
            let mut bits = Bits::new(&data);
            bits.refill();
            bits.number(n)
        };
        assert_eq!(number(0b1000_0000, 1), 1);
        assert_eq!(number(0b0000_0000, 1), -1);
        assert_eq!(number(0b0000_0000, 3), -7);
        assert_eq!(number(0b0110_0000, 3), -4);
        assert_eq!(number(0b1000_0000, 3), 4);
        assert_eq!(number(0, 0), 0);
    }

    proptest! {
        #[test]
        fn all_bits_come_once_and_in_order(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xFF)], 0..100),
            steps in proptest::collection::vec(1u32..=16, 1..100),
        ) {
            let stuffed: Vec<u8> = bytes
                .iter()
                .flat_map(|&byte| if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] })
                .collect();
            let bit = |i: usize| bytes.get(i / 8).map_or(0, |byte| usize::from(byte >> (7 - i % 8)) & 1);
            let mut bits = Bits::new(&stuffed);
            let mut at = 0;
            for step in steps {
                bits.refill();
                let expected = (0..step as usize).fold(0, |code, i| code << 1 | bit(at + i));
                prop_assert_eq!(bits.peek(step), expected);
                bits.skip(step);
                at += step as usize;
                prop_assert_eq!(bits.is_overrun(), at > bytes.len() * 8);
            }
        }
    }
}
