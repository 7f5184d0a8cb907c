//! The line ends of Internet protocols in an input whose lines end as Unix's do.

use std::io::{self, Read};

use memchr::memchr_iter;

/// An input with a CR before each LF that has none, as nc and ncat send it with `-C`.
///
/// A read is at most half as long as the caller's buffer, so that all of it fits with its CRs: it
/// stays whole where it becomes a datagram.
#[derive(Debug)]
pub struct CrlfReader<R> {
    input: R,
    /// What was read last, without the added CRs.
    raw: Vec<u8>,
    /// What a buffer of one byte had no room for.
    converted: Vec<u8>,
    n_taken: usize,
    /// Whether the last byte read is a CR, the LF of which may come with the next read.
    ends_with_cr: bool,
}

impl<R: Read> CrlfReader<R> {
    /// Reads `input`.
    pub fn new(input: R) -> Self {
        let (raw, converted) = (Vec::new(), Vec::new());
        CrlfReader { input, raw, converted, n_taken: 0, ends_with_cr: false }
    }

    /// Converts the first `n` bytes that were read.
    fn convert(&mut self, n: usize) {
        self.converted.clear();
        self.n_taken = 0;
        let (raw, mut start) = (&self.raw[..n], 0);
        for end in memchr_iter(b'\n', raw) {
            let has_cr = end.checked_sub(1).map_or(self.ends_with_cr, |last| raw[last] == b'\r');
            self.converted.extend_from_slice(&raw[start..end]);
            self.converted.extend_from_slice(if has_cr { b"\n" } else { b"\r\n" });
            start = end + 1;
        }
        self.converted.extend_from_slice(&raw[start..]);
        self.ends_with_cr = raw.last().map_or(self.ends_with_cr, |&last| last == b'\r');
    }
}

impl<R: Read> Read for CrlfReader<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.n_taken == self.converted.len() && !buf.is_empty() {
            self.raw.resize((buf.len() / 2).max(1), 0);
            let n = self.input.read(&mut self.raw)?;
            self.convert(n);
        }
        let n = (&self.converted[self.n_taken..]).read(buf)?;
        self.n_taken += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// An input that comes in these pieces.
    struct Pieces(VecDeque<&'static [u8]>);

    impl Read for Pieces {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let Some(mut piece) = self.0.pop_front() else { return Ok(0) };
            let n = piece.read(buf)?;
            if !piece.is_empty() {
                self.0.push_front(piece);
            }
            Ok(n)
        }
    }

    #[test]
    fn an_lf_without_cr_gets_one_wherever_reads_end() {
        let pieces: &[&[u8]] = &[b"\na\r\n\n", b"---", b"\nb\r", b"\nc\r", b"d\n", b"\r\r\n", b"e"];
        let expected = b"\r\na\r\n\r\n---\r\nb\r\nc\rd\r\n\r\r\ne";
        for size in [1, 2, 3, 64] {
            let mut reader = CrlfReader::new(Pieces(pieces.iter().copied().collect()));
            let (mut text, mut buf) = (Vec::new(), vec![0; size]);
            loop {
                let n = reader.read(&mut buf).unwrap();
                text.extend_from_slice(&buf[..n]);
                if n == 0 {
                    break;
                }
            }
            assert_eq!(text, expected, "{}", String::from_utf8_lossy(&text));
        }
    }

    #[test]
    fn each_read_of_the_input_stays_one_read() {
        let pieces: &[&[u8]] = &[b"a\nb\n", b"c\n"];
        let mut reader = CrlfReader::new(Pieces(pieces.iter().copied().collect()));
        let mut buf = [0; 8];
        let sizes: Vec<_> = (0..3).map(|_| reader.read(&mut buf).unwrap()).collect();
        assert_eq!(sizes, [6, 3, 0]);
    }
}
