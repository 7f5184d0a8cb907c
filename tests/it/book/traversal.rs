//! 8.8 and 8.9: du1 to du4.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use tempfile::TempDir;

use super::every::assert_interruptible;
use crate::support::{Process, as_user, command, limited, outcome, run};

/// Roots that take far longer to walk than a test may wait.
const LONG_WALK: [&str; 1_000] = ["/"; 1_000];

const DUS: [&str; 4] = ["du1", "du2", "du3", "du4"];

/// Four files, 250 MB in all by their lengths, a symlink of 4 bytes, a loop and an empty directory.
fn tree() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir_all(path("a/b/empty")).unwrap();
    for (name, n_bytes) in [("one", 50_000_000), ("a/two", 100_000_000), ("a/b/three", 99_000_000)]
    {
        fs::File::create(path(name)).unwrap().set_len(n_bytes).unwrap(); // sparse
    }
    fs::write(path("a/four"), vec![b'x'; 1_000_000]).unwrap();
    symlink("/usr", path("a/link")).unwrap();
    symlink("..", path("a/b/loop")).unwrap();
    dir
}

fn du(name: &str, args: &[&Path]) -> crate::support::Outcome {
    outcome(command(name, args))
}

#[test]
fn sizes_are_lstats_and_links_are_not_followed() {
    let tree = tree();
    for name in DUS {
        du(name, &[tree.path()]).is(0, "6 files  0.3 GB\n", "");
        du(name, &[&tree.path().join("a/b")]).is(0, "2 files  0.1 GB\n", "");
    }
}

#[test]
fn a_root_may_be_a_file_a_link_or_missing() {
    let tree = tree();
    let link = tree.path().join("root");
    symlink("a/b", &link).unwrap();
    for name in DUS {
        du(name, &[&link]).is(0, "2 files  0.1 GB\n", "");
        du(name, &[&tree.path().join("a/two")]).is(0, "1 files  0.1 GB\n", "");
        let missing = tree.path().join("missing");
        let error =
            format!("{name}: {}: No such file or directory (os error 2)\n", missing.display());
        du(name, &[&missing, &tree.path().join("one")]).is(1, "1 files  0.1 GB\n", &error);
        let mut here = command(name, &[] as &[&str]);
        here.current_dir(tree.path().join("a/b"));
        outcome(here).is(0, "2 files  0.1 GB\n", "");
    }
}

#[test]
fn a_locked_directory_is_reported_and_the_rest_counted() {
    let tree = tree();
    let locked = tree.path().join("a/b");
    fs::set_permissions(tree.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&locked, Permissions::from_mode(0o000)).unwrap();
    for name in DUS {
        let error = format!("{name}: {}: Permission denied (os error 13)\n", locked.display());
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
        let du = outcome(as_user(name, &[tree.path()], place.path()));
        du.is(1, "4 files  0.2 GB\n", &error);
    }
    fs::set_permissions(&locked, Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn deep_trees_and_few_descriptors() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d/".repeat(500));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("file"), "x").unwrap();
    let path = dir.path().to_str().unwrap();
    for name in DUS {
        outcome(limited("-n 32", name, &[path])).is(0, "1 files  0.0 GB\n", "");
    }
}

#[test]
fn totals_come_twice_a_second_and_last() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["du2", "du3"] {
        let walking = Process::with_open_stdin(name, &[&["-v"][..], &LONG_WALK].concat());
        for _ in 0..2 {
            let total = walking.line().unwrap();
            assert!(total.ends_with(" GB"), "{name}: {total}");
        }
        assert_interruptible(walking); // it is still walking
        let outcome = run(name, &["-v", dir.path().to_str().unwrap()]);
        assert_eq!((outcome.code(), outcome.lines().pop()), (0, Some("0 files  0.0 GB")));
        assert_eq!(run(name, &["-v=false", dir.path().to_str().unwrap()]).lines().len(), 1);
    }
}

#[test]
fn a_byte_cancels_du4_and_the_end_of_stdin_does_not() {
    let mut du4 = Process::with_open_stdin("du4", &LONG_WALK);
    let first = du4.line().unwrap(); // twice a second while it walks
    assert!(first.ends_with(" GB"), "{first}");
    du4.send(b"\n");
    let cancelled = du4.wait();
    assert_eq!(cancelled.code(), 0);
    let mut finished = Process::with_open_stdin("du4", &["src"]);
    finished.close_stdin();
    assert_eq!(finished.wait().lines().len(), 1);
}
