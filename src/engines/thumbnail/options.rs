//! How a thumbnail looks.

use super::size::Size;

/// How a thumbnail looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The box the thumbnail has to fit into.
    pub size: Size,
    /// Fill the box and cut off what does not fit, instead of fitting the whole picture into it.
    pub crop: bool,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
}

impl Default for Options {
    /// The book's 128 pixels, at the default quality of Go's `image/jpeg`: 75.
    fn default() -> Self {
        Options { size: Size::square(128), crop: false, quality: 75 }
    }
}
