//! The callbacks of a walk.

use std::ops::ControlFlow;

use super::entry::Entry;
use super::error::Error;

/// Receives what one thread of a walk finds.
pub trait Visitor: Send {
    /// Handles an entry. To have a directory entered, return an id for it, which then stands in
    /// [`Dir::id`](super::Dir::id); for anything else return `None`.
    fn visit_entry(&mut self, entry: &Entry<'_>) -> Option<u32>;

    /// Handles a path that could not be read; the walk continues.
    fn visit_error(&mut self, error: Error);

    /// Called after every directory, and after every batch of entries of a large one. `Break` ends
    /// the walk; a visitor that has returned it returns it from then on.
    fn after_batch(&mut self) -> ControlFlow<()>;
}
