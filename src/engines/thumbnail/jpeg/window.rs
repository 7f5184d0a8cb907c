//! Reading a file through a buffer of fixed size that moves along it.

use std::io::{self, Read, Seek, SeekFrom};
use std::mem;

use memchr::memmem;

use super::cursor::Cursor;

/// Size of the buffer in bytes: more than the longest segment.
const WINDOW: usize = 1 << 17;

/// A position in a file, and a buffer of the bytes that follow it.
pub(super) struct FileWindow<R> {
    file: R,
    /// Length of the file in bytes.
    length: u64,
    /// Offset in the file at which the buffered bytes end.
    end: u64,
    /// The bytes that follow the position are `buffer[from..to]`.
    buffer: Box<[u8]>,
    from: usize,
    to: usize,
    /// The error of a failed read, after which the file seems to end.
    error: Option<io::Error>,
}

impl<R: Read + Seek> FileWindow<R> {
    /// A window at the start of `file`.
    pub(super) fn new(mut file: R) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let buffer = vec![0; WINDOW].into_boxed_slice();
        Ok(FileWindow { file, length, end: 0, buffer, from: 0, to: 0, error: None })
    }

    /// Number of bytes from the position to the end of the file.
    pub(super) fn n_bytes_left(&self) -> u64 {
        (self.length + (self.to - self.from) as u64).saturating_sub(self.end)
    }

    /// Moves the position by `n` of the bytes that [`FileWindow::peek`] returned.
    pub(super) fn advance(&mut self, n: usize) {
        self.from = (self.from + n).min(self.to);
    }

    /// The buffered bytes at the position: at least `n` of them, unless the file ends before; `n`
    /// is at most [`WINDOW`].
    pub(super) fn peek(&mut self, n: usize) -> &[u8] {
        if self.to - self.from < n {
            self.fill();
        }
        &self.buffer[self.from..self.to]
    }

    #[cold]
    fn fill(&mut self) {
        self.buffer.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        while self.to < WINDOW && self.error.is_none() {
            match self.file.read(&mut self.buffer[self.to..]) {
                Ok(0) => return,
                Ok(n) => {
                    self.to += n;
                    self.end += n as u64;
                }
                Err(err) if err.kind() == io::ErrorKind::Interrupted => (),
                Err(err) => self.error = Some(err),
            }
        }
    }

    /// Moves to the next marker and returns its code.
    pub(super) fn find_marker(&mut self) -> Option<u8> {
        loop {
            let bytes = self.peek(2);
            let n = bytes.len();
            let at = memchr::memchr(0xFF, bytes).unwrap_or(n);
            match bytes.get(at + 1) {
                Some(0 | 0xFF) => self.advance(at + 1), // a stuffed zero byte, or a fill byte
                Some(&marker) => {
                    self.advance(at);
                    return Some(marker);
                }
                None if n < 2 => return None,
                None => self.advance(at),
            }
        }
    }

    /// Whether the marker with this code is at the position.
    pub(super) fn is_at_marker(&mut self, code: u8) -> bool {
        self.peek(2).starts_with(&[0xFF, code])
    }

    /// Moves behind the next marker and returns its code.
    pub(super) fn take_marker(&mut self) -> Option<u8> {
        let marker = self.find_marker()?;
        self.advance(2);
        Some(marker)
    }

    /// Moves behind the segment at the position and returns it, without the two bytes of its
    /// length; `None` if the file ends before.
    pub(super) fn take_segment(&mut self) -> Option<Cursor<'_>> {
        let length = usize::from(u16::from_be_bytes(*self.peek(2).first_chunk()?));
        self.peek(length).get(2..length)?;
        self.from += length;
        Some(Cursor(&self.buffer[self.from + 2 - length..self.from]))
    }

    /// Whether `needle` is in the rest of the file, which is searched from its end; the position is
    /// lost.
    pub(super) fn rest_contains(&mut self, needle: &[u8]) -> io::Result<bool> {
        let (start, mut end) = (self.length - self.n_bytes_left(), self.length);
        (self.from, self.to) = (0, 0);
        while end > start {
            let n = (end - start).min(WINDOW as u64);
            self.file.seek(SeekFrom::Start(end - n))?;
            let n_bytes = usize::try_from(n).expect("no more than the buffer holds");
            self.file.read_exact(&mut self.buffer[..n_bytes])?;
            if memmem::rfind(&self.buffer[..n_bytes], needle).is_some() {
                return Ok(true);
            }
            // Pieces overlap, so that a needle across two of them is found.
            end = if end - n == start { start } else { end - n + needle.len() as u64 - 1 };
        }
        Ok(false)
    }

    /// The error of a failed read, if there was one; the next call returns `Ok`.
    pub(super) fn take_error(&mut self) -> io::Result<()> {
        mem::take(&mut self.error).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// A file that returns at most 1,000 bytes per read; at its end, reads fail if the flag is set.
    struct SlowFile<'a>(Cursor<&'a [u8]>, bool);

    impl Read for SlowFile<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = buf.len().min(1_000);
            match self.0.read(&mut buf[..n])? {
                0 if self.1 => Err(io::Error::other("bad sector")),
                n => Ok(n),
            }
        }
    }

    impl Seek for SlowFile<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    fn window(file: &[u8], fails: bool) -> FileWindow<SlowFile<'_>> {
        FileWindow::new(SlowFile(Cursor::new(file), fails)).unwrap()
    }

    /// A file of zeros with a marker at each of these offsets.
    fn file(length: usize, markers: &[usize]) -> Vec<u8> {
        let mut file = vec![0; length];
        for &at in markers {
            file[at..at + 2].copy_from_slice(&[0xFF, 0xD9]);
        }
        file
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Markers are found even where the buffer ends within them.
        #[test]
        fn every_marker_is_found(
            near in prop::collection::btree_set(0usize..40, 0..9),
            length in 2 * WINDOW + 50..3 * WINDOW,
        ) {
            let offsets = near.iter().map(|n| (1 + n % 2) * WINDOW - 40 + 2 * n);
            let offsets: BTreeSet<usize> = offsets.collect();
            let offsets: Vec<usize> = offsets.into_iter().collect();
            let file = file(length, &offsets);
            let mut window = window(&file, false);
            for &at in &offsets {
                prop_assert_eq!(window.find_marker(), Some(0xD9));
                prop_assert_eq!(window.n_bytes_left(), (length - at) as u64);
                prop_assert_eq!(window.take_marker(), Some(0xD9));
            }
            prop_assert_eq!(window.take_marker(), None);
        }

        /// The search covers the rest of the file and nothing before it.
        #[test]
        fn a_marker_in_the_rest_of_the_file_is_found(at in 0usize..40, skipped in 0usize..80) {
            for n_windows in [1, 2] {
                let length = 2 * WINDOW + 40;
                let at = length - n_windows * WINDOW - 20 + at;
                let file = file(length, &[at]);
                let mut window = window(&file, false);
                let n = length - n_windows * WINDOW - 40 + skipped;
                window.file.0.set_position(n as u64);
                (window.end, window.from, window.to) = (n as u64, 0, 0);
                prop_assert_eq!(window.rest_contains(b"\xFF\xD9").unwrap(), n <= at);
            }
        }
    }

    #[test]
    fn only_complete_segments_are_returned() {
        let mut file = vec![7; WINDOW - 10];
        file.extend([0, 100]);
        file.extend(1..99);
        file.extend([0, 9, 1]);
        let mut window = window(&file, false);
        window.peek(WINDOW);
        window.advance(WINDOW - 10);
        assert_eq!(window.take_segment().unwrap().0, (1..99).collect::<Vec<u8>>());
        assert!(window.take_segment().is_none(), "the segment is longer than the file");
    }

    #[test]
    fn a_failed_read_is_distinguished_from_the_end() {
        let file = [1; 5_000];
        for fails in [false, true] {
            let mut window = window(&file, fails);
            assert_eq!(window.peek(WINDOW).len(), 5_000);
            assert_eq!(window.take_marker(), None);
            assert_eq!(window.take_error().is_err(), fails);
        }
    }
}
