//! Draws a view with a strategy.

use super::error::Error;
use super::scene::Scene;
use super::strategy::{self, Strategy};
use super::view::View;

/// Draws `view` with up to `n_threads` threads at once. Returns one byte per pixel (0 is black, 255
/// white), row by row.
///
/// ```
/// use threadbare::engines::mandelbrot::{Strategy, View, draw};
///
/// let view = View { width: 64, height: 64, ..View::default() };
/// let pixels = draw(&view, Strategy::Rayon, 2)?;
/// assert_eq!(pixels.len(), 64 * 64);
/// assert_eq!(pixels[32 * 64 + 32], 0); // the point 0 is in the set
/// assert_eq!(pixels, draw(&view, Strategy::Sequential, 1)?);
/// # Ok::<(), threadbare::engines::mandelbrot::Error>(())
/// ```
///
/// # Errors
/// If `view` or `n_threads` is invalid.
pub fn draw(view: &View, strategy: Strategy, n_threads: usize) -> Result<Vec<u8>, Error> {
    view.check()?;
    let scene = Scene::new(view);
    let mut pixels = vec![0; view.width * view.height];
    strategy::run(strategy, &scene, n_threads, &mut pixels)?;
    scene.mirror(&mut pixels);
    Ok(pixels)
}
