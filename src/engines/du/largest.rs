//! The largest files, kept in a heap of bounded size.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::usage::Usage;
use crate::fs::walk::Dir;

/// Up to `n_max` files, the largest that were pushed. Of files of the same size, those with the
/// smallest paths are kept, so the result does not depend on which thread finds which file.
#[derive(Debug, Default)]
pub(super) struct LargestFiles {
    n_max: usize,
    files: BinaryHeap<Reverse<LargeFile>>,
    /// Buffer for the path of the file being pushed.
    path: Vec<u8>,
    /// The directory whose path is in the buffer, by id, and the length of that path.
    dir: Option<(u32, usize)>,
}

/// A file that is kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LargeFile {
    pub(super) parent: u32,
    pub(super) usage: Usage,
    path: Box<[u8]>,
    name_len: usize,
}

impl Ord for LargeFile {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for LargeFile {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl LargeFile {
    fn rank(&self) -> (u64, Reverse<&[u8]>) {
        (self.usage.size, Reverse(&self.path))
    }

    pub(super) fn name(&self) -> &[u8] {
        &self.path[self.path.len() - self.name_len..]
    }
}

impl LargestFiles {
    pub(super) fn new(n_max: usize) -> Self {
        LargestFiles { n_max, ..LargestFiles::default() }
    }

    /// Pushes a file. If one too many is then kept, drops the smallest, which may be this one, and
    /// returns its directory and usage.
    pub(super) fn push(
        &mut self,
        dir: &Arc<Dir>,
        name: &[u8],
        usage: Usage,
    ) -> Option<(u32, Usage)> {
        let is_full = self.files.len() >= self.n_max;
        if is_full && self.files.peek().is_none_or(|least| usage.size < least.0.usage.size) {
            return Some((dir.id, usage)); // most files end here
        }
        self.set_path(dir, name);
        let least = self.files.peek().filter(|_| is_full);
        if least.is_some_and(|least| (usage.size, Reverse(&*self.path)) < least.0.rank()) {
            return Some((dir.id, usage));
        }
        let least = if is_full { self.files.pop() } else { None };
        let path = self.path.as_slice().into();
        let file = LargeFile { parent: dir.id, usage, path, name_len: name.len() };
        self.files.push(Reverse(file));
        least.map(|Reverse(least)| (least.parent, least.usage))
    }

    /// Puts the path of `name` in `dir` into the buffer. The files of one directory follow each
    /// other, so the path of the directory is rarely built.
    fn set_path(&mut self, dir: &Arc<Dir>, name: &[u8]) {
        let dir_len = match self.dir {
            Some((id, len)) if id == dir.id => len,
            _ => {
                self.path.clear();
                self.path.extend_from_slice(dir.path().as_os_str().as_bytes());
                self.path.push(b'/');
                self.path.len()
            }
        };
        self.dir = Some((dir.id, dir_len));
        self.path.truncate(dir_len);
        self.path.extend_from_slice(name);
    }

    /// The files that were kept, in no particular order.
    pub(super) fn into_files(self) -> impl Iterator<Item = LargeFile> {
        self.files.into_iter().map(|Reverse(file)| file)
    }
}
