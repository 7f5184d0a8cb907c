//! The openat walker, compared with the ordered one where both apply.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::process::getuid;
use tempfile::{TempDir, tempdir};

use super::openat::{NAMES_PER_BATCH, PATH_MAX};
use super::*;

/// Records everything and enters every directory, but runs `before_entering` first.
struct Recorder<'a> {
    entries: Vec<(PathBuf, u32, Meta)>,
    errors: Vec<Error>,
    n_entries_max: usize,
    before_entering: &'a (dyn Fn(&Path) + Sync),
}

impl Visitor for Recorder<'_> {
    fn visit_entry(&mut self, entry: &Entry<'_>) -> Option<u32> {
        let mut meta = entry.meta;
        meta.times.accessed = Time::EPOCH; // the walk itself reads the directories
        self.entries.push((entry.path(), entry.depth(), meta));
        if entry.meta.is_dir {
            (self.before_entering)(&entry.path());
        }
        entry.meta.is_dir.then_some(entry.depth())
    }

    fn visit_error(&mut self, error: Error) {
        self.errors.push(error);
    }

    fn after_batch(&mut self) -> ControlFlow<()> {
        if self.entries.len() < self.n_entries_max {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

/// What a walk has found, by path, and the errors.
struct Outcome {
    entries: BTreeMap<PathBuf, (u32, Meta)>,
    errors: Vec<(PathBuf, Option<i32>)>,
}

impl Outcome {
    fn names(&self, root: &Path) -> Vec<&str> {
        let below = self.entries.keys().filter_map(|path| path.strip_prefix(root).ok());
        below.map(|path| path.to_str().unwrap()).collect()
    }
}

/// Walks `root` with a backend, up to some threads and descriptors.
struct Case<'a> {
    backend: Backend,
    follow: Follow,
    limits: (usize, usize),
    n_entries_max: usize,
    before_entering: &'a (dyn Fn(&Path) + Sync),
}

impl Default for Case<'_> {
    fn default() -> Self {
        Case {
            backend: Backend::OpenAt,
            follow: Follow::Never,
            limits: (4, 64),
            n_entries_max: usize::MAX,
            before_entering: &|_| {},
        }
    }
}

impl Case<'_> {
    fn walk(&self, root: &Path) -> Outcome {
        let (n_threads, max_open_fds) = self.limits;
        let walker = Walker::new(self.backend, self.follow, n_threads, max_open_fds);
        let &Case { n_entries_max, before_entering, .. } = self;
        let recorder = |_| {
            let (entries, errors) = (Vec::new(), Vec::new());
            Recorder { entries, errors, n_entries_max, before_entering }
        };
        let mut recorders: Vec<_> = (0..walker.n_threads()).map(recorder).collect();
        walker.run(root, &mut recorders);
        let mut outcome = Outcome { entries: BTreeMap::new(), errors: Vec::new() };
        for recorder in recorders {
            for (path, depth, meta) in recorder.entries {
                let previous = outcome.entries.insert(path.clone(), (depth, meta));
                assert!(previous.is_none(), "{} is visited twice", path.display());
            }
            let errors = recorder.errors.into_iter();
            outcome.errors.extend(errors.map(|err| (err.path, err.cause.raw_os_error())));
        }
        outcome
    }
}

/// A directory with many batches of files, and directories among them; deep directories, empty
/// ones, hard and symbolic links, names that are not UTF-8 or have a newline in them.
fn tree() -> TempDir {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("deep/".repeat(50).as_str())).unwrap();
    fs::create_dir(at("empty")).unwrap();
    for i in 0..NAMES_PER_BATCH * 12 {
        let name = at(&format!("wide/{i}"));
        if i % 100 == 0 {
            fs::create_dir_all(name.join("below")).unwrap();
        } else {
            File::create(name).unwrap();
        }
    }
    fs::write(at("one"), [b'x'; 5_000]).unwrap();
    fs::hard_link(at("one"), at("empty/same")).unwrap();
    symlink("..", at("deep/loop")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    fs::write(at("new\nline"), "x").unwrap();
    fs::write(dir.path().join(OsStr::from_bytes(b"\xff\xfe")), "y").unwrap();
    dir
}

#[test]
fn every_entry_is_visited_once_with_its_path_and_metadata() {
    let dir = tree();
    let expected = Case { backend: Backend::Ordered, ..Case::default() }.walk(dir.path());
    assert!(expected.entries.len() > NAMES_PER_BATCH * 12);
    // With four descriptors no parent is kept open: every directory is opened by its path.
    for limits in [(1, 4), (1, 64), (4, 16), (4, 64), (16, 1_000)] {
        let outcome = Case { limits, ..Case::default() }.walk(dir.path());
        assert!(outcome.entries == expected.entries, "{limits:?}");
        assert_eq!(outcome.errors, [], "{limits:?}");
    }
}

#[test]
fn names_of_a_hard_link_have_one_identity() {
    let dir = tree();
    let entries = Case::default().walk(dir.path()).entries;
    let meta = |name: &str| entries[&dir.path().join(name)].1;
    assert_eq!(meta("one").file_id(), meta("empty/same").file_id());
    assert_eq!((meta("one").n_links, meta("one").n_bytes), (2, 5_000));
    assert_ne!(meta("one").file_id(), meta("new\nline").file_id());
}

#[test]
fn only_a_root_that_is_a_link_can_be_followed() {
    let dir = tempdir().unwrap();
    let (target, link) = (dir.path().join("target"), dir.path().join("link"));
    fs::create_dir(&target).unwrap();
    File::create(target.join("file")).unwrap();
    symlink("file", target.join("to-file")).unwrap();
    symlink("..", target.join("up")).unwrap();
    symlink("target", &link).unwrap();
    let check = |follow, expected: &[&str]| {
        let outcome = Case { follow, ..Case::default() }.walk(&link);
        assert_eq!(outcome.names(&link), expected, "{follow:?}");
        assert_eq!(outcome.errors, []);
        let inner = outcome.entries.iter().filter(|(path, _)| **path != link);
        assert!(inner.into_iter().all(|(_, (_, meta))| !meta.is_dir), "{follow:?}");
    };
    check(Follow::Never, &[""]);
    check(Follow::Roots, &["", "file", "to-file", "up"]);
}

#[test]
fn paths_longer_than_the_kernel_accepts_are_walked() {
    const DEPTH: u32 = 100;
    let dir = tempdir().unwrap();
    let name = "d".repeat(60);
    let mut fd = openat(CWD, dir.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        mkdirat(&fd, &*name, Mode::RWXU).unwrap();
        fd = openat(&fd, &*name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    for limits in [(1, 4), (4, 64)] {
        let outcome = Case { limits, ..Case::default() }.walk(dir.path());
        let (path, (depth, _)) = outcome.entries.last_key_value().unwrap();
        assert!(path.as_os_str().len() > PATH_MAX && *depth == DEPTH, "{limits:?}");
        assert_eq!(outcome.errors, [], "{limits:?}");
    }
    dir.close().unwrap();
}

#[test]
fn an_unreadable_directory_is_an_error_and_the_rest_is_walked() {
    if getuid().is_root() {
        _ = io::stderr().write_all(b"skipped: root can read every directory\n"); // not captured
        return;
    }
    let dir = tempdir().unwrap();
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::create_dir_all(dir.path().join("open/below")).unwrap();
    fs::set_permissions(&closed, Permissions::from_mode(0o0)).unwrap();
    for limits in [(1, 4), (4, 64)] {
        let outcome = Case { limits, ..Case::default() }.walk(dir.path());
        assert_eq!(outcome.names(dir.path()), ["", "closed", "open", "open/below"]);
        let code = rustix::io::Errno::ACCESS.raw_os_error();
        assert_eq!(outcome.errors, [(closed.clone(), Some(code))]);
    }
}

#[test]
fn a_directory_that_vanishes_is_an_error_and_the_rest_is_walked() {
    for limits in [(1, 4), (4, 64)] {
        let dir = tempdir().unwrap();
        let gone = dir.path().join("gone");
        fs::create_dir(&gone).unwrap();
        fs::create_dir_all(dir.path().join("open/below")).unwrap();
        let remove = |path: &Path| {
            if path == gone {
                fs::remove_dir(path).unwrap();
            }
        };
        let case = Case { limits, before_entering: &remove, ..Case::default() };
        let outcome = case.walk(dir.path());
        assert_eq!(outcome.names(dir.path()), ["", "gone", "open", "open/below"]);
        let code = rustix::io::Errno::NOENT.raw_os_error();
        assert_eq!(outcome.errors, [(gone.clone(), Some(code))]);
    }
}

#[test]
fn a_directory_that_becomes_a_link_is_not_entered() {
    let (dir, outside) = (tempdir().unwrap(), tempdir().unwrap());
    File::create(outside.path().join("secret")).unwrap();
    let swapped = dir.path().join("swapped");
    fs::create_dir(&swapped).unwrap();
    let swap = |path: &Path| {
        if path == swapped {
            fs::remove_dir(path).unwrap();
            symlink(outside.path(), path).unwrap();
        }
    };
    let outcome = Case { before_entering: &swap, ..Case::default() }.walk(dir.path());
    assert_eq!(outcome.names(dir.path()), ["", "swapped"]);
    assert_eq!(outcome.errors.len(), 1, "{:?}", outcome.errors);
}

#[test]
fn a_missing_root_is_an_error_and_a_file_is_an_entry() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("file");
    let missing = Case::default().walk(&file);
    let code = rustix::io::Errno::NOENT.raw_os_error();
    assert_eq!((missing.entries.len(), missing.errors), (0, vec![(file.clone(), Some(code))]));
    File::create(&file).unwrap();
    let outcome = Case::default().walk(&file);
    assert_eq!(outcome.names(&file), [""]);
    assert_eq!(outcome.errors, []);
}

#[test]
fn a_break_ends_the_walk_within_a_batch() {
    let dir = tree();
    let limits = (1, 64);
    let case = Case { limits, n_entries_max: NAMES_PER_BATCH, ..Case::default() };
    let n_entries = case.walk(dir.path()).entries.len();
    assert!((NAMES_PER_BATCH..3 * NAMES_PER_BATCH).contains(&n_entries), "{n_entries}");
}
