//! Averaging the rows of a picture as they are decoded, so that it is never in memory at full size.

use fast_image_resize::PixelType;

use super::resize::Samples;
use super::size::Size;

/// How many times larger than the thumbnail the averages remain: the rest is left to a better
/// filter.
const RATIO_LEFT: f64 = 3.0;
/// Sides of which the sums fit into 32 bits.
const SIDE_MAX: f64 = 65_536.0;
/// The alpha of an opaque pixel.
const OPAQUE: u32 = 255;

/// Averages squares of pixels, row by row.
pub(super) struct RowReducer {
    size: Size,
    /// 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha.
    n_channels: usize,
    /// Side of a square in pixels.
    side: usize,
    /// The sums of the rows of the squares that are not complete yet. With alpha, colours are
    /// multiplied by it, and alpha by [`OPAQUE`].
    sums: Vec<u32>,
    n_rows: usize,
    averages: Vec<u8>,
}

/// The side of the squares for a thumbnail that is `ratio` times smaller.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 2^16")]
fn side(ratio: f64) -> usize {
    (ratio / RATIO_LEFT).clamp(1.0, SIDE_MAX) as usize
}

impl RowReducer {
    pub(super) fn new(size: Size, n_channels: usize, ratio: f64) -> Self {
        let square = side(ratio);
        let sums = vec![0; size.width as usize * n_channels];
        let averages = Vec::with_capacity(n_bytes(size, n_channels, ratio));
        RowReducer { size, n_channels, side: square, sums, n_rows: 0, averages }
    }

    /// Adds a row of pixels with 8 bits per channel.
    pub(super) fn add(&mut self, row: &[u8]) {
        match self.n_channels {
            2 => add_weighted::<2>(&mut self.sums, row),
            4 => add_weighted::<4>(&mut self.sums, row),
            _ => add_scaled::<1>(&mut self.sums, row),
        }
        self.n_rows += 1;
        if self.n_rows == self.side {
            self.end_squares();
        }
    }

    fn end_squares(&mut self) {
        match self.n_channels {
            1 => self.end_squares_of::<1, 1>(|[gray], n| [average(gray, n)]),
            2 => self.end_squares_of::<2, 4>(|[gray, alpha], n| {
                let gray = weighted_average(gray, alpha);
                [gray, gray, gray, average(alpha, n * u64::from(OPAQUE))]
            }),
            3 => self.end_squares_of::<3, 3>(|colors, n| colors.map(|color| average(color, n))),
            _ => self.end_squares_of::<4, 4>(|[r, g, b, alpha], n| {
                let [r, g, b] = [r, g, b].map(|color| weighted_average(color, alpha));
                [r, g, b, average(alpha, n * u64::from(OPAQUE))]
            }),
        }
        self.sums.fill(0);
        self.n_rows = 0;
    }

    /// Appends the averages of squares with these sums and numbers of pixels.
    fn end_squares_of<const N: usize, const M: usize>(
        &mut self,
        averages: impl Fn([u64; N], u64) -> [u8; M],
    ) {
        for square in self.sums.as_chunks::<N>().0.chunks(self.side) {
            let mut sums = [0; N];
            for pixel in square {
                for (sum, &level) in sums.iter_mut().zip(pixel) {
                    *sum += u64::from(level);
                }
            }
            self.averages.extend(averages(sums, (self.n_rows * square.len()) as u64));
        }
    }

    /// The averages of all rows; those that were not added are black or transparent.
    pub(super) fn finish(mut self) -> Samples {
        if self.n_rows > 0 {
            self.end_squares();
        }
        let (kind, n_bytes) = match self.n_channels {
            1 => (PixelType::U8, 1),
            3 => (PixelType::U8x3, 3),
            _ => (PixelType::U8x4, 4),
        };
        let (width, height) = reduced(self.size, self.side);
        self.averages.resize(width * height * n_bytes, 0);
        let side = self.side as f64;
        Samples {
            bytes: self.averages,
            width: u32::try_from(width).expect("not larger than the picture"),
            height: u32::try_from(height).expect("not larger than the picture"),
            kind,
            pixels_per_sample: (side, side),
            has_alpha: kind == PixelType::U8x4,
        }
    }
}

/// Bytes that the averages take.
pub(super) fn n_bytes(size: Size, n_channels: usize, ratio: f64) -> usize {
    let (width, height) = reduced(size, side(ratio));
    width.saturating_mul(height).saturating_mul(if n_channels == 2 { 4 } else { n_channels })
}

fn reduced(Size { width, height }: Size, side: usize) -> (usize, usize) {
    ((width as usize).div_ceil(side), (height as usize).div_ceil(side))
}

/// Adds the levels times a factor.
fn add_scaled<const FACTOR: u32>(sums: &mut [u32], row: &[u8]) {
    for (sum, &level) in sums.iter_mut().zip(row) {
        *sum += u32::from(level) * FACTOR;
    }
}

/// Adds pixels of which the last channel is alpha.
fn add_weighted<const N: usize>(sums: &mut [u32], row: &[u8]) {
    let pixels = row.as_chunks::<N>().0;
    let mut common = [u8::MAX; N];
    for pixel in pixels {
        common.iter_mut().zip(pixel).for_each(|(common, level)| *common &= level);
    }
    if common[N - 1] == u8::MAX {
        return add_scaled::<OPAQUE>(sums, row);
    }
    for (sums, pixel) in sums.as_chunks_mut::<N>().0.iter_mut().zip(pixels) {
        let alpha = u32::from(pixel[N - 1]);
        for (sum, &level) in sums.iter_mut().zip(&pixel[..N - 1]) {
            *sum += u32::from(level) * alpha;
        }
        sums[N - 1] += alpha * OPAQUE;
    }
}

/// The average of a colour from the sums of colour times alpha and of alpha times [`OPAQUE`].
fn weighted_average(color: u64, alpha: u64) -> u8 {
    average(color * u64::from(OPAQUE), alpha)
}

/// `sum / n`, rounded; 0 for none.
fn average(sum: u64, n: u64) -> u8 {
    let average = (sum + n / 2).checked_div(n).unwrap_or_default();
    u8::try_from(average).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size { width: 5, height: 3 };

    fn reduce<R: AsRef<[u8]>>(n_channels: usize, rows: &[R]) -> Samples {
        let mut reducer = RowReducer::new(SIZE, n_channels, 2.0 * RATIO_LEFT);
        for row in rows {
            reducer.add(row.as_ref());
        }
        reducer.finish()
    }

    #[test]
    fn squares_are_averaged_and_those_at_the_edge_are_smaller() {
        let samples = reduce(1, &[&[0, 2, 4, 6, 9], &[2, 4, 6, 8, 20], &[7, 8, 9, 9, 3]]);
        assert_eq!((samples.width, samples.height), (3, 2));
        assert_eq!(samples.bytes, [2, 6, 15, 8, 9, 3]);
        assert_eq!(samples.pixels_per_sample, (2.0, 2.0));
        let rgb = reduce(3, &vec![[1, 2, 3].repeat(5); 3]);
        assert_eq!(rgb.bytes, [1, 2, 3].repeat(6));
    }

    #[test]
    fn transparent_pixels_have_no_weight() {
        let row = [[100, 255], [0, 0], [50, 0], [0, 0], [8, 16]].concat();
        let samples = reduce(2, &vec![row; 3]);
        let expected = [[100, 100, 100, 128], [0; 4], [8, 8, 8, 16]].concat();
        assert_eq!(samples.bytes, expected.repeat(2));
        let opaque = reduce(4, &vec![[1, 2, 3, 255].repeat(5); 3]);
        assert_eq!(opaque.bytes, [1, 2, 3, 255].repeat(6));
    }

    #[test]
    fn rows_that_are_missing_are_empty() {
        let samples = reduce(4, &[[9, 9, 9, 255].repeat(5)]);
        assert_eq!(samples.bytes, [[9, 9, 9, 255].repeat(3), vec![0; 12]].concat());
    }
}
