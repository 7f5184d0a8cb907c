//! Which files earlier roots have counted, so that each file counts once.

use std::collections::HashSet;
use std::path::PathBuf;

use super::options::Options;
use crate::fs::walk::{FileId, Follow, Meta};

/// The files counted by earlier roots, as far as a later root may reach them again.
#[derive(Debug)]
pub(super) struct CountedFiles {
    pub(super) ids: HashSet<FileId>,
    /// Roots that are not directories: even with one hard link, a file that is a root may be found
    /// below another root as well.
    pub(super) root_files: HashSet<FileId>,
    /// Whether directories are recorded: with several roots, one may be below another.
    pub(super) has_dirs: bool,
}

impl CountedFiles {
    pub(super) fn new(roots: &[PathBuf], options: &Options) -> Self {
        let has_dirs = roots.len() > 1 && !options.count_links;
        let metas = roots.iter().filter(|_| has_dirs);
        let metas = metas.filter_map(|root| Meta::read(root, options.follow != Follow::Never).ok());
        let root_files = metas.filter(|meta| !meta.is_dir).map(|meta| meta.file_id()).collect();
        CountedFiles { ids: HashSet::new(), root_files, has_dirs }
    }
}
