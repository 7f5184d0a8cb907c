//! du below bind mounts: a directory inside itself, one directory at several paths.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::{TempDir, tempdir};

use crate::support::{Outcome, outcome, program};

/// Runs du with `args` in `dir` after `mount` commands, in a mount namespace of its own.
fn in_namespace(dir: &Path, mounts: &str, args: &[&str]) -> Outcome {
    let script = format!("{mounts}\nexec \"$0\" \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-ec", &script]).arg(program("du")).args(args).current_dir(dir);
    outcome(command)
}

/// Whether bind mounts can be made here; says so if not.
#[allow(clippy::print_stderr, reason = "a skipped test says so")]
fn can_mount() -> bool {
    let dir = tempdir().unwrap();
    let mounted = in_namespace(dir.path(), "mount --bind . .", &["-s", "--inodes"]);
    let can_mount = mounted.code() == 0;
    if !can_mount {
        eprintln!("skipped: no bind mounts here: {}", mounted.stderr);
    }
    can_mount
}

fn dirs(names: &[&str]) -> TempDir {
    let dir = tempdir().unwrap();
    for name in names {
        fs::create_dir_all(dir.path().join(name)).unwrap();
    }
    dir
}

/// Every walker counts what GNU du 9.1 counts in the same place; of several paths of a directory,
/// GNU du lists the one that it finds first, we the smallest.
fn check(dir: &TempDir, mounts: &str, args: &[&str], expected: &str) {
    for walker in ["openat", "ordered", "jwalk"] {
        let args = [&["--inodes", "--walker", walker], args].concat();
        in_namespace(dir.path(), mounts, &args).is(0, expected, "");
    }
}

#[test]
fn a_directory_mounted_inside_itself_counts_once() {
    if !can_mount() {
        return;
    }
    // NEWS of coreutils 8.23: du silently ignores directory cycles due to bind mounts.
    let dir = dirs(&["a/b", "a/c"]);
    fs::write(dir.path().join("a/f"), "x").unwrap();
    let mount = "mount --bind a a/b";
    for flag in ["-s", "-sx", "-sl", "-sL", "-sLl", "-sD"] {
        check(&dir, mount, &[flag, "a"], "3\ta\n");
    }
    check(&dir, mount, &["-a", "a"], "1\ta/c\n1\ta/f\n3\ta\n");
    check(&dir, mount, &["-s", "a", "a/b"], "3\ta\n");
    check(&dir, mount, &["-s", "a/b", "a"], "4\ta/b\n");
    check(&dir, mount, &["-s", "a/b"], "4\ta/b\n");
    let json = in_namespace(dir.path(), mount, &["--json", "-d0", "a"]);
    assert!(json.stdout.contains("\"files\":1,"), "{}", json.stdout);
    let tree = in_namespace(dir.path(), mount, &["--tree", "--inodes", "a"]);
    assert!(tree.stdout.starts_with("3 100%"), "{}", tree.stdout);
}

#[test]
fn a_cycle_need_not_begin_at_the_mount_point() {
    if !can_mount() {
        return;
    }
    // x/a/m is x, so x/a/m/a is x/a, a plain directory.
    let dir = dirs(&["x/a/m", "x/c/d"]);
    check(&dir, "mount --bind x x/a/m", &["-s", "x/a"], "4\tx/a\n");
    check(&dir, "mount --bind x x/a/m", &["-s", "x"], "4\tx\n");
    let more = "mount -t tmpfs tmpfs x/c/d; mkdir -p x/c/d/e; mount --bind x/a x/c/d/e";
    check(&dir, more, &["-s", "x/a"], "2\tx/a\n");
    check(&dir, more, &["-s", "x"], "7\tx\n");
    check(&dir, &format!("{more}; mount --rbind x x/a/m"), &["-s", "x/a"], "4\tx/a\n");
}

#[test]
fn a_directory_at_two_paths_counts_once_with_several_arguments() {
    if !can_mount() {
        return;
    }
    let dir = dirs(&["v/one", "v/two", "v/three", "w/y/z"]);
    fs::write(dir.path().join("v/one/f"), "x").unwrap();
    let mount = "mount --bind v/one v/two";
    check(&dir, mount, &["-s", "v", "v/two"], "4\tv\n");
    check(&dir, mount, &["-s", "v/two", "v"], "2\tv/two\n2\tv\n");
    check(&dir, mount, &["-s", "v"], "6\tv\n");
    check(&dir, mount, &["-sl", "v", "w"], "6\tv\n3\tw\n");
    check(&dir, mount, &["-a", "v", "v/one"], "1\tv/one/f\n2\tv/one\n1\tv/three\n4\tv\n");
    // Two mounts of one tree, the inner one first by name.
    let mounts = "mount --bind w/y v/three; mount --bind w v/two";
    check(&dir, mounts, &["-s", "v", "v"], "6\tv\n");
    check(&dir, mounts, &["v", "v"], "2\tv/one\n1\tv/three/z\n2\tv/three\n1\tv/two\n6\tv\n");
    check(&dir, "mount --rbind v w/y/z", &["-s", "w", "v"], "7\tw\n");
}

#[test]
fn a_file_mounted_onto_another_counts_once_with_several_arguments() {
    if !can_mount() {
        return;
    }
    let dir = dirs(&["v/a b", "w"]);
    for name in ["v/f", "v/a b/g", "w/h"] {
        fs::write(dir.path().join(name), "x").unwrap();
    }
    let mount = "mount --bind v/f 'v/a b/g'";
    check(&dir, mount, &["-s", "v", "w"], "3\tv\n2\tw\n");
    check(&dir, mount, &["-s", "v"], "4\tv\n");
    check(&dir, "mount --bind v/f w/h", &["-s", "v", "w"], "4\tv\n1\tw\n");
}
