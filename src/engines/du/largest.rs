//! The largest files, found without keeping all.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use super::Sum;
use super::tree::{Kind, Tree};
use crate::fs::walk::Dir;

/// As many files as it may hold, the largest it was shown; of one size, those with the smallest
/// paths, so that it does not matter which thread is shown which file.
#[derive(Debug, Default)]
pub(super) struct Largest {
    n_max: usize,
    files: BinaryHeap<Reverse<File>>,
    /// The path of a file in question, and how much of it is its directory of that number.
    path: Vec<u8>,
    dir: Option<(u32, usize)>,
}

#[derive(Debug, PartialEq, Eq)]
struct File {
    own: Sum,
    path: Box<[u8]>,
    parent: u32,
    name_len: usize,
}

impl Ord for File {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

impl PartialOrd for File {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl File {
    fn rank(&self) -> (u64, Reverse<&[u8]>) {
        (self.own.size, Reverse(&self.path))
    }
}

impl Largest {
    pub(super) fn new(n_max: usize) -> Self {
        Largest { n_max, ..Largest::default() }
    }

    /// Takes a file or leaves it; gives what is to be counted with its directory instead.
    pub(super) fn offer(&mut self, dir: &Arc<Dir>, name: &[u8], own: Sum) -> Option<(u32, Sum)> {
        let is_full = self.files.len() >= self.n_max;
        if is_full && self.files.peek().is_none_or(|least| own.size < least.0.own.size) {
            return Some((dir.id, own)); // most files end here
        }
        self.set_path(dir, name);
        let least = self.files.peek().filter(|_| is_full);
        if least.is_some_and(|least| (own.size, Reverse(&*self.path)) < least.0.rank()) {
            return Some((dir.id, own));
        }
        let least = if is_full { self.files.pop() } else { None };
        let path = self.path.as_slice().into();
        self.files.push(Reverse(File { own, path, parent: dir.id, name_len: name.len() }));
        least.map(|Reverse(least)| (least.parent, least.own))
    }

    /// Files of one directory come together: its path is put together once.
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

    /// Adds them to the tree.
    pub(super) fn tell(self, tree: &mut Tree) {
        for Reverse(file) in self.files {
            let name = &file.path[file.path.len() - file.name_len..];
            tree.push(Some(file.parent), Kind::File, name, file.own);
        }
    }
}
