//! The `jwalk` crate as a walker. Its threads read and stat directories; they hand the results to
//! one thread in the order of the paths.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use jwalk::{Parallelism, WalkDirGeneric};

use super::{Dir, Entry, Error, Meta, Visit, Walk, bytes};

/// What jwalk keeps with an entry: what its threads learnt of it.
#[derive(Debug, Default)]
struct Stat(Option<io::Result<Metadata>>);

type Found = jwalk::DirEntry<((), Stat)>;

pub(super) fn run(walk: &Walk, root: &Path, visitor: &mut impl Visit) {
    let entry = match walk.root_meta(root) {
        Ok(meta) => Entry { dir: None, name: bytes(root), meta },
        Err(cause) => return visitor.failed(Error { path: root.to_owned(), cause }),
    };
    let Some(id) = visitor.entry(&entry) else { return };
    let mut dirs = vec![Dir::new(&entry, id)];
    for found in walk_dir(walk, root) {
        match found {
            Ok(found) => take(found, &mut dirs, visitor),
            Err(err) => {
                let path = err.path().unwrap_or(root).to_owned();
                visitor.failed(Error { path, cause: err.into() });
            }
        }
        if !visitor.goes_on() {
            return;
        }
    }
}

/// Its own pool: on a shared one whose threads all wait for it, jwalk waits for ever.
fn walk_dir(walk: &Walk, root: &Path) -> WalkDirGeneric<((), Stat)> {
    WalkDirGeneric::new(root)
        .sort(true)
        .skip_hidden(false)
        .parallelism(Parallelism::RayonNewPool(walk.n_threads))
        .process_read_dir(|_, _, (), found| {
            for entry in found.iter_mut().flatten() {
                entry.client_state = Stat(Some(entry.path().symlink_metadata()));
            }
        })
}

/// Visits an entry; `dirs` are the directories it is in, from the root.
fn take(found: Found, dirs: &mut Vec<Arc<Dir>>, visitor: &mut impl Visit) {
    if let Some(err) = found.read_children.as_ref().and_then(|children| children.error()) {
        let number = err.io_error().and_then(io::Error::raw_os_error);
        let cause =
            number.map_or_else(|| io::Error::other(err.to_string()), io::Error::from_raw_os_error);
        visitor.failed(Error { path: found.path(), cause });
    }
    if found.depth == 0 || found.depth > dirs.len() {
        return; // the root, which has been visited, or inside a directory not to be entered
    }
    dirs.truncate(found.depth);
    let dir = dirs.last();
    let name = OsStr::as_bytes(&found.file_name);
    match found.client_state.0 {
        Some(Ok(meta)) => {
            let entry = Entry { dir, name, meta: Meta::from(meta) };
            if let Some(id) = visitor.entry(&entry) {
                let dir = Dir::new(&entry, id);
                dirs.push(dir);
            }
        }
        Some(Err(cause)) => visitor.failed(Error { path: super::path_in(dir, name), cause }),
        None => {}
    }
}
