//! The error of a walk: one path that could not be read.

use std::path::PathBuf;
use std::{fmt, io};

use crate::text::printable::Subject;

/// A path that could not be read, and why.
#[derive(Debug)]
pub struct Error {
    /// The path, beginning with the root as it was given.
    pub path: PathBuf,
    /// The system's error.
    pub cause: io::Error,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", Subject(&self.path), self.cause)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}
