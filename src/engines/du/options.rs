//! What du measures, and how it walks.

use super::exclude::Pattern;
use super::filter::Filter;
use super::usage::Usage;
use crate::fs::walk::{Backend, Follow, Meta, Time};

/// Number of threads by default. A cold disk is fastest with many requests in flight; with a warm
/// cache the extra threads cost nothing.
pub const DEFAULT_THREADS: usize = 16;

/// The size of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measure {
    /// Allocated disk space in bytes.
    #[default]
    Disk,
    /// Lengths in bytes of regular files and symbolic links; anything else has none, as in GNU du
    /// since 9.2 and in the book's du1 to du4.
    Apparent,
    /// 1 per file: a number of inodes.
    Inodes,
}

impl Measure {
    /// The usage of one file.
    pub(super) fn usage(self, meta: &Meta) -> Usage {
        let size = match self {
            Measure::Disk => meta.n_blocks.saturating_mul(512),
            Measure::Apparent => meta.n_bytes,
            Measure::Inodes => 1,
        };
        let n_files = u64::from(!meta.is_dir);
        Usage { size, n_bytes: meta.n_bytes, n_files, newest: Time::default() }
    }
}

/// Which time of a file counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeKind {
    /// When its contents were last changed.
    Modified,
    /// When its contents were last read.
    Accessed,
    /// When its contents or metadata were last changed.
    Changed,
}

impl TimeKind {
    pub(super) fn time(self, meta: &Meta) -> Time {
        match self {
            TimeKind::Modified => meta.times.modified,
            TimeKind::Accessed => meta.times.accessed,
            TimeKind::Changed => meta.times.changed,
        }
    }
}

/// What to count, what to list, and how to walk.
#[derive(Clone, Debug)]
pub struct Options {
    /// The size of a file.
    pub measure: Measure,
    /// Steps below a root down to which directories are listed; deeper ones only add to the sizes
    /// of those above.
    pub depth_max: u32,
    /// List the size of a directory without its subdirectories.
    pub separate: bool,
    /// Number of files to list besides directories, the largest ones; `usize::MAX` lists all.
    pub n_largest_files: usize,
    /// Count a file once for each of its hard links.
    pub count_links: bool,
    /// Skip everything on another device than the directory it is in.
    pub one_file_system: bool,
    /// Which symbolic links are followed.
    pub follow: Follow,
    /// Find the latest of these times in each directory.
    pub time: Option<TimeKind>,
    /// Which files count.
    pub filter: Filter,
    /// Skip paths that match any of these patterns.
    pub exclude: Vec<Pattern>,
    /// The implementation of the walk.
    pub backend: Backend,
    /// Maximum number of threads.
    pub n_threads: usize,
    /// Maximum number of file descriptors that the walk opens.
    pub max_open_fds: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            measure: Measure::Disk,
            depth_max: u32::MAX,
            separate: false,
            n_largest_files: 0,
            count_links: false,
            one_file_system: false,
            follow: Follow::Never,
            time: None,
            filter: Filter::default(),
            exclude: Vec::new(),
            backend: Backend::OpenAt,
            n_threads: DEFAULT_THREADS,
            max_open_fds: 256,
        }
    }
}
