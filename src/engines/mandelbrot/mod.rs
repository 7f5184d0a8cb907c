//! The Mandelbrot set of the book (3.3), drawn by one thread and by many (8.5, exercise 8.5).
//!
//! The picture is that of `gopl.io/ch3/mandelbrot`, pixel for pixel: a point's grey is
//! 255 - 15·n modulo 256, where n is the number of steps before its distance from 0 exceeds 2, and
//! black if it never does. The comparison is made on squares, re² + im² > 4, which needs neither a
//! root nor a division; it could differ from `hypot` only where the distance is within rounding of
//! 2, and in the book's picture no pixel is. Nothing is fused: Go on amd64 rounds twice as well.

use std::{fmt, io};

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

mod kernel;
mod plot;
mod scene;
mod strategy;
pub mod sweep;
#[cfg(test)]
mod tests;

pub use plot::speed_up as plot;
pub use strategy::Strategy;

use scene::Scene;

/// The most pixels a side may have.
pub const SIDE_MAX: usize = 1 << 15;

/// The most pixels a picture may have: a quarter of a gibibyte.
const PIXELS_MAX: usize = 1 << 28;

/// The most steps a point may take.
const ITERATIONS_MAX: u32 = 1_000_000;

/// What to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The part of the plane to draw; its first row has the least imaginary part, as in Go.
    pub region: Region,
    /// Steps after which a point is taken to stay.
    pub iterations: u32,
    /// Leave out what is known without computing: points of the main cardioid and of the disc
    /// beside it, and rows that mirror others. The picture is the same.
    pub shortcuts: bool,
}

/// A rectangle of the plane; its greatest real and imaginary parts lie just outside the picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    /// Real part of the first pixel of a row.
    pub x_min: f64,
    /// Imaginary part of the first row.
    pub y_min: f64,
    /// Real part after the last pixel.
    pub x_max: f64,
    /// Imaginary part after the last row.
    pub y_max: f64,
}

impl Default for Region {
    fn default() -> Self {
        Region { x_min: -2.0, y_min: -2.0, x_max: 2.0, y_max: 2.0 }
    }
}

impl Default for View {
    fn default() -> Self {
        let region = Region::default();
        View { width: 1024, height: 1024, region, iterations: 200, shortcuts: false }
    }
}

/// Why a picture cannot be drawn.
#[derive(Debug)]
pub enum Error {
    /// A side is zero or too long, or the picture has too many pixels.
    Size(usize, usize),
    /// The region is empty, turned round or not finite.
    Region,
    /// The number of steps is zero or too large.
    Iterations(u32),
    /// There is no thread to draw with.
    NoThreads,
    /// The machine has no room for the threads.
    Threads(io::Error),
    /// The plot could not be drawn.
    Plot(String),
}

impl Error {
    /// Whether what was asked for makes no sense, as opposed to not being possible here.
    pub fn is_usage(&self) -> bool {
        !matches!(self, Error::Threads(_) | Error::Plot(_))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Size(width, height) => write!(
                f,
                "size {width}x{height}: sides are 1 to {SIDE_MAX} pixels, {PIXELS_MAX} in all"
            ),
            Error::Region => f.write_str("region: use finite XMIN,YMIN,XMAX,YMAX in rising order"),
            Error::Iterations(n) => write!(f, "iterations {n}: use 1 to {ITERATIONS_MAX}"),
            Error::NoThreads => f.write_str("threads 0: at least one is needed"),
            Error::Threads(cause) => write!(f, "threads: {cause}"),
            Error::Plot(cause) => write!(f, "plot: {cause}"),
        }
    }
}

impl std::error::Error for Error {}

impl View {
    fn check(&self) -> Result<(), Error> {
        let sides = 1..=SIDE_MAX;
        let fits = sides.contains(&self.width) && sides.contains(&self.height);
        if !fits || self.width * self.height > PIXELS_MAX {
            return Err(Error::Size(self.width, self.height));
        }
        let Region { x_min, y_min, x_max, y_max } = self.region;
        let (across, down) = (x_max - x_min, y_max - y_min);
        if !(across > 0.0 && down > 0.0 && across.is_finite() && down.is_finite()) {
            return Err(Error::Region);
        }
        if !(1..=ITERATIONS_MAX).contains(&self.iterations) {
            return Err(Error::Iterations(self.iterations));
        }
        Ok(())
    }
}

/// Draws `view` with up to `n_threads` threads at once; one byte of grey a pixel, row by row.
///
/// # Errors
/// When `view` makes no sense or the machine has no room for the threads.
pub fn draw(view: &View, strategy: Strategy, n_threads: usize) -> Result<Vec<u8>, Error> {
    view.check()?;
    let scene = Scene::new(view);
    let mut pixels = vec![0; view.width * view.height];
    strategy::run(strategy, &scene, n_threads, &mut pixels)?;
    scene.mirror(&mut pixels);
    Ok(pixels)
}

/// Encodes what [`draw`] returned as PNG.
///
/// # Errors
/// When `out` takes no more.
pub fn write_png(view: &View, pixels: &[u8], out: impl io::Write) -> io::Result<()> {
    let (width, height) = (side(view.width), side(view.height));
    let done = PngEncoder::new(out).write_image(pixels, width, height, ExtendedColorType::L8);
    done.map_err(|err| match err {
        ImageError::IoError(err) => err,
        err => io::Error::other(err),
    })
}

fn side(n_pixels: usize) -> u32 {
    u32::try_from(n_pixels).unwrap_or(u32::MAX) // a picture that was drawn has short sides
}
