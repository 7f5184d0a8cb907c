//! What a walk finds: entries with their metadata, and the directories they are in.

use std::ffi::OsStr;
use std::iter::successors;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::meta::{FileId, Meta};

/// A directory that is being walked. It holds its own name and its parent, so that the path of an
/// entry costs nothing until it is asked for.
#[derive(Debug)]
pub struct Dir {
    pub(super) parent: Option<Arc<Dir>>,
    /// The name in the parent; for a root, the path as it was given.
    pub(super) name: Box<[u8]>,
    /// The id that the visitor gave to this directory.
    pub id: u32,
    /// Number of directories between the root and this one; 0 for the root.
    pub depth: u32,
    /// The device that the directory is on.
    pub dev: u64,
    ino: u64,
    /// Whether a directory below this one may be one of its ancestors again.
    may_recur: bool,
}

impl Dir {
    pub(super) fn new(entry: &Entry<'_>, id: u32) -> Arc<Self> {
        Arc::new(Dir {
            parent: entry.dir.cloned(),
            name: entry.name.into(),
            id,
            depth: entry.depth(),
            dev: entry.meta.dev,
            ino: entry.meta.ino,
            may_recur: entry.may_recur(),
        })
    }

    fn file_id(&self) -> FileId {
        (self.dev, self.ino)
    }

    /// The directory itself, its parent, and so on up to the root.
    fn ancestors(&self) -> impl Iterator<Item = &Dir> {
        successors(Some(self), |dir| dir.parent.as_deref())
    }

    /// The path of the directory, beginning with the root as it was given.
    pub fn path(&self) -> PathBuf {
        let chain: Vec<&Dir> = self.ancestors().collect();
        chain.iter().rev().map(|dir| OsStr::from_bytes(&dir.name)).collect()
    }
}

impl Drop for Dir {
    /// Drops the ancestors in a loop: with a depth of 100,000, recursion would overflow the stack.
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(mut dir) = next.and_then(Arc::into_inner) {
            next = dir.parent.take();
        }
    }
}

/// A file or directory that a walk has found.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The directory that contains the entry; `None` for a root.
    pub dir: Option<&'a Arc<Dir>>,
    /// The name in `dir`; for a root, the path as it was given.
    pub name: &'a [u8],
    /// Metadata of the entry.
    pub meta: Meta,
}

impl Entry<'_> {
    /// Number of steps from the root to the entry; 0 for the root.
    pub fn depth(&self) -> u32 {
        self.dir.map_or(0, |dir| dir.depth + 1)
    }

    /// The path of the entry, beginning with the root as it was given.
    pub fn path(&self) -> PathBuf {
        path_in(self.dir, self.name)
    }

    /// Whether the entry is a directory that it is in, as a bind mount or a followed link can be.
    pub(super) fn is_ancestor(&self) -> bool {
        let is_same = |dir: &Dir| dir.file_id() == self.meta.file_id();
        let is_among = |dir: &Arc<Dir>| dir.ancestors().any(is_same);
        self.meta.is_dir && self.may_recur() && self.dir.is_some_and(is_among)
    }

    /// Whether the entry, or a directory below it, may be a directory that it is in. Between the
    /// two there is a mount point, a followed link or a change of the device; the last one leads to
    /// the device of the ancestor. So below most mount points nothing has to be compared.
    fn may_recur(&self) -> bool {
        self.dir.is_some_and(|dir| {
            let is_boundary = self.meta.dev != dir.dev || self.meta.is_mount_root != Some(false);
            let has_device = |dir: &Dir| dir.dev == self.meta.dev;
            dir.may_recur || is_boundary && dir.ancestors().any(has_device)
        })
    }
}

/// The path of `name` in `dir`, or `name` itself for a root.
pub fn path_in(dir: Option<&Arc<Dir>>, name: &[u8]) -> PathBuf {
    let name = OsStr::from_bytes(name);
    dir.map_or_else(|| name.into(), |dir| dir.path().join(name))
}
