//! Entropy-coded data (T.81, B.1.1.5) without its stuffed zero bytes, in a buffer that moves along.

use std::io::{Read, Seek};

use super::bit_reader::PADDING;
use super::window::FileWindow;

/// Bytes in the buffer, at most.
const CAPACITY: usize = 1 << 15;

/// The data from a position in the file to the next marker: as much of it as fits into the buffer.
pub(super) struct EntropyData {
    /// The data, and behind it zeros.
    buffer: Box<[u8]>,
    length: usize,
    /// Whether a marker, or the end of the file, follows the buffered data.
    has_ended: bool,
}

impl EntropyData {
    pub(super) fn new() -> Self {
        let buffer = vec![0; CAPACITY + PADDING].into_boxed_slice();
        EntropyData { buffer, length: 0, has_ended: false }
    }

    /// The buffered data, and [`PADDING`] zeros.
    pub(super) fn padded(&self) -> &[u8] {
        &self.buffer[..self.length + PADDING]
    }

    /// Whether less than `n` bytes behind the first `n_used` are buffered, though more follow.
    #[inline]
    pub(super) fn has_to_load(&self, n_used: usize, n: usize) -> bool {
        self.length < n_used + n && !self.has_ended
    }

    /// Number of bytes between bit number `position` and the marker, as far as they are known.
    pub(super) fn n_unused(&self, position: usize) -> usize {
        let n_buffered = self.length.saturating_sub(position.div_ceil(8));
        if self.has_ended { n_buffered } else { usize::MAX }
    }

    /// Starts anew at the position of `file`.
    pub(super) fn start<R: Read + Seek>(&mut self, file: &mut FileWindow<R>) {
        (self.length, self.has_ended) = (0, false);
        self.load(0, file);
    }

    /// Drops the first `n_used` bytes and loads others until the buffer is full or a marker follows.
    pub(super) fn load<R: Read + Seek>(&mut self, n_used: usize, file: &mut FileWindow<R>) {
        self.buffer.copy_within(n_used..self.length, 0);
        self.length -= n_used;
        while self.length < CAPACITY && !self.has_ended {
            match file.peek(2) {
                [0xFF, 0, ..] => {
                    self.push(&[0xFF]);
                    file.advance(2);
                }
                [0xFF, 0xFF, ..] => file.advance(1), // a fill byte
                [0xFF, ..] | [] => self.has_ended = true,
                bytes => {
                    let bytes = &bytes[..bytes.len().min(CAPACITY - self.length)];
                    let n = memchr::memchr(0xFF, bytes).unwrap_or(bytes.len());
                    self.push(&bytes[..n]);
                    file.advance(n);
                }
            }
        }
        self.buffer[self.length..self.length + PADDING].fill(0);
    }

    fn push(&mut self, bytes: &[u8]) {
        self.buffer[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        /// However much is used at a time, every byte up to the marker is delivered once.
        #[test]
        fn all_bytes_up_to_the_marker_are_delivered(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xFF)], 0..300),
            n_repeats in 1usize..300,
            (end, marker) in prop_oneof![
                Just((&b"\xFF\xD9rest"[..], Some(0xD9))),
                Just((&b"\xFF\xFF\xD0\xFF"[..], Some(0xD0))),
                Just((&b""[..], None)),
                Just((&b"\xFF"[..], None)),
            ],
            step in 1usize..CAPACITY,
        ) {
            let bytes = bytes.repeat(n_repeats);
            let stuffed = bytes.iter().flat_map(|&byte| {
                if byte == 0xFF { vec![0xFF, 0] } else { vec![byte] }
            });
            let file: Vec<u8> = stuffed.chain(end.iter().copied()).collect();
            let mut file = FileWindow::new(Cursor::new(file)).unwrap();
            let mut data = EntropyData::new();
            data.start(&mut file);
            let mut delivered: Vec<u8> = Vec::new();
            while data.length > 0 {
                let n = step.min(data.length);
                prop_assert_eq!(&data.padded()[data.length..], &[0; PADDING][..]);
                delivered.extend(&data.padded()[..n]);
                data.load(n, &mut file);
            }
            prop_assert!(data.has_ended && delivered == bytes);
            prop_assert_eq!(file.find_marker(), marker);
        }
    }
}
