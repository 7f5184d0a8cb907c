//! A file seen through a window that moves along it, so that memory does not grow with the file.

use std::io::{self, Read, Seek, SeekFrom};
use std::mem;

use memchr::memmem;

use super::segments::Cursor;

/// Bytes of the window: the longest segment and more.
const WINDOW: usize = 1 << 17;

/// A position in a file, and what lies ahead of it.
pub(super) struct Input<R> {
    file: R,
    length: u64,
    /// Where in the file the window ends.
    end: u64,
    /// Of these, `from..to` are ahead.
    window: Box<[u8]>,
    from: usize,
    to: usize,
    /// What went wrong; it reads as the end of the file.
    error: Option<io::Error>,
}

impl<R: Read + Seek> Input<R> {
    pub(super) fn new(mut file: R) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let window = vec![0; WINDOW].into_boxed_slice();
        Ok(Input { file, length, end: 0, window, from: 0, to: 0, error: None })
    }

    /// How many bytes of the file are ahead, in the window or beyond it.
    pub(super) fn n_ahead(&self) -> u64 {
        (self.length + (self.to - self.from) as u64).saturating_sub(self.end)
    }

    /// Goes on by `n` bytes of those that [`Input::ahead`] gave.
    pub(super) fn advance(&mut self, n: usize) {
        self.from = (self.from + n).min(self.to);
    }

    /// The bytes ahead: `n` at least, unless the file ends before. At most [`WINDOW`] will do.
    pub(super) fn ahead(&mut self, n: usize) -> &[u8] {
        if self.to - self.from < n {
            self.fill();
        }
        &self.window[self.from..self.to]
    }

    #[cold]
    fn fill(&mut self) {
        self.window.copy_within(self.from..self.to, 0);
        (self.from, self.to) = (0, self.to - self.from);
        while self.to < WINDOW && self.error.is_none() {
            match self.file.read(&mut self.window[self.to..]) {
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

    /// Goes on to the next marker, without taking it.
    pub(super) fn find_marker(&mut self) -> Option<u8> {
        loop {
            let ahead = self.ahead(2);
            let n = ahead.len();
            let at = memchr::memchr(0xFF, ahead).unwrap_or(n);
            match ahead.get(at + 1) {
                Some(0 | 0xFF) => self.advance(at + 1), // stuffed, or a filler
                Some(&marker) => {
                    self.advance(at);
                    return Some(marker);
                }
                None if n < 2 => return None,
                None => self.advance(at),
            }
        }
    }

    /// Goes on to the next marker and takes it.
    pub(super) fn marker(&mut self) -> Option<u8> {
        let marker = self.find_marker()?;
        self.advance(2);
        Some(marker)
    }

    /// Takes the segment after a marker that has a length.
    pub(super) fn segment(&mut self) -> Option<Cursor<'_>> {
        let length = usize::from(u16::from_be_bytes(*self.ahead(2).first_chunk()?));
        self.ahead(length).get(2..length)?;
        self.from += length;
        Some(Cursor(&self.window[self.from + 2 - length..self.from]))
    }

    /// Whether `needle` is somewhere ahead. Looks from the end of the file, where it should be.
    pub(super) fn has_ahead(&mut self, needle: &[u8]) -> io::Result<bool> {
        let (start, mut end) = (self.length - self.n_ahead(), self.length);
        (self.from, self.to) = (0, 0);
        while end > start {
            let n = (end - start).min(WINDOW as u64);
            self.file.seek(SeekFrom::Start(end - n))?;
            let n_bytes = usize::try_from(n).expect("no more than the window");
            self.file.read_exact(&mut self.window[..n_bytes])?;
            if memmem::rfind(&self.window[..n_bytes], needle).is_some() {
                return Ok(true);
            }
            // One that lies across the pieces is found in the next.
            end = if end - n == start { start } else { end - n + needle.len() as u64 - 1 };
        }
        Ok(false)
    }

    /// The error that ended it, if one did.
    pub(super) fn check(&mut self) -> io::Result<()> {
        mem::take(&mut self.error).map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    /// A file that comes a few bytes at a time, and in the end fails if told to.
    struct Slow<'a>(Cursor<&'a [u8]>, bool);

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = buf.len().min(1_000);
            match self.0.read(&mut buf[..n])? {
                0 if self.1 => Err(io::Error::other("bad sector")),
                n => Ok(n),
            }
        }
    }

    impl Seek for Slow<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    fn input(file: &[u8], fails: bool) -> Input<Slow<'_>> {
        Input::new(Slow(Cursor::new(file), fails)).unwrap()
    }

    /// Zeros with a marker at each of these places.
    fn file(length: usize, markers: &[usize]) -> Vec<u8> {
        let mut file = vec![0; length];
        for &at in markers {
            file[at..at + 2].copy_from_slice(&[0xFF, 0xD9]);
        }
        file
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        /// Markers are found wherever the windows end.
        #[test]
        fn every_marker_is_found(
            near in prop::collection::btree_set(0usize..40, 0..9),
            length in 2 * WINDOW + 50..3 * WINDOW,
        ) {
            let places = near.iter().map(|n| (1 + n % 2) * WINDOW - 40 + 2 * n);
            let places: Vec<usize> = places.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
            let file = file(length, &places);
            let mut input = input(&file, false);
            for &at in &places {
                prop_assert_eq!(input.find_marker(), Some(0xD9));
                prop_assert_eq!(input.n_ahead(), (length - at) as u64);
                prop_assert_eq!(input.marker(), Some(0xD9));
            }
            prop_assert_eq!(input.marker(), None);
        }

        /// The end is looked for in all that is ahead, and in nothing else.
        #[test]
        fn what_is_ahead_is_found(at in 0usize..40, skipped in 0usize..80) {
            for window in [1, 2] {
                let length = 2 * WINDOW + 40;
                let at = length - window * WINDOW - 20 + at;
                let file = file(length, &[at]);
                let mut input = input(&file, false);
                let n = length - window * WINDOW - 40 + skipped;
                input.file.0.set_position(n as u64);
                (input.end, input.from, input.to) = (n as u64, 0, 0);
                prop_assert_eq!(input.has_ahead(b"\xFF\xD9").unwrap(), n <= at);
            }
        }
    }

    #[test]
    fn segments_are_whole() {
        let mut file = vec![7; WINDOW - 10];
        file.extend([0, 100]);
        file.extend(1..99);
        file.extend([0, 9, 1]);
        let mut input = input(&file, false);
        input.ahead(WINDOW);
        input.advance(WINDOW - 10);
        assert_eq!(input.segment().unwrap().0, (1..99).collect::<Vec<u8>>());
        assert!(input.segment().is_none(), "it is longer than the file");
    }

    #[test]
    fn a_failure_is_told_from_an_end() {
        let file = [1; 5_000];
        for fails in [false, true] {
            let mut input = input(&file, fails);
            assert_eq!(input.ahead(WINDOW).len(), 5_000);
            assert_eq!(input.marker(), None);
            assert_eq!(input.check().is_err(), fails);
        }
    }
}
