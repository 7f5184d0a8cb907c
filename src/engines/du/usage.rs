//! The figures that du adds up.

use std::ops::AddAssign;

use crate::fs::walk::Time;

/// The disk usage of a set of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What [`Measure`](super::Measure) selects: bytes, or a number of inodes.
    pub size: u64,
    /// Lengths in bytes of regular files and symbolic links, whatever the measure.
    pub n_bytes: u64,
    /// Number of files, directories not included.
    pub n_files: u64,
    /// The latest time of any of them, if times are asked for.
    pub newest: Time,
}

impl Usage {
    /// Whether nothing was counted, or only what has no size and is no file.
    pub(super) fn is_empty(&self) -> bool {
        self.size == 0 && self.n_files == 0
    }
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.size = self.size.saturating_add(other.size);
        self.n_bytes = self.n_bytes.saturating_add(other.n_bytes);
        self.n_files += other.n_files;
        self.newest = self.newest.max(other.newest);
    }
}
