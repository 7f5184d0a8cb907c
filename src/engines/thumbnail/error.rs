//! Why a thumbnail could not be made.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use image::ImageError;

use crate::text::printable::Subject;

/// A thumbnail that could not be made: the path at fault, and the cause.
#[derive(Debug)]
pub struct Error {
    /// The image, or the thumbnail if that could not be written.
    pub path: PathBuf,
    /// What went wrong.
    pub cause: Cause,
}

/// Why a thumbnail could not be made.
#[derive(Debug)]
pub enum Cause {
    /// The file could not be read or written.
    Io(io::Error),
    /// The file is in none of the formats this crate recognizes.
    NotAnImage,
    /// The named format is recognized but cannot be decoded.
    NotSupported(String),
    /// The path is neither a regular file nor a folder.
    NotAFile,
    /// The image has no pixels.
    Empty,
    /// The picture, of this width and height, would need more than 1 GiB of memory.
    TooLarge(u32, u32),
    /// The file is cut off or damaged, and less than a quarter of the picture can be decoded.
    Truncated,
    /// The decoder rejected the file.
    Decode(ImageError),
    /// The decoder rejected the file; the text is the cause.
    Damaged(String),
    /// The decoder panicked.
    Panic,
    /// The thumbnail could not be encoded or written; the text is the cause.
    Write(String),
    /// The thumbnail has the same path as that of another image, named here.
    SameThumbnail(PathBuf),
    /// The thumbnail would replace one of the images.
    ReplacesSource,
    /// The thumbnail would replace a file that is not a thumbnail made by this crate.
    NotOurs,
    /// An earlier run could not decode the image, which has not changed since.
    FailedBefore,
    /// A directory tree could not be read; the text is the cause.
    Walk(String),
}

impl Error {
    pub(super) fn new(path: &Path, cause: Cause) -> Self {
        Error { path: path.to_owned(), cause }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Subject(&self.path), self.cause)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Io(err) => write!(f, "{err}"),
            Cause::NotAnImage => f.write_str("unknown image format"),
            Cause::NotSupported(format) => write!(f, "{format} is not supported"),
            Cause::NotAFile => f.write_str("neither a file nor a folder"),
            Cause::Empty => f.write_str("the image has no pixels"),
            Cause::TooLarge(width, height) => {
                write!(f, "{width} x {height} pixels need too much memory")
            }
            Cause::Truncated => f.write_str("less than a quarter of the picture can be decoded"),
            Cause::Decode(err) => write!(f, "{err}"),
            Cause::Panic => f.write_str("the decoder panicked"),
            Cause::Write(cause) | Cause::Walk(cause) | Cause::Damaged(cause) => f.write_str(cause),
            Cause::SameThumbnail(other) => {
                write!(f, "its thumbnail would overwrite the thumbnail of {}", other.display())
            }
            Cause::ReplacesSource => f.write_str("its thumbnail would overwrite an image"),
            Cause::FailedBefore => {
                f.write_str("could not be decoded before and has not changed (--force tries again)")
            }
            Cause::NotOurs => f.write_str("exists and is not a thumbnail made by this tool"),
        }
    }
}

impl From<io::Error> for Cause {
    fn from(err: io::Error) -> Self {
        Cause::Io(err)
    }
}

impl From<ImageError> for Cause {
    fn from(err: ImageError) -> Self {
        match err {
            ImageError::IoError(err) if err.raw_os_error().is_some() => Cause::Io(err),
            ImageError::IoError(err) if err.kind() == io::ErrorKind::UnexpectedEof => {
                Cause::Truncated
            }
            err => Cause::Decode(err),
        }
    }
}
