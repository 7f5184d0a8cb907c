//! Which files count, besides those that are excluded.

use std::os::unix::ffi::OsStrExt;

use regex::bytes::Regex;

use super::usage::Usage;
use crate::fs::walk::{Entry, FileKind, Time};

/// What a file must have to count. The default lets every file count.
///
/// With any of these conditions a directory does not count itself, unless its kind is asked for; the
/// files in it do.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// A path that one of these matches, if there are any.
    pub paths: Vec<Regex>,
    /// One of these kinds, if there are any.
    pub kinds: Vec<FileKind>,
    /// At least this size in bytes.
    pub size_min: u64,
    /// Contents that were changed at this time or later.
    pub modified_since: Option<Time>,
}

impl Filter {
    /// Whether there are conditions.
    pub fn is_active(&self) -> bool {
        let Filter { paths, kinds, size_min, modified_since } = self;
        !paths.is_empty() || !kinds.is_empty() || *size_min > 0 || modified_since.is_some()
    }

    /// Whether directories can count themselves.
    pub fn has_dirs(&self) -> bool {
        !self.is_active() || self.kinds.contains(&FileKind::Dir)
    }

    /// Whether an entry of this usage counts.
    pub(super) fn lets_count(&self, entry: &Entry<'_>, usage: &Usage) -> bool {
        let Filter { paths, kinds, size_min, modified_since } = self;
        let meta = &entry.meta;
        let has_kind = kinds.contains(&meta.kind) || kinds.is_empty() && !meta.is_dir;
        let is_recent = modified_since.is_none_or(|since| meta.times.modified >= since);
        let has_path = || {
            let path = entry.path();
            paths.iter().any(|regex| regex.is_match(path.as_os_str().as_bytes()))
        };
        has_kind && usage.size >= *size_min && is_recent && (paths.is_empty() || has_path())
    }
}
