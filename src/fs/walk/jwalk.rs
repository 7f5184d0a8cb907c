//! The `jwalk` crate as a backend. Its threads read directories and metadata and hand the results
//! to one thread in the order of the paths.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use jwalk::{Parallelism, WalkDirGeneric};

use super::entry::{Dir, Entry, path_in};
use super::error::Error;
use super::meta::Meta;
use super::root::Root;
use super::visitor::{Visitor, visit};

/// The metadata that jwalk's threads read, stored in its entry.
#[derive(Debug, Default)]
struct Stat(Option<io::Result<Meta>>);

type JwalkEntry = jwalk::DirEntry<((), Stat)>;

pub(super) fn run(root: &Root, n_threads: usize, visitor: &mut impl Visitor) {
    let mut dirs = vec![Arc::clone(&root.dir)];
    for entry in walk_dir(&root.path, n_threads) {
        match entry {
            Ok(entry) => visit_next(entry, &mut dirs, visitor),
            Err(err) => {
                let path = err.path().unwrap_or(&root.path).to_owned();
                visitor.visit_error(Error { path, cause: err.into() });
            }
        }
        if visitor.after_batch().is_break() {
            return;
        }
    }
}

/// Uses a pool of its own: on a shared one whose threads all wait for jwalk, it waits forever.
fn walk_dir(root: &Path, n_threads: usize) -> WalkDirGeneric<((), Stat)> {
    WalkDirGeneric::new(root)
        .sort(true)
        .skip_hidden(false)
        .parallelism(Parallelism::RayonNewPool(n_threads))
        .process_read_dir(|_, _, (), entries| {
            for entry in entries.iter_mut().flatten() {
                entry.client_state = Stat(Some(Meta::read(&entry.path(), false)));
            }
        })
}

/// Visits an entry; `dirs` holds the directories from the root down to the one it is in.
fn visit_next(jwalk_entry: JwalkEntry, dirs: &mut Vec<Arc<Dir>>, visitor: &mut impl Visitor) {
    if let Some(err) = jwalk_entry.read_children.as_ref().and_then(|children| children.error()) {
        let code = err.io_error().and_then(io::Error::raw_os_error);
        let cause =
            code.map_or_else(|| io::Error::other(err.to_string()), io::Error::from_raw_os_error);
        visitor.visit_error(Error { path: jwalk_entry.path(), cause });
    }
    if jwalk_entry.depth == 0 || jwalk_entry.depth > dirs.len() {
        return; // the root, which has been visited, or below a directory that is not entered
    }
    dirs.truncate(jwalk_entry.depth);
    let dir = dirs.last();
    let name = OsStr::as_bytes(&jwalk_entry.file_name);
    match jwalk_entry.client_state.0 {
        Some(Ok(meta)) => {
            let dir = visit(&Entry { dir, name, meta }, visitor);
            dirs.extend(dir);
        }
        Some(Err(cause)) => visitor.visit_error(Error { path: path_in(dir, name), cause }),
        None => {}
    }
}
