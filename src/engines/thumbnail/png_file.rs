//! Decoding PNG files row by row.

use std::io::{self, BufRead, Seek};

use image::metadata::Orientation;
use png::{Decoder, DecodingError, InterlaceInfo, Limits, Reader, Transformations};

use super::error::Cause;
use super::resize::Samples;
use super::row_reducer::{self, RowReducer};
use super::size::Size;

/// The passes of an interlaced picture (PNG, third edition, 8.1): the distance of their pixels and the
/// position of the first one, horizontally and vertically.
const PASSES: [[u32; 4]; 7] = [
    [8, 0, 8, 0],
    [8, 4, 8, 0],
    [4, 0, 8, 4],
    [4, 2, 4, 0],
    [2, 0, 4, 2],
    [2, 1, 2, 0],
    [1, 0, 2, 1],
];
/// How many of the passes contain every pixel of a picture that is so many times smaller.
const PASSES_FOR_RATIO: [(f64, usize); 4] = [(8.0, 1), (4.0, 3), (2.0, 5), (0.0, PASSES.len())];

/// A PNG whose chunks before the picture have been read.
pub(super) struct PngFile<R: BufRead + Seek> {
    reader: Reader<R>,
    pub(super) size: Size,
    pub(super) orientation: Orientation,
    pub(super) profile: Option<Vec<u8>>,
    n_channels: usize,
    is_interlaced: bool,
}

/// How much of a picture was decoded before an error, and the error.
pub(super) struct Partly {
    pub(super) percent: u8,
    pub(super) cause: Cause,
}

impl<R: BufRead + Seek> PngFile<R> {
    /// Reads the chunks before the picture.
    ///
    /// # Errors
    /// When the file cannot be read or is not a valid PNG.
    pub(super) fn open(file: R, bytes_max: u64) -> Result<Self, Cause> {
        let bytes = usize::try_from(bytes_max).unwrap_or(usize::MAX);
        let mut decoder = Decoder::new_with_limits(file, Limits { bytes });
        decoder.set_ignore_text_chunk(true);
        decoder.set_transformations(Transformations::normalize_to_color8());
        let reader = decoder.read_info().map_err(cause)?;
        let info = reader.info();
        let (width, height) = info.size();
        // Some programs begin the chunk with the name that it has in a JPEG.
        let exif = info.exif_metadata.as_deref();
        let exif = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
        let orientation = exif.and_then(Orientation::from_exif_chunk);
        Ok(PngFile {
            size: Size { width, height },
            orientation: orientation.unwrap_or(Orientation::NoTransforms),
            profile: info.icc_profile.as_ref().map(|profile| profile.to_vec()),
            n_channels: reader.output_color_type().0.samples(),
            is_interlaced: info.interlaced,
            reader,
        })
    }

    /// Bytes of memory that decoding for a thumbnail `ratio` times smaller takes.
    pub(super) fn n_bytes(&self, ratio: f64) -> u64 {
        let reduced = row_reducer::n_bytes(self.size, self.n_channels, ratio) as u64;
        let full = u64::from(self.size.width) * u64::from(self.size.height);
        let full = full.saturating_mul(self.n_channels as u64);
        let sums = 4 * u64::from(self.size.width) * self.n_channels as u64;
        let pixels = if self.is_interlaced { full } else { 0 };
        pixels.saturating_add(sums).saturating_add(reduced)
    }

    /// Decodes the picture in the detail that a thumbnail `ratio` times smaller needs; also tells what
    /// is missing after an error.
    pub(super) fn decode(mut self, ratio: f64) -> (Samples, Option<Partly>) {
        let mut reducer = RowReducer::new(self.size, self.n_channels, ratio);
        if self.is_interlaced {
            let (pixels, partly) = self.decode_interlaced(ratio);
            pixels.chunks_exact(self.bytes_per_row()).for_each(|row| reducer.add(row));
            return (reducer.finish(), partly);
        }
        let mut n_rows = 0;
        let partly = loop {
            match self.reader.next_row() {
                Ok(Some(row)) => reducer.add(row.data()),
                Ok(None) => break None,
                Err(err) => break Some(partly(n_rows, self.size.height.into(), err)),
            }
            n_rows += 1;
        };
        (reducer.finish(), partly)
    }

    /// All pixels. Until its own pass comes, a pixel has the colour of one nearby.
    fn decode_interlaced(&mut self, ratio: f64) -> (Vec<u8>, Option<Partly>) {
        let bytes_per_row = self.bytes_per_row();
        let bits = u8::try_from(8 * self.n_channels).expect("at most 4 channels");
        let mut pixels = vec![0; bytes_per_row * self.size.height as usize];
        let mut n_decoded = 0;
        let partly = loop {
            let (row, info) = match self.reader.next_interlaced_row() {
                Ok(Some(row)) => match row.interlace() {
                    InterlaceInfo::Adam7(info) => (row.data(), *info),
                    InterlaceInfo::Null(_) => break None, // of a picture that is not interlaced
                },
                Ok(None) => break None,
                Err(err) => break Some(partly(n_decoded, n_pixels_shown(self.size, ratio), err)),
            };
            png::splat_interlaced_row(&mut pixels, bytes_per_row, row, &info, bits);
            n_decoded += (row.len() / self.n_channels) as u64;
        };
        (pixels, partly)
    }

    fn bytes_per_row(&self) -> usize {
        self.size.width as usize * self.n_channels
    }
}

/// Number of pixels in the passes that a thumbnail `ratio` times smaller shows.
fn n_pixels_shown(size: Size, ratio: f64) -> u64 {
    let n_passes = PASSES_FOR_RATIO.iter().find(|(least, _)| ratio >= *least);
    let n_passes = n_passes.map_or(PASSES.len(), |(_, n)| *n);
    let n = |side: u32, distance, first| u64::from(side.saturating_sub(first).div_ceil(distance));
    let n_pixels = |[x, left, y, top]: [u32; 4]| n(size.width, x, left) * n(size.height, y, top);
    PASSES[..n_passes].iter().copied().map(n_pixels).sum()
}

fn partly(n_decoded: u64, n: u64, err: DecodingError) -> Partly {
    let percent = u8::try_from(n_decoded.min(n) * 100 / n.max(1)).unwrap_or(100);
    Partly { percent, cause: cause(err) }
}

fn cause(err: DecodingError) -> Cause {
    match err {
        DecodingError::IoError(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
            Cause::Truncated
        }
        DecodingError::IoError(err) if err.raw_os_error().is_some() => Cause::Io(err),
        err => Cause::Damaged(err.to_string()),
    }
}
