//! Bodies saved while they arrive, in a folder of their own until it is known what they are for.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::{NamedTempFile, TempPath};

/// A body on its way to the disk.
pub(super) struct Spool(NamedTempFile);

/// A whole body on the disk; dropping it removes it.
#[derive(Debug)]
pub(super) struct Saved {
    pub(super) path: TempPath,
    /// The whole Content-Type.
    pub(super) content_type: String,
}

impl Saved {
    /// Whether its type is one of these.
    pub(super) fn is(&self, types: &[&str]) -> bool {
        let mime = self.content_type.split(';').next().unwrap_or_default().trim();
        types.iter().any(|one| mime.eq_ignore_ascii_case(one))
    }
}

impl Spool {
    pub(super) fn new(dir: &Path) -> Result<Self, String> {
        let readable = Permissions::from_mode(0o666); // less what the umask takes
        let file = tempfile::Builder::new().permissions(readable).tempfile_in(dir);
        file.map(Spool).map_err(|err| format!("{}: {err}", dir.display()))
    }

    pub(super) fn write(&mut self, piece: &[u8]) -> Result<(), String> {
        let written = self.0.write_all(piece);
        written.map_err(|err| format!("{}: {err}", self.0.path().display()))
    }

    pub(super) fn finish(self, content_type: String) -> Saved {
        Saved { path: self.0.into_temp_path(), content_type }
    }
}
