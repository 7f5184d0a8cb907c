//! Thumbnails to make of an image, and those that were made.

use std::fmt;
use std::path::PathBuf;

use image::ImageFormat;

use super::options::Options;

/// The thumbnails to make of one image, which is read once for all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Path of the image.
    pub source: PathBuf,
    /// Its thumbnails.
    pub targets: Vec<Target>,
}

/// A thumbnail to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Path of the thumbnail.
    pub path: PathBuf,
    /// Its file format.
    pub format: ImageFormat,
    /// How it looks.
    pub options: Options,
    /// What it says in the cache of file managers; `None` outside of that.
    pub cache_entry: Option<CacheEntry>,
}

/// What the cache of file managers has to know of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The URI of the image.
    pub(super) uri: String,
    /// When it was modified, in seconds since 1970.
    pub(super) mtime: i64,
    /// The size of its file in bytes.
    pub(super) n_bytes: u64,
    /// The file that says that no thumbnail can be made.
    pub(super) failure: PathBuf,
}

/// A thumbnail that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// Path of the file.
    pub path: PathBuf,
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
