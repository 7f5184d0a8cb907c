//! One thread and std alone, in the order of the names: what is reached twice is reached at the
//! same path first in every run.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::sync::Arc;

use super::{Dir, Entry, Error, Follow, Meta, Visit, Walk, bytes, meta, path_in};

/// A directory whose names are not all visited yet.
struct Level {
    dir: Arc<Dir>,
    id: (u64, u64),
    /// From the last to the first.
    names: Vec<Vec<u8>>,
}

pub(super) fn run(walk: &Walk, root: &Path, visitor: &mut impl Visit) {
    let mut levels = Vec::new();
    match walk.root_meta(root) {
        Ok(meta) => levels.extend(visit(None, bytes(root), meta, visitor)),
        Err(cause) => visitor.failed(Error { path: root.to_owned(), cause }),
    }
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.names.pop() else {
            levels.pop();
            if visitor.goes_on() {
                continue;
            }
            return;
        };
        let dir = Arc::clone(&level.dir);
        let path = path_in(Some(&dir), &name);
        match meta(&path, walk.follow == Follow::Always) {
            Ok(meta) if meta.is_dir && levels.iter().any(|above| above.id == id(&meta)) => {}
            Ok(meta) => levels.extend(visit(Some(&dir), &name, meta, visitor)),
            Err(cause) => visitor.failed(Error { path, cause }),
        }
    }
}

fn id(meta: &Meta) -> (u64, u64) {
    (meta.dev, meta.ino)
}

fn visit(
    dir: Option<&Arc<Dir>>,
    name: &[u8],
    meta: Meta,
    visitor: &mut impl Visit,
) -> Option<Level> {
    let entry = Entry { dir, name, meta };
    let dir = Dir::new(&entry, visitor.entry(&entry)?);
    let path = entry.path();
    let mut names = Vec::new();
    match fs::read_dir(&path) {
        Ok(found) => {
            for name in found {
                match name {
                    Ok(name) => names.push(name.file_name().into_vec()),
                    Err(cause) => visitor.failed(Error { path: path.clone(), cause }),
                }
            }
        }
        Err(cause) => visitor.failed(Error { path, cause }),
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Some(Level { dir, id: id(&meta), names })
}
