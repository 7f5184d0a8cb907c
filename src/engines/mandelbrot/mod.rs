//! The Mandelbrot set of the book (3.3), drawn by one thread or by several (8.5, exercise 8.5).
//!
//! The picture is that of `gopl.io/ch3/mandelbrot`, pixel for pixel: the grey of a point is
//! 255 - 15·n modulo 256, where n is the number of iterations before its distance from 0 exceeds 2,
//! and black if it never does. The comparison is made on squares, re² + im² > 4, which needs
//! neither a root nor a division; it could differ from `hypot` only where the distance is within
//! rounding of 2, which is the case for no pixel of the book's picture. There is no fused
//! multiply-add: Go on amd64 rounds twice as well.

mod draw;
mod error;
mod kernel;
mod limits;
mod plot;
mod png;
mod scene;
mod strategy;
pub mod sweep;
#[cfg(test)]
mod tests;
mod view;

pub use draw::draw;
pub use error::Error;
pub use limits::SIDE_MAX;
pub use plot::plot;
pub use png::write_png;
pub use strategy::Strategy;
pub use view::{Region, View};
