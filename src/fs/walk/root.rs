//! The first step of every walk: the root itself.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{Dir, Entry};
use super::error::Error;
use super::meta::Meta;
use super::options::Follow;
use super::visitor::{Visitor, visit};

/// A directory that has been visited and is to be entered: a root, or one below it at which another
/// walk has stopped.
pub(super) struct Root {
    /// The path, beginning with the root as it was given.
    pub(super) path: PathBuf,
    pub(super) dir: Arc<Dir>,
}

impl Root {
    /// Visits the root at `path`. Returns `None` if there is nothing to enter.
    pub(super) fn visit(path: &Path, follow: Follow, visitor: &mut impl Visitor) -> Option<Self> {
        if visitor.skips(None, path.as_os_str().as_bytes()) {
            return None;
        }
        match Meta::read(path, follow != Follow::Never) {
            Ok(meta) => {
                let entry = Entry { dir: None, name: path.as_os_str().as_bytes(), meta };
                Root::visit_entry(&entry, visitor)
            }
            Err(cause) => {
                visitor.visit_error(Error { path: path.to_owned(), cause });
                None
            }
        }
    }

    /// Visits `entry`. Returns `None` if there is nothing to enter.
    pub(super) fn visit_entry(entry: &Entry<'_>, visitor: &mut impl Visitor) -> Option<Self> {
        visit(entry, visitor).map(|dir| Root { path: entry.path(), dir })
    }
}
