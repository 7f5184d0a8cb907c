//! The largest picture that is drawn.

/// Maximum width and height of a picture in pixels.
pub const SIDE_MAX: usize = 1 << 15;

/// Maximum number of pixels of a picture, at one byte each.
pub(super) const PIXELS_MAX: usize = 1 << 28;

/// Maximum number of iterations per point.
pub(super) const ITERATIONS_MAX: u32 = 1_000_000;
