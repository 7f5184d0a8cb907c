//! A view prepared for drawing: the coordinates of its rows and columns, and the drawing of a row.

use pulp::Arch;

use super::kernel;
use super::view::View;

/// The difference in grey between points whose numbers of iterations differ by one.
const CONTRAST: u8 = 15;

const BLACK: u8 = 0;

/// A prepared view, shared by all threads that draw it.
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

    /// Draws one row, unless [`Scene::mirror`] copies it from another one.
    pub(super) fn draw_row(&self, row: usize, pixels: &mut [u8]) {
        if !self.shortcuts {
            self.draw_points(&self.xs, self.ys[row], pixels.iter_mut());
        } else if self.mirrored_row(row).is_none() {
            self.draw_unknown_points(self.ys[row], pixels);
        }
    }

    /// Draws only the points that are not known to be in the set; the others are black already.
    fn draw_unknown_points(&self, y: f64, pixels: &mut [u8]) {
        let is_unknown = |x: f64| !is_known_inside(x, y);
        let xs: Vec<f64> = self.xs.iter().copied().filter(|&x| is_unknown(x)).collect();
        let places = pixels.iter_mut().zip(&self.xs).filter(|&(_, &x)| is_unknown(x));
        self.draw_points(&xs, y, places.map(|(pixel, _)| pixel));
    }

    fn draw_points<'a>(&self, xs: &[f64], y: f64, pixels: impl Iterator<Item = &'a mut u8>) {
        let mut counts = vec![0.0; xs.len()];
        kernel::count_iterations(self.arch, xs, y, self.iterations, &mut counts);
        for (pixel, count) in pixels.zip(counts) {
            *pixel = grey(count, self.iterations);
        }
    }

    /// Copies the rows that mirror others, if the view allows shortcuts.
    pub(super) fn mirror(&self, pixels: &mut [u8]) {
        for row in (0..self.height).filter(|_| self.shortcuts) {
            if let Some(mirrored) = self.mirrored_row(row) {
                let source = mirrored * self.width..(mirrored + 1) * self.width;
                pixels.copy_within(source, row * self.width);
            }
        }
    }

    /// An earlier row with the same pixels: its imaginary part is exactly this row's, negated.
    fn mirrored_row(&self, row: usize) -> Option<usize> {
        let y = -self.ys[row];
        let mirrored = self.ys.partition_point(|&other| other < y);
        (mirrored < row && self.ys[mirrored].to_bits() == y.to_bits()).then_some(mirrored)
    }
}

/// The coordinates of pixels along one axis, computed in the book's order of operations so that
/// they are rounded alike.
fn coordinates(n_pixels: usize, min: f64, max: f64) -> Vec<f64> {
    (0..n_pixels).map(|p| p as f64 / n_pixels as f64 * (max - min) + min).collect()
}

/// Whether the point is in the main cardioid or in the disc to its left, and so in the set.
fn is_known_inside(x: f64, y: f64) -> bool {
    let (right, y_squared) = (x - 0.25, y * y);
    let q = right * right + y_squared;
    q * (q + right) <= 0.25 * y_squared || (x + 1.0) * (x + 1.0) + y_squared <= 0.0625
}

/// The grey of a point after `count` iterations, by the book's formula.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the formula is modulo 256
fn grey(count: f64, iterations: u32) -> u8 {
    let count = count as u32;
    if count == iterations {
        return BLACK;
    }
    255_u8.wrapping_sub(CONTRAST.wrapping_mul(count as u8))
}
