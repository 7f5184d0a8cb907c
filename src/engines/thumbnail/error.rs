//! Which image has no thumbnail, and why.

use std::path::{Path, PathBuf};
use std::{fmt, io};

use image::ImageError;

/// Which image has no thumbnail, and why.
#[derive(Debug)]
pub struct Error {
    /// The image, or the thumbnail when it is that which could not be written.
    pub path: PathBuf,
    /// Why.
    pub cause: Cause,
}

/// Why there is no thumbnail.
#[derive(Debug)]
pub enum Cause {
    /// The file could not be read or written.
    Io(io::Error),
    /// Not one of the formats we read.
    NotAnImage,
    /// A format we know by name only.
    NotSupported(&'static str),
    /// Neither a file nor a folder.
    NotAFile,
    /// An image of no pixels.
    Empty,
    /// More pixels than we are willing to hold.
    TooLarge(u32, u32),
    /// Too little of the picture is there to show it.
    Truncated,
    /// What the decoder says.
    Decode(ImageError),
    /// The decoder gave up in a way it must not.
    Panic,
    /// The thumbnail could not be put into its format, or that not into a file.
    Write(String),
    /// Another image, named here, has a thumbnail of the same name.
    SameThumbnail(PathBuf),
    /// The thumbnail would replace an image that is to be read.
    ReplacesSource,
    /// The tree below a folder could not be walked.
    Walk(String),
}

impl Error {
    pub(super) fn new(path: &Path, cause: Cause) -> Self {
        Error { path: path.to_owned(), cause }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.cause)
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Io(err) => write!(f, "{err}"),
            Cause::NotAnImage => f.write_str("not an image in a format known here"),
            Cause::NotSupported(format) => write!(f, "{format} is not supported"),
            Cause::NotAFile => f.write_str("neither a file nor a folder"),
            Cause::Empty => f.write_str("an image without pixels"),
            Cause::TooLarge(width, height) => {
                write!(f, "{width} x {height} pixels are more than fit into memory here")
            }
            Cause::Truncated => f.write_str("too little of the picture is there"),
            Cause::Decode(err) => write!(f, "{err}"),
            Cause::Panic => f.write_str("its decoder failed"),
            Cause::Write(cause) | Cause::Walk(cause) => f.write_str(cause),
            Cause::SameThumbnail(other) => {
                write!(f, "its thumbnail would replace that of {}", other.display())
            }
            Cause::ReplacesSource => f.write_str("its thumbnail would replace an image"),
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
