//! A view made ready: the coordinates of its rows and columns, and how a row becomes grey.

use pulp::Arch;

use super::{View, kernel};

/// Between two greys of neighbouring bands.
const CONTRAST: u8 = 15;

const BLACK: u8 = 0;

pub(super) struct Scene {
    pub(super) width: usize,
    pub(super) height: usize,
    xs: Vec<f64>,
    ys: Vec<f64>,
    iterations: u32,
    shortcuts: bool,
    arch: Arch,
}

impl Scene {
    pub(super) fn new(view: &View) -> Self {
        let region = view.region;
        Scene {
            width: view.width,
            height: view.height,
            xs: coordinates(view.width, region.x_min, region.x_max),
            ys: coordinates(view.height, region.y_min, region.y_max),
            iterations: view.iterations,
            shortcuts: view.shortcuts,
            arch: Arch::new(),
        }
    }

    /// Draws one row, unless [`Scene::mirror`] will.
    pub(super) fn row(&self, row: usize, pixels: &mut [u8]) {
        if !self.shortcuts {
            self.points(&self.xs, self.ys[row], pixels.iter_mut());
        } else if self.twin(row).is_none() {
            self.outside_row(self.ys[row], pixels);
        }
    }

    /// Computes only the points not known to stay; the others keep the black they were made with.
    fn outside_row(&self, y: f64, pixels: &mut [u8]) {
        let unknown = |x: f64| !is_inside(x, y);
        let xs: Vec<f64> = self.xs.iter().copied().filter(|&x| unknown(x)).collect();
        let places = pixels.iter_mut().zip(&self.xs).filter(|&(_, &x)| unknown(x));
        self.points(&xs, y, places.map(|(pixel, _)| pixel));
    }

    fn points<'a>(&self, xs: &[f64], y: f64, pixels: impl Iterator<Item = &'a mut u8>) {
        let mut counts = vec![0.0; xs.len()];
        kernel::count(self.arch, xs, y, self.iterations, &mut counts);
        for (pixel, count) in pixels.zip(counts) {
            *pixel = grey(count, self.iterations);
        }
    }

    /// Copies the rows that mirror others, where shortcuts are allowed.
    pub(super) fn mirror(&self, pixels: &mut [u8]) {
        for row in (0..self.height).filter(|_| self.shortcuts) {
            if let Some(twin) = self.twin(row) {
                let twin = twin * self.width..(twin + 1) * self.width;
                pixels.copy_within(twin, row * self.width);
            }
        }
    }

    /// The row above with the same distance from the real axis, to the last bit.
    fn twin(&self, row: usize) -> Option<usize> {
        let mirrored = -self.ys[row];
        let twin = self.ys.partition_point(|&y| y < mirrored);
        (twin < row && self.ys[twin].to_bits() == mirrored.to_bits()).then_some(twin)
    }
}

/// In the order of the book's arithmetic, which decides how they round.
fn coordinates(n_pixels: usize, min: f64, max: f64) -> Vec<f64> {
    (0..n_pixels).map(|p| p as f64 / n_pixels as f64 * (max - min) + min).collect()
}

/// Whether the point lies in the main cardioid or in the disc to its left: it never escapes.
fn is_inside(x: f64, y: f64) -> bool {
    let (right, y_squared) = (x - 0.25, y * y);
    let q = right * right + y_squared;
    q * (q + right) <= 0.25 * y_squared || (x + 1.0) * (x + 1.0) + y_squared <= 0.0625
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // n modulo 256 is the formula
fn grey(count: f64, iterations: u32) -> u8 {
    let count = count as u32;
    if count == iterations {
        return BLACK;
    }
    255_u8.wrapping_sub(CONTRAST.wrapping_mul(count as u8))
}
