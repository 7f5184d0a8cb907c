//! The first step of every walk: the root itself.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::entry::{Dir, Entry, FileId, Meta};
use super::error::Error;
use super::options::Follow;
use super::visitor::Visitor;

/// A root that has been visited and is to be entered.
pub(super) struct Root<'a> {
    /// The path as it was given.
    pub(super) path: &'a Path,
    pub(super) dir: Arc<Dir>,
    pub(super) id: FileId,
}

impl<'a> Root<'a> {
    /// Visits the root at `path`. Returns `None` if there is nothing to enter.
    pub(super) fn visit(
        path: &'a Path,
        follow: Follow,
        visitor: &mut impl Visitor,
    ) -> Option<Self> {
        match Meta::read(path, follow != Follow::Never) {
            Ok(meta) => {
                let entry = Entry { dir: None, name: path.as_os_str().as_bytes(), meta };
                let dir = Dir::new(&entry, visitor.visit_entry(&entry)?);
                Some(Root { path, dir, id: meta.file_id() })
            }
            Err(cause) => {
                visitor.visit_error(Error { path: path.to_owned(), cause });
                None
            }
        }
    }
}
