//! Reading bits from entropy-coded data (T.81, F.2.2.5).

/// Zero bytes that have to follow the data, so that eight bytes can be loaded at every position in
/// it.
pub(super) const PADDING: usize = 8;

/// A bit position in entropy-coded data. After its end all bits are zero.
pub(super) struct BitReader<'a> {
    /// The data, and [`PADDING`] zero bytes.
    padded: &'a [u8],
    /// Index of the next byte to load.
    at: usize,
    /// Bits loaded from the data and not yet used, from the top; `n` of them are valid.
    loaded: u64,
    n: u32,
}

impl<'a> BitReader<'a> {
    /// A reader at bit number `position` of the data, behind which there are [`PADDING`] zero
    /// bytes.
    pub(super) fn new(padded: &'a [u8], position: usize) -> Self {
        let mut bits = BitReader { padded, at: position / 8, loaded: 0, n: 0 };
        bits.refill();
        bits.skip(u32::try_from(position % 8).unwrap_or_default());
        bits
    }

    /// Number of the next bit in the data.
    #[inline]
    pub(super) fn position(&self) -> usize {
        8 * self.at - self.n as usize
    }

    /// Whether more bits were used than the data has.
    #[inline]
    pub(super) fn is_overrun(&self) -> bool {
        self.position() > 8 * (self.padded.len() - PADDING)
    }

    /// Loads bits until at least 56 are there.
    #[inline]
    pub(super) fn refill(&mut self) {
        let next = self.padded.get(self.at..).and_then(|bytes| bytes.first_chunk());
        // This also sets bits below the valid ones; the next refill sets them to the same values.
        self.loaded |= next.map_or(0, |&bytes| u64::from_be_bytes(bytes)) >> self.n;
        let n_bytes = (63 - self.n) / 8;
        self.at += n_bytes as usize;
        self.n += 8 * n_bytes;
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
    #[expect(clippy::cast_possible_truncation, reason = "15 bits at most, and a sign")]
    pub(super) fn number(&mut self, n: u32) -> i16 {
        let bits = (self.loaded >> 1 >> (63 - n)) as i32;
        let is_negative = self.loaded >> 63 == 0;
        self.skip(n);
        // Without a branch, as signs cannot be predicted. For no bits this is 0, too.
        (bits + if is_negative { 1 - (1 << n) } else { 0 }) as i16
    }

    /// Consumes one bit.
    #[inline]
    pub(super) fn bit(&mut self) -> i16 {
        if self.n == 0 {
            self.refill();
        }
        let bit = i16::from(self.peek(1) == 1);
        self.skip(1);
        bit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bits_behind_the_data_are_zero_and_counted() {
        let mut bits = BitReader::new(&[0xFF, 0x12, 0, 0, 0, 0, 0, 0, 0, 0], 4);
        assert_eq!(bits.peek(12), 0xF12);
        bits.skip(12);
        assert!(!bits.is_overrun());
        assert_eq!((bits.bit(), bits.position()), (0, 17));
        assert!(bits.is_overrun());
    }

    #[test]
    fn numbers_are_signed() {
        let number = |byte: u8, n| {
            let data = [byte, 0, 0, 0, 0, 0, 0, 0, 0];
            let mut bits = BitReader::new(&data, 0);
            (bits.number(n), bits.position() == n as usize)
        };
        assert_eq!(number(0b1000_0000, 1), (1, true));
        assert_eq!(number(0b0000_0000, 1), (-1, true));
        assert_eq!(number(0b0000_0000, 3), (-7, true));
        assert_eq!(number(0b0110_0000, 3), (-4, true));
        assert_eq!(number(0b1000_0000, 3), (4, true));
        assert_eq!(number(0, 0), (0, true));
        assert_eq!(number(0xFF, 0), (0, true));
        assert_eq!(number(0, 15), (-32_767, true));
    }

    proptest! {
        #[test]
        fn every_bit_is_read_once_and_in_order(
            bytes in proptest::collection::vec(any::<u8>(), 0..100),
            steps in proptest::collection::vec(1u32..=28, 1..100),
        ) {
            let bit = |i: usize| {
                bytes.get(i / 8).map_or(0, |byte| usize::from(byte >> (7 - i % 8)) & 1)
            };
            let padded = [&bytes[..], &[0; PADDING]].concat();
            let mut bits = BitReader::new(&padded, 0);
            let mut at = 0;
            for (i, step) in steps.into_iter().enumerate() {
                if i % 2 == 0 {
                    bits.refill();
                }
                let expected = (0..step as usize).fold(0, |code, i| code << 1 | bit(at + i));
                prop_assert_eq!(bits.peek(step), expected);
                bits.skip(step);
                at += step as usize;
                prop_assert_eq!(bits.position(), at);
                prop_assert_eq!(bits.is_overrun(), at > bytes.len() * 8);
            }
        }
    }
}
