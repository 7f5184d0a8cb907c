//! The `jwalk` crate as a backend. Its threads read directories and metadata and hand the results
//! to one thread in the order of the paths.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use jwalk::{Parallelism, WalkDirGeneric};
use rayon::ThreadPool;

use super::entry::{Dir, Entry, path_in};
use super::meta::Meta;
use super::root::Root;
use super::visitor::{Visitor, report, visit};

/// The metadata that jwalk's threads read, stored in its entry.
#[derive(Debug, Default)]
struct Stat(Option<io::Result<Meta>>);

type JwalkEntry = jwalk::DirEntry<((), Stat)>;

pub(super) fn run(root: &Root, pool: Option<&Arc<ThreadPool>>, visitor: &mut impl Visitor) {
    let mut dirs = vec![Arc::clone(&root.dir)];
    for entry in walk_dir(&root.path, pool) {
        match entry {
            Ok(entry) => visit_next(&entry, &mut dirs, visitor),
            Err(err) if err.depth() > dirs.len() => {} // below a directory that is not entered
            Err(err) => {
                let path = err.path().unwrap_or(&root.path).to_owned();
                report(path, err, visitor);
            }
        }
        if visitor.after_batch().is_break() {
            return;
        }
    }
}

/// On a pool whose threads all wait for jwalk, it would wait forever; on this one there are no other
/// tasks.
fn walk_dir(root: &Path, pool: Option<&Arc<ThreadPool>>) -> WalkDirGeneric<((), Stat)> {
    let parallelism = pool.map_or(Parallelism::Serial, |pool| Parallelism::RayonExistingPool {
        pool: Arc::clone(pool),
        busy_timeout: None,
    });
    WalkDirGeneric::new(root)
        .sort(true)
        .skip_hidden(false)
        .parallelism(parallelism)
        .process_read_dir(|_, _, (), entries| {
            for entry in entries.iter_mut().flatten() {
                entry.client_state = Stat(Some(Meta::read(&entry.path(), false)));
            }
        })
}

/// Visits an entry; `dirs` holds the directories from the root down to the one it is in.
fn visit_next(jwalk_entry: &JwalkEntry, dirs: &mut Vec<Arc<Dir>>, visitor: &mut impl Visitor) {
    let depth = jwalk_entry.depth;
    if depth > dirs.len() {
        return; // below a directory that is not entered
    }
    if depth > 0 {
        dirs.truncate(depth);
        let (dir, name) = (dirs.last(), OsStr::as_bytes(&jwalk_entry.file_name));
        if visitor.skips(dir, name) {
            return;
        }
        let Some(dir) = visit_stat(dir, name, &jwalk_entry.client_state, visitor) else { return };
        dirs.push(dir);
    }
    if let Some(err) = jwalk_entry.read_children.as_ref().and_then(|children| children.error()) {
        let code = err.io_error().and_then(io::Error::raw_os_error);
        let cause =
            code.map_or_else(|| io::Error::other(err.to_string()), io::Error::from_raw_os_error);
        report(jwalk_entry.path(), cause, visitor);
    }
}

/// Visits an entry, or reports why its metadata could not be read. Returns the directory if it is to
/// be entered.
fn visit_stat(
    dir: Option<&Arc<Dir>>,
    name: &[u8],
    stat: &Stat,
    visitor: &mut impl Visitor,
) -> Option<Arc<Dir>> {
    match stat.0.as_ref()? {
        &Ok(meta) => visit(&Entry { dir, name, meta }, visitor),
        Err(err) => {
            let cause = io::Error::from_raw_os_error(err.raw_os_error().unwrap_or(0));
            report(path_in(dir, name), cause, visitor);
            None
        }
    }
}
