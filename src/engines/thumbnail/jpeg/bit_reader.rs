//! Reading bits from entropy-coded data (T.81, F.2.2.5), without its stuffed zero bytes.

/// A bit position in entropy-coded data. From the first marker on all bits are zero.
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// Index of the next byte to load.
    at: usize,
    /// Bits loaded from `data` and not yet used, from the top; `n` of them are valid.
    loaded: u64,
    n: u32,
    /// Zero bits appended since the data ended.
    n_padding: u32,
}

/// Bits that are loaded after a refill, at least: more than a code and its extra bits, or two table
/// lookups.
const REFILL_MIN: u32 = 32;

impl<'a> BitReader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        BitReader { data, at: 0, loaded: 0, n: 0, n_padding: 0 }
    }

    /// Whether more bits were used than the data has.
    pub(super) fn is_overrun(&self) -> bool {
        self.n_padding > self.n
    }

    /// Number of bytes loaded so far; never more than up to the first marker.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// Number of bytes not yet loaded.
    #[inline]
    pub(super) fn n_bytes_left(&self) -> usize {
        self.data.len() - self.at
    }

    /// The same bits without the data; continue with [`BitReader::with_data`].
    pub(super) fn detached(&self) -> BitReader<'static> {
        BitReader { data: &[], at: 0, loaded: self.loaded, n: self.n, n_padding: self.n_padding }
    }

    /// Continues with `data`, which starts at the byte that was to be loaded next.
    pub(super) fn with_data(self, data: &[u8]) -> BitReader<'_> {
        BitReader { data, at: 0, loaded: self.loaded, n: self.n, n_padding: self.n_padding }
    }

    /// Loads bits until at least 32 are there.
    #[inline]
    pub(super) fn refill(&mut self) {
        if self.n >= REFILL_MIN {
            return;
        }
        match self.data[self.at..].first_chunk::<8>() {
            Some(chunk) if !has_ff(u64::from_be_bytes(*chunk)) => {
                // This also sets bits below the valid ones; the next refill sets them to the same
                // values.
                self.loaded |= u64::from_be_bytes(*chunk) >> self.n;
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
            self.loaded |= u64::from(byte) << (56 - self.n);
            self.n += 8;
        }
    }

    /// The next `n` bits, 1 to 32, without consuming them.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "32 bits at most")]
    pub(super) fn peek(&self, n: u32) -> usize {
        (self.loaded >> (64 - n)) as usize
    }

    /// Consumes `n` bits, which must be loaded.
    #[inline]
    pub(super) fn skip(&mut self, n: u32) {
        self.loaded <<= n;
        self.n -= n;
    }

    /// Consumes `n` bits, 0 to 15, as a signed number (RECEIVE and EXTEND of T.81, F.2.2.1): it is
    /// negative if its first bit is 0.
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

    /// Consumes one bit.
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
    let inverted = !word; // has a zero byte where `word` has 0xFF
    inverted.wrapping_sub(ONES) & word & (ONES << 7) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn stuffed_bytes_are_skipped_and_a_marker_ends_the_data() {
        let mut bits = BitReader::new(&[0xFF, 0x00, 0x12, 0xFF, 0xD9, 0x55]);
        bits.refill();
        assert_eq!(bits.peek(16), 0xFF12);
        bits.skip(16);
        assert!(!bits.is_overrun());
        assert_eq!(bits.bit(), 0);
        assert!(bits.is_overrun());
    }

    #[test]
    fn numbers_are_signed() {
        let number = |byte: u8, n| {
            let data = [byte, 0, 0];
            let mut bits = BitReader::new(&data);
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
        fn every_bit_is_read_once_and_in_order(
            bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(0xFF)], 0..100),
            steps in proptest::collection::vec(1u32..=16, 1..100),
        ) {
            let stuffed: Vec<u8> = bytes
                .iter()
                .flat_map(|&byte| if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] })
                .collect();
            let bit = |i: usize| {
                bytes.get(i / 8).map_or(0, |byte| usize::from(byte >> (7 - i % 8)) & 1)
            };
            let mut bits = BitReader::new(&stuffed);
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
