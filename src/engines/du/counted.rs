//! Which files earlier roots have counted, so that each file counts once.

use std::collections::HashSet;
use std::path::PathBuf;

use super::options::Options;
use crate::fs::walk::{FileId, Follow, Meta, mounted_files};

/// The files counted by earlier roots, as far as a later root may reach them again.
#[derive(Debug)]
pub(super) struct CountedFiles {
    pub(super) ids: HashSet<FileId>,
    /// Files that may be found again even with one hard link: roots that are not directories, and
    /// files mounted onto others.
    pub(super) other_names: HashSet<FileId>,
    /// Whether directories are recorded: with several roots, one may be below another.
    pub(super) has_dirs: bool,
}

impl CountedFiles {
    pub(super) fn new(roots: &[PathBuf], options: &Options) -> Self {
        let has_dirs = roots.len() > 1 && !options.count_links;
        let metas = roots.iter().filter(|_| has_dirs);
        let metas = metas.filter_map(|root| Meta::read(root, options.follow != Follow::Never).ok());
        let root_files = metas.filter(|meta| !meta.is_dir).map(|meta| meta.file_id());
        let mut other_names: HashSet<FileId> = root_files.collect();
        if has_dirs {
            other_names.extend(mounted_files());
        }
        CountedFiles { ids: HashSet::new(), other_names, has_dirs }
    }
}
