//! What du reports while it runs.

use super::tree::Tree;
use super::usage::Usage;
use crate::fs::walk::Error;

/// Progress, an error or a result.
#[derive(Debug)]
pub enum Event {
    /// More files were counted below a root since the last event of this kind.
    Progress {
        /// Index of the root.
        root: usize,
        /// Usage of those files alone.
        usage: Usage,
    },
    /// A path could not be read. It is not counted, or, if it is a directory, its entries are not.
    Failed(Error),
    /// A root is finished.
    Done {
        /// Index of the root.
        root: usize,
        /// The result; `None` if the root does not exist, is excluded or was counted before.
        tree: Option<Tree>,
    },
}
