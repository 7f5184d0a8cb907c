//! What to draw: a part of the complex plane at some resolution.

use super::error::Error;
use super::limits::{ITERATIONS_MAX, PIXELS_MAX, SIDE_MAX};

/// A picture of a part of the complex plane.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// The part of the plane. The first row has the smallest imaginary part, as in the book.
    pub region: Region,
    /// Number of iterations after which a point counts as part of the set.
    pub iterations: u32,
    /// Skip the computation of points in the main cardioid and in the disc beside it, and of rows
    /// that mirror others. The picture is the same.
    pub shortcuts: bool,
}

/// A rectangle of the complex plane. The maxima lie just outside the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Real part of the first pixel of each row.
    pub x_min: f64,
    /// Imaginary part of the first row.
    pub y_min: f64,
    /// Real part after the last pixel of each row.
    pub x_max: f64,
    /// Imaginary part after the last row.
    pub y_max: f64,
}

impl Default for Region {
    /// The region of the book's picture: -2 to 2 on both axes.
    fn default() -> Self {
        Region { x_min: -2.0, y_min: -2.0, x_max: 2.0, y_max: 2.0 }
    }
}

impl Default for View {
    /// The book's picture: 1024x1024 pixels, 200 iterations.
    fn default() -> Self {
        let region = Region::default();
        View { width: 1024, height: 1024, region, iterations: 200, shortcuts: false }
    }
}

impl View {
    /// Returns an error if the view cannot be drawn on any machine.
    pub(super) fn check(&self) -> Result<(), Error> {
        let sides = 1..=SIDE_MAX;
        let fits = sides.contains(&self.width) && sides.contains(&self.height);
        if !fits || self.width * self.height > PIXELS_MAX {
            return Err(Error::Size(self.width, self.height));
        }
        let Region { x_min, y_min, x_max, y_max } = self.region;
        let (width, height) = (x_max - x_min, y_max - y_min);
        if !(width > 0.0 && height > 0.0 && width.is_finite() && height.is_finite()) {
            return Err(Error::Region);
        }
        if !(1..=ITERATIONS_MAX).contains(&self.iterations) {
            return Err(Error::Iterations(self.iterations));
        }
        Ok(())
    }
}
