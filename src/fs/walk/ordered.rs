//! Walks on one thread with std alone, in the order of the names, so that a file with several paths
//! is reached by the same one first in every run.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use super::entry::{Dir, Entry, path_in};
use super::meta::Meta;
use super::options::Follow;
use super::root::Root;
use super::visitor::{Visitor, report, visit};

/// A directory whose entries have not all been visited yet.
struct Level {
    dir: Arc<Dir>,
    /// Names still to be visited, from the last to the first.
    names: Vec<Vec<u8>>,
}

pub(super) fn run(root: Root, follow: Follow, visitor: &mut impl Visitor) {
    let mut levels = vec![Level::read(root.dir, visitor)];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            levels.pop();
            if visitor.after_batch().is_break() {
                return;
            }
            continue;
        };
        let dir = Arc::clone(&level.dir);
        if visitor.skips(Some(&dir), &name) {
            continue;
        }
        let path = path_in(Some(&dir), &name);
        match Meta::read(&path, follow == Follow::Always) {
            Ok(meta) => {
                let entry = Entry { dir: Some(&dir), name: &name, meta };
                let dir = visit(&entry, visitor);
                levels.extend(dir.map(|dir| Level::read(dir, visitor)));
            }
            Err(cause) => report(path, cause, visitor),
        }
    }
}

impl Level {
    fn read(dir: Arc<Dir>, visitor: &mut impl Visitor) -> Self {
        let path = dir.path();
        let mut names = Vec::new();
        match fs::read_dir(&path) {
            Ok(entries) => {
                for entry in entries {
                    match entry {
                        Ok(entry) => names.push(entry.file_name().into_vec()),
                        Err(cause) => report(path.clone(), cause, visitor),
                    }
                }
            }
            Err(cause) => report(path, cause, visitor),
        }
        names.sort_unstable_by(|a, b| b.cmp(a));
        Level { dir, names }
    }
}
