//! Bodies written to temporary files while they arrive; a mirror moves them to their place later.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use tempfile::{NamedTempFile, TempPath};

/// A body that is being written to a temporary file; dropping it removes the file.
pub(super) struct Spool(NamedTempFile);

/// What a server said by which it can tell whether a body has changed (RFC 9110, 8.8).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Validators {
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// The X-Robots-Tag header, which a 304 may lack.
    pub(super) robots: Option<String>,
}

/// A body in a temporary file, or one that is in the mirror already.
#[derive(Debug)]
pub(super) struct SavedBody {
    /// The temporary file, which is removed when this is dropped; `None` if the file in the mirror
    /// has not changed.
    pub(super) path: Option<TempPath>,
    /// The Content-Type with its parameters.
    pub(super) content_type: String,
    pub(super) validators: Validators,
}

/// Media types of XML that has links.
pub(super) const XML: &[&str] = &["application/xhtml+xml", "image/svg+xml"];
/// The media type of style sheets.
pub(super) const SHEET: &[&str] = &["text/css"];
/// The media type of pages.
pub(super) const HTML: &[&str] = &["text/html"];

impl SavedBody {
    /// Whether its media type is one of `types`.
    pub(super) fn is_one_of(&self, types: &[&str]) -> bool {
        is_one_of(&self.content_type, types)
    }
}

/// Whether a mirror rewrites the links of bodies with that Content-Type.
pub(super) fn has_links(content_type: &str) -> bool {
    [HTML, XML, SHEET].iter().any(|types| is_one_of(content_type, types))
}

pub(super) fn is_one_of(content_type: &str, types: &[&str]) -> bool {
    let mime = content_type.split(';').next().unwrap_or_default().trim();
    types.iter().any(|one| mime.eq_ignore_ascii_case(one))
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

    pub(super) fn finish(self) -> TempPath {
        self.0.into_temp_path()
    }
}
