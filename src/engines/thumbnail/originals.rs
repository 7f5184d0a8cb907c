//! Files that a thumbnail must not replace, known by what the file system says and not by spelling.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;

use super::error::Cause;
use super::signature;
use crate::fs::atomic;
use crate::threads;

/// Device and inode: equal for every name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileId(u64, u64);

impl FileId {
    fn of_file(info: &Metadata) -> Self {
        FileId(info.dev(), info.ino())
    }

    /// The file that `path` names and, if `path` is a symbolic link, the link itself.
    fn all(path: &Path) -> impl Iterator<Item = FileId> + use<> {
        let infos = [fs::metadata(path), fs::symlink_metadata(path)];
        infos.into_iter().flatten().map(|info| FileId::of_file(&info))
    }
}

/// The images of a batch, none of which may be replaced.
#[derive(Debug, Default)]
pub struct Originals(Mutex<HashSet<FileId>>);

impl Originals {
    /// The files at these paths; a path at which there is none is ignored.
    pub fn new<P: AsRef<Path>>(images: impl IntoIterator<Item = P>) -> Self {
        let originals = Originals::default();
        images.into_iter().for_each(|path| originals.add(path.as_ref()));
        originals
    }

    /// Adds the file at `path`, if there is one.
    pub fn add(&self, path: &Path) {
        threads::lock(&self.0).extend(FileId::all(path));
    }

    /// Whether a file written to `path` would replace one of the images.
    pub(super) fn contains(&self, path: &Path) -> bool {
        let originals = threads::lock(&self.0);
        FileId::all(path).any(|id| originals.contains(&id))
    }
}

/// What a thumbnail may replace.
#[derive(Clone, Copy, Debug)]
pub(super) struct OverwriteRule<'a> {
    /// Files that are never replaced.
    pub(super) originals: &'a Originals,
    /// Whether other files may be replaced that are not thumbnails of ours.
    pub(super) force: bool,
}

impl OverwriteRule<'_> {
    /// Whether the file at `path`, if there is one, may be replaced.
    ///
    /// # Errors
    /// The cause for which it may not.
    pub(super) fn check(&self, path: &Path) -> Result<(), Cause> {
        if self.originals.contains(path) {
            return Err(Cause::ReplacesSource);
        }
        let is_free = || path.symlink_metadata().is_err_and(|err| is_missing(&err));
        let is_replaceable = self.force || atomic::is_device(path) || is_free();
        if is_replaceable || signature::is_ours(path)? {
            return Ok(());
        }
        Err(Cause::NotOurs)
    }
}

fn is_missing(err: &io::Error) -> bool {
    err.kind() == io::ErrorKind::NotFound
}

/// Where a file is or would be: the same for every spelling of its path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// The innermost folder of the path that exists.
    folder: FileId,
    /// The rest of the path: folders still to be created, and the name.
    rest: PathBuf,
}

impl Place {
    /// The place that `path` names.
    ///
    /// # Errors
    /// When a folder of `path` cannot be read.
    pub(super) fn of_path(path: &Path) -> io::Result<Self> {
        let mut rest = vec![path.file_name().unwrap_or(OsStr::new(".."))];
        let mut folder = path.parent().unwrap_or(Path::new("/"));
        loop {
            let name = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            match fs::metadata(name) {
                Ok(info) => {
                    let rest = without_parents(rest.iter().rev());
                    return Ok(Place { folder: FileId::of_file(&info), rest });
                }
                Err(err) if !is_missing(&err) => return Err(err),
                Err(_) => rest.extend(folder.components().next_back().map(Component::as_os_str)),
            }
            folder = folder.parent().unwrap_or(Path::new("/"));
        }
    }
}

/// The path of these names. A folder that does not exist yet is no link, so `..` behind it leads
/// back.
fn without_parents<'a>(names: impl Iterator<Item = &'a &'a OsStr>) -> PathBuf {
    names.fold(PathBuf::new(), |mut path, name| {
        let is_back = *name == ".." && path.file_name().is_some_and(|last| last != "..");
        if is_back {
            path.pop();
        } else {
            path.push(name);
        }
        path
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_spelling_of_a_path_is_the_same_place() {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| Place::of_path(&dir.path().join(path)).unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        symlink("d", dir.path().join("link")).unwrap();
        for path in ["./d/x", "link/x", "d/../d//x", "link/new/../x", "d/a/b/../../x"] {
            assert_eq!(at(path), at("d/x"), "{path}");
        }
        for path in ["x", "d/y", "d/x/x", "link/new/x"] {
            assert_ne!(at(path), at("d/x"), "{path}");
        }
    }

    #[test]
    fn an_original_is_found_under_every_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), b"a").unwrap();
        fs::write(at("b"), b"b").unwrap();
        symlink("a", at("symbolic")).unwrap();
        fs::hard_link(at("a"), at("hard")).unwrap();
        let originals = Originals::new([at("a"), at("missing")]);
        for name in ["a", "symbolic", "hard"] {
            assert!(originals.contains(&at(name)), "{name}");
        }
        assert!(!originals.contains(&at("b")) && !originals.contains(&at("missing")));
        let link_only = Originals::new([at("symbolic")]);
        assert!(link_only.contains(&at("symbolic")) && link_only.contains(&at("a")));
    }
}
