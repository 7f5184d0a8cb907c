//! The callbacks of a walk.

use std::fs;
use std::io::{self, ErrorKind};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::{Dir, Entry};
use super::error::Error;

/// Receives what one thread of a walk finds.
pub trait Visitor: Send {
    /// Whether to pass over `name` in `dir` (`None` for a root) without reading its metadata: it is
    /// then neither an entry nor an error.
    fn skips(&mut self, _dir: Option<&Arc<Dir>>, _name: &[u8]) -> bool {
        false
    }

    /// Handles an entry. To have a directory entered, return an id for it, which then stands in
    /// [`Dir::id`](super::Dir::id); for anything else return `None`.
    fn visit_entry(&mut self, entry: &Entry<'_>) -> Option<u32>;

    /// Handles a path that could not be read; the walk continues.
    fn visit_error(&mut self, error: Error);

    /// Called after every directory, and after every batch of entries of a large one. `Break` ends
    /// the walk; a visitor that has returned it returns it from then on.
    fn after_batch(&mut self) -> ControlFlow<()>;
}

/// Passes an entry to the visitor, unless it is a directory that it is in. Returns the directory if
/// it is to be entered.
pub(super) fn visit(entry: &Entry<'_>, visitor: &mut impl Visitor) -> Option<Arc<Dir>> {
    if entry.is_ancestor() {
        return None;
    }
    visitor.visit_entry(entry).map(|id| Dir::new(entry, id))
}

/// Reports a path that could not be read, unless it was a descriptor or thread of this process: a walk
/// of `/proc` finds those that it opens itself, and closes them before it looks at them.
pub(super) fn report(path: PathBuf, cause: impl Into<io::Error>, visitor: &mut impl Visitor) {
    let cause = cause.into();
    if cause.kind() != ErrorKind::NotFound || !is_own(&path) {
        visitor.visit_error(Error { path, cause });
    }
}

/// Whether the path, which need not exist, is below this process's directory in `/proc`.
fn is_own(path: &Path) -> bool {
    let mut dirs = path.ancestors().skip(1).filter_map(|dir| fs::canonicalize(dir).ok());
    let own = fs::canonicalize("/proc/self");
    own.is_ok_and(|own| dirs.next().is_some_and(|dir| dir.starts_with(own)))
}
