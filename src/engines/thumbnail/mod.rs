//! Thumbnails of images, beside their source or elsewhere, whole or not at all (book 8.5).
//!
//! [`find`] turns names into sources, [`plan`] sources into jobs, [`batch`] runs jobs on threads;
//! [`make`] does one. A picture goes through `decode` (or, for a large JPEG, through `jpeg`,
//! which reads only what a small picture needs), `scale`, `color` and `save`.

use std::fmt;
use std::path::{Path, PathBuf};

use image::ImageFormat;

pub mod batch;
mod budget;
mod color;
mod decode;
mod error;
pub mod find;
mod jpeg;
pub mod plan;
pub mod record;
mod save;
mod scale;

pub use error::{Cause, Error};
pub use scale::Size;

/// How a thumbnail looks.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The box it has to fit into.
    pub size: Size,
    /// Fill the box and cut off what sticks out, instead of fitting inside.
    pub crop: bool,
    /// Quality of a JPEG, 1 to 100.
    pub quality: u8,
}

impl Default for Options {
    /// The book's 128 pixels, at Go's default quality.
    fn default() -> Self {
        Options { size: Size::square(128), crop: false, quality: 75 }
    }
}

/// A thumbnail to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The image.
    pub source: PathBuf,
    /// Its thumbnail.
    pub thumb: PathBuf,
    /// The format of the thumbnail.
    pub format: ImageFormat,
}

/// A thumbnail that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
    /// Its size as a file.
    pub n_bytes: u64,
    /// What is wrong with the source, if it is not whole.
    pub damage: Option<Damage>,
}

/// An image that is not whole, and yet has a usable picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// How much of the picture was there.
    pub percent_kept: u8,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.percent_kept {
            100 => f.write_str("damaged: its end is missing"),
            kept => write!(f, "damaged: only {kept} % of the picture is there"),
        }
    }
}

/// Writes a thumbnail of the image in `path` beside it, as `NAME.thumb.EXT`, and returns its name.
///
/// Its longest side is at most 128 pixels; a smaller image is not enlarged. The format is that of
/// the extension, JPEG where there is none. A damaged image with a usable picture has one too.
///
/// # Errors
/// When the image cannot be read or the thumbnail not be written. No part of one is left behind.
pub fn image_file(path: &Path) -> Result<PathBuf, Error> {
    let thumb = plan::beside(path);
    let format = ImageFormat::from_path(path).ok().filter(ImageFormat::can_write);
    let format = format.unwrap_or(ImageFormat::Jpeg);
    let job = Job { source: path.to_owned(), thumb, format };
    make(&job, &Options::default())?;
    Ok(job.thumb)
}

/// Makes one thumbnail.
///
/// # Errors
/// When the image cannot be read or the thumbnail not be written. No part of one is left behind.
pub fn make(job: &Job, options: &Options) -> Result<Made, Error> {
    let (image, damage) =
        decode::thumbnail(&job.source, options).map_err(|cause| Error::new(&job.source, cause))?;
    let saved = save::encode(&image, job.format, options.quality)
        .and_then(|bytes| save::write(&bytes, &job.thumb).map(|()| bytes.len() as u64));
    let n_bytes = saved.map_err(|cause| Error::new(&job.thumb, cause))?;
    Ok(Made { width: image.width(), height: image.height(), n_bytes, damage })
}
