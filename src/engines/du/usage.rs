//! The figures that du adds up.

use std::ops::AddAssign;

/// The disk usage of a set of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// What [`Measure`](super::Measure) selects: bytes, or a number of inodes.
    pub size: u64,
    /// Lengths in bytes of regular files and symbolic links, whatever the measure.
    pub n_bytes: u64,
    /// Number of files, directories not included.
    pub n_files: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Usage) {
        self.size = self.size.saturating_add(other.size);
        self.n_bytes = self.n_bytes.saturating_add(other.n_bytes);
        self.n_files += other.n_files;
    }
}
