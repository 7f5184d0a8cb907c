//! Bodies written to temporary files while they arrive; a mirror moves them to their place later.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

/// A body that is being written to a temporary file; dropping it removes the file.
pub(super) struct Spool(NamedTempFile);

/// A whole body in a temporary file; dropping it removes the file.
#[derive(Debug)]
pub(super) struct SavedBody {
    pub(super) path: TempPath,
    /// The Content-Type with its parameters.
    pub(super) content_type: String,
}

impl SavedBody {
    /// Whether its media type is one of `types`.
    pub(super) fn is_one_of(&self, types: &[&str]) -> bool {
        let mime = self.content_type.split(';').next().unwrap_or_default().trim();
        types.iter().any(|one| mime.eq_ignore_ascii_case(one))
    }
}

impl Spool {
    /// Creates a temporary file in `dir`.
    pub(super) fn new(dir: &Path) -> Result<Self, String> {
        let readable = Permissions::from_mode(0o666); // less the umask
        let file = tempfile::Builder::new().permissions(readable).tempfile_in(dir);
        file.map(Spool).map_err(|err| format!("{}: {err}", dir.display()))
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), String> {
        let result = self.0.write_all(piece);
        result.map_err(|err| format!("{}: {err}", self.0.path().display()))
    }

    pub(super) fn finish(self, content_type: String) -> SavedBody {
        SavedBody { path: self.0.into_temp_path(), content_type }
    }
}
