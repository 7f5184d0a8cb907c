//! What a walk finds: entries with their metadata, and the directories they are in.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// Device and inode number: equal for two names of one file.
pub type FileId = (u64, u64);

/// The metadata that every backend reads for an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The device that the file is on.
    pub dev: u64,
    /// Its inode number on that device.
    pub ino: u64,
    /// Number of hard links (names) to the file.
    pub n_links: u64,
    /// Length in bytes.
    pub n_bytes: u64,
    /// Allocated disk space in blocks of 512 bytes.
    pub n_blocks: u64,
    /// Whether it is a directory.
    pub is_dir: bool,
}

impl Meta {
    /// Reads the metadata of `path`; of a symbolic link its own, or its target's if `follow`.
    ///
    /// # Errors
    /// The error of `lstat` or `stat`.
    pub fn read(path: &Path, follow: bool) -> io::Result<Self> {
        let meta = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
        meta.map(Meta::from)
    }

    /// The identity of the file, whatever its name.
    pub fn file_id(&self) -> FileId {
        (self.dev, self.ino)
    }
}

impl From<fs::Metadata> for Meta {
    fn from(meta: fs::Metadata) -> Self {
        Meta {
            dev: meta.dev(),
            ino: meta.ino(),
            n_links: meta.nlink(),
            n_bytes: meta.size(),
            n_blocks: meta.blocks(),
            is_dir: meta.is_dir(),
        }
    }
}

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
}

impl Dir {
    pub(super) fn new(entry: &Entry<'_>, id: u32) -> Arc<Self> {
        let (parent, depth) = (entry.dir.cloned(), entry.depth());
        Arc::new(Dir { parent, name: entry.name.into(), id, depth, dev: entry.meta.dev })
    }

    /// The path of the directory, beginning with the root as it was given.
    pub fn path(&self) -> PathBuf {
        let mut chain = vec![self];
        while let Some(parent) = &chain[chain.len() - 1].parent {
            chain.push(parent);
        }
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
}

/// The path of `name` in `dir`, or `name` itself for a root.
pub(super) fn path_in(dir: Option<&Arc<Dir>>, name: &[u8]) -> PathBuf {
    let name = OsStr::from_bytes(name);
    dir.map_or_else(|| name.into(), |dir| dir.path().join(name))
}
