//! What one thread records while a root is counted, without looking at the other threads' records.

use std::sync::Arc;

use super::largest::LargestFiles;
use super::tree::{Kind, NO_PARENT, name_len};
use super::usage::Usage;
use crate::fs::walk::{Dir, Entry, FileId, Meta};

/// Everything that one thread has counted below one root.
#[derive(Debug, Default)]
pub(super) struct ThreadTally {
    /// Directories and files to list.
    pub(super) nodes: Vec<NodeRecord>,
    /// The names of `nodes`, one after another.
    pub(super) names: Vec<u8>,
    /// Usage to add to nodes by their ids; the nodes may be another thread's.
    pub(super) sums: Vec<(u32, Usage)>,
    /// Files with several hard links: which path counts is known when all threads are done.
    pub(super) hard_links: Vec<HardLink>,
    /// Files to list because they are large.
    pub(super) largest: LargestFiles,
    /// Files other than `hard_links` that later roots may reach again.
    pub(super) counted: Vec<FileId>,
    /// Directories to walk later.
    pub(super) mount_points: Vec<MountPoint>,
}

/// A directory on which something is mounted.
#[derive(Debug)]
pub(super) struct MountPoint {
    dir: Arc<Dir>,
    name: Box<[u8]>,
    meta: Meta,
}

impl MountPoint {
    pub(super) fn new(dir: &Arc<Dir>, entry: &Entry<'_>) -> Self {
        MountPoint { dir: Arc::clone(dir), name: entry.name.into(), meta: entry.meta }
    }

    pub(super) fn entry(&self) -> Entry<'_> {
        Entry { dir: Some(&self.dir), name: &self.name, meta: self.meta }
    }

    pub(super) fn is_entry(&self, entry: &Entry<'_>) -> bool {
        entry.dir.is_some_and(|dir| Arc::ptr_eq(dir, &self.dir)) && *entry.name == *self.name
    }
}

/// A directory or file that becomes a node of the tree.
#[derive(Clone, Copy, Debug)]
pub(super) struct NodeRecord {
    pub(super) id: u32,
    pub(super) parent: u32,
    pub(super) name_len: u16,
    pub(super) kind: Kind,
    pub(super) usage: Usage,
}

/// One name of a file that has several.
#[derive(Debug)]
pub(super) struct HardLink {
    pub(super) id: FileId,
    /// The node that contains it; `None` for a root.
    pub(super) parent: Option<u32>,
    pub(super) name: Box<[u8]>,
    pub(super) usage: Usage,
    /// Whether the file becomes a node of its own if this is its smallest path.
    pub(super) is_listed: bool,
}

impl ThreadTally {
    pub(super) fn new(n_largest_files: usize) -> Self {
        ThreadTally { largest: LargestFiles::new(n_largest_files), ..ThreadTally::default() }
    }

    pub(super) fn push_node(
        &mut self,
        id: u32,
        parent: Option<u32>,
        kind: Kind,
        name: &[u8],
        usage: Usage,
    ) {
        let (parent, name_len) = (parent.unwrap_or(NO_PARENT), name_len(name));
        self.nodes.push(NodeRecord { id, parent, name_len, kind, usage });
        self.names.extend_from_slice(name);
    }

    /// Adds to a node. The entries of one directory follow each other, so they share one record.
    pub(super) fn add(&mut self, node: u32, usage: Usage) {
        match self.sums.last_mut() {
            Some((last, total)) if *last == node => *total += usage,
            _ => self.sums.push((node, usage)),
        }
    }
}
