//! One thumbnail to make, and the one that was made.

use std::fmt;
use std::path::PathBuf;

use image::ImageFormat;

/// A thumbnail to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Path of the image.
    pub source: PathBuf,
    /// Path of its thumbnail.
    pub thumb: PathBuf,
    /// File format of the thumbnail.
    pub format: ImageFormat,
}

/// A thumbnail that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Size of the file in bytes.
    pub n_bytes: u64,
    /// The damage of the image it was made from, if that is incomplete.
    pub damage: Option<Damage>,
}

/// A picture of which less can be decoded gets no thumbnail.
pub(super) const PERCENT_MIN: u8 = 25;

/// The damage of an image that is incomplete but still has a usable picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// How much of the picture could be decoded, in percent.
    pub percent_decoded: u8,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.percent_decoded {
            100 => f.write_str("damaged: the end of the file is missing"),
            percent => write!(f, "damaged: only {percent} % of the picture could be decoded"),
        }
    }
}
