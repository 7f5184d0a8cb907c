//! Thumbnails of image files (section 8.5).
//!
//! [`find`] turns the names of files and folders into images, [`plan`] turns images into jobs, and
//! [`batch`] runs jobs on threads; [`make()`] makes one thumbnail. It decodes the picture (a large JPEG
//! only in as much detail as the thumbnail shows, see `jpeg`), resizes it, converts it to sRGB, and
//! writes the file atomically: it is complete or not there.

use std::path::{Path, PathBuf};

use image::ImageFormat;

pub mod batch;
mod cache;
mod caught_panic;
mod color;
mod decode;
mod error;
pub mod find;
mod full_jpeg;
mod geometries;
mod geometry;
mod job;
mod jpeg;
mod lenient;
mod make;
mod memory_budget;
mod options;
mod originals;
mod os2_bmp;
pub mod plan;
mod png_file;
mod png_text;
pub mod record;
mod resize;
mod row_reducer;
mod save;
mod signature;
mod size;
mod tiff_file;
mod tiff_tags;

pub use cache::Cache;
pub use caught_panic::is_panic_caught;
pub use error::{Cause, Error};
pub use job::{CacheEntry, Damage, Job, Target, Thumbnail};
pub use make::make;
pub use options::Options;
pub use originals::Originals;
pub use size::Size;

/// Writes a thumbnail of the image at `path` beside it, as `NAME.thumb.EXT`, and returns its path.
///
/// Its longest side is at most 128 pixels, and smaller images are not enlarged. The format follows
/// from the extension, and is JPEG where there is none. A damaged image is accepted if at least a
/// quarter of its picture can be decoded.
///
/// # Errors
/// When the image cannot be read or the thumbnail cannot be written. An incomplete thumbnail is
/// never left behind.
///
/// # Examples
/// ```
/// use image::RgbImage;
/// use threadbare::engines::thumbnail;
///
/// let dir = tempfile::tempdir()?;
/// let photo = dir.path().join("photo.png");
/// RgbImage::new(512, 256).save(&photo)?;
///
/// let thumb = thumbnail::image_file(&photo)?;
/// assert_eq!(thumb, dir.path().join("photo.thumb.png"));
/// assert_eq!(image::image_dimensions(&thumb)?, (128, 64));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn image_file(path: &Path) -> Result<PathBuf, Error> {
    let thumb = plan::beside(path);
    let format = ImageFormat::from_path(path).ok().filter(ImageFormat::can_write);
    let format = format.unwrap_or(ImageFormat::Jpeg);
    let target = Target { path: thumb, format, options: Options::default(), cache_entry: None };
    make(path, &target)?;
    Ok(target.path)
}
