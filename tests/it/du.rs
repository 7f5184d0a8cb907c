//! 8.8, 8.9 du: right where GNU du is right, compared with it where it is on the machine.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use tempfile::{TempDir, tempdir};

mod faces;

use crate::support::{as_user, command, limited, outcome, program, run};

/// A tree with a bit of everything: hard links, a hole, symbolic links, awkward names.
fn tree() -> TempDir {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    for name in ["a/b/c", "b", "empty", "wide"] {
        fs::create_dir_all(at(name)).unwrap();
    }
    fs::write(at("a/one"), [1; 10_000]).unwrap();
    fs::write(at("a/b/c/two.o"), [2; 5_000]).unwrap();
    fs::hard_link(at("a/one"), at("b/same")).unwrap();
    fs::hard_link(at("a/one"), at("a/again")).unwrap();
    File::create(at("b/hole")).unwrap().set_len(1 << 30).unwrap();
    symlink("..", at("b/loop")).unwrap();
    symlink("nowhere", at("b/broken")).unwrap();
    fs::write(at("b/new\nline"), "x").unwrap();
    fs::write(dir.path().join(OsStr::from_bytes(b"b/\xff\xfe")), "y").unwrap();
    for i in 0..1_500 {
        fs::write(at("wide").join(i.to_string()), "z").unwrap();
    }
    dir
}

/// Lines of NUL-ended output, sorted.
fn lines(output: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = output.split(|byte| *byte == 0).collect();
    lines.sort_unstable();
    lines
}

/// Whether this machine's du is GNU's, of the time when directories had an apparent size.
fn has_gnu(dir: &Path) -> bool {
    let version = Command::new("du").arg("--version").output();
    let is_gnu = version.is_ok_and(|version| version.stdout.starts_with(b"du (GNU"));
    let counts_dirs = || {
        let size = Command::new("du").arg("-sb").arg(dir.join("empty")).output().unwrap();
        !size.stdout.starts_with(b"0\t")
    };
    is_gnu && counts_dirs()
}

#[test]
fn the_lines_are_gnus() {
    let dir = tree();
    if !has_gnu(dir.path()) {
        return;
    }
    let check = |args: &str, roots: &[&str]| {
        let with = |command: &mut Command| {
            command.current_dir(&dir).arg("-0").args(args.split_whitespace()).args(roots);
            command.output().unwrap()
        };
        let (ours, theirs) = (with(&mut command("du", &[""; 0])), with(&mut Command::new("du")));
        let text = String::from_utf8_lossy;
        assert_eq!(
            lines(&ours.stdout).into_iter().map(text).collect::<Vec<_>>(),
            lines(&theirs.stdout).into_iter().map(text).collect::<Vec<_>>(),
            "du {args} {roots:?}"
        );
        assert_eq!(ours.status.code(), theirs.status.code(), "du {args} {roots:?}");
    };
    let all = "-s|-sb|-sh|-s --si|-sc|-s --inodes|-sl|-sk|-sm|-sBM|-B 1kB -s|-sL|-sS|-sx|-lS|-la|\
               -lab|-lh -d1|-l --max-depth=1|-lc|-l -t 8K|-l -t -8K|-laS --apparent-size|\
               -la --exclude *.o|-l --exclude b/c|-la --exclude [!a]|-l --inodes -h|-sbk|-skb";
    for args in all.split('|') {
        for roots in [&[][..], &["."], &["a", "b"], &["a/b", "a", "a"], &["a/one", "a", "b/same"]] {
            check(args, roots);
        }
    }
    check("-s", &["a", "missing", "wide"]);
    check("-sD", &["b/loop"]);
    check("-s", &["b/loop", "b/loop/"]);
}

#[test]
fn every_walker_and_every_run_says_the_same() {
    let dir = tree();
    let of = |args: &[&str]| {
        let mut command = command("du", args);
        command.arg("-a").current_dir(&dir);
        let outcome = outcome(command);
        assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
        outcome.stdout
    };
    let first = of(&[]);
    assert!(first.contains("\t./a/again\n"), "the smallest name of the file");
    assert!(!first.contains("\t./a/one\n") && !first.contains("\t./b/same\n"));
    for _ in 0..10 {
        assert!(of(&[]) == first);
    }
    for args in [["--walker", "ordered"], ["--walker", "jwalk"], ["--threads", "1"]] {
        assert!(of(&args) == first, "{args:?}");
    }
}

/// The last line where one thing could not be read.
const ONE: &str = "du: 1 failure: the sums are without what could not be read\n";

#[test]
fn a_directory_one_may_not_read_is_reported_and_the_rest_counted() {
    let dir = tempdir().unwrap();
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(dir.path().join("closed")).unwrap();
    fs::write(dir.path().join("open"), "x").unwrap();
    let closed = dir.path().join("closed");
    fs::set_permissions(&closed, Permissions::from_mode(0o0)).unwrap();
    for walker in ["openat", "ordered", "jwalk"] {
        let args = ["-ab", "--exclude", "du", "--walker", walker].map(OsStr::new);
        let outcome =
            outcome(as_user("du", &[&args[..], &[dir.path().as_os_str()]].concat(), dir.path()));
        let cause = format!("du: {}: Permission denied (os error 13)\n{ONE}", closed.display());
        assert_eq!((outcome.code(), &*outcome.stderr), (1, &*cause), "{walker}");
        assert_eq!(outcome.lines().len(), 3, "{walker}: {}", outcome.stdout);
    }
}

/// Makes `n` directories, each in the one before, deeper than any path can say.
fn chain(dir: &Path, n: usize) {
    let name = "d".repeat(20);
    let mut fd = openat(rustix::fs::CWD, dir, OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..n {
        mkdirat(&fd, &*name, Mode::RWXU).unwrap();
        fd = openat(&fd, &*name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
}

#[test]
fn paths_longer_than_the_kernel_takes_are_counted() {
    let dir = tempdir().unwrap();
    chain(dir.path(), 1_500);
    let root = dir.path().to_str().unwrap();
    let plain = run("du", &["--inodes", "-s", root]);
    plain.is(0, &format!("1501\t{root}\n"), "");
    let few_files = outcome(limited("-n 32", "du", &["--inodes", "-s", root]));
    few_files.is(0, &format!("1501\t{root}\n"), "");
    assert_eq!(run("du", &[root]).lines().len(), 1_501);
    // What made it too deep cannot remove it: tempfile goes by paths.
    let removed = Command::new("rm").arg("-rf").arg(dir.path()).status().unwrap();
    assert!(removed.success());
}

#[test]
fn few_descriptors_do_for_many_directories() {
    let dir = tempdir().unwrap();
    for i in 0..400 {
        fs::create_dir_all(dir.path().join(format!("{}/{i}/x/y", i % 7))).unwrap();
    }
    let root = dir.path().to_str().unwrap();
    for _ in 0..5 {
        let outcome = outcome(limited("-n 32", "du", &["--inodes", "-s", root]));
        outcome.is(0, &format!("1208\t{root}\n"), "");
    }
}

#[test]
fn files_may_vanish_meanwhile() {
    let dir = tempdir().unwrap();
    let names: Vec<_> = (0..5_000).map(|i| dir.path().join(i.to_string())).collect();
    for name in &names {
        File::create(name).unwrap();
    }
    let root = dir.path().to_str().unwrap();
    run("du", &["-s", "--inodes", root]).is(0, &format!("5001\t{root}\n"), "");
    let removing =
        std::thread::spawn(move || names.iter().for_each(|name| fs::remove_file(name).unwrap()));
    for _ in 0..20 {
        let outcome = run("du", &["-s", root]);
        assert!(outcome.code() <= 1 && outcome.lines().len() == 1);
        assert!(
            outcome
                .stderr
                .lines()
                .all(|line| line.ends_with("(os error 2)") || line.contains(" failure"))
        );
    }
    removing.join().unwrap();
}

#[test]
fn one_file_system_stops_at_mount_points() {
    let outcome = run("du", &["-x", "/dev"]);
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let inside = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    for mount in inside.filter(|mount| mount.starts_with("/dev/")) {
        assert!(!outcome.lines().iter().any(|line| line.ends_with(mount)), "{mount}");
    }
}

#[test]
fn wrong_usage_is_refused() {
    let check = |args: &[&str]| {
        let outcome = run("du", args);
        assert_eq!((outcome.code(), &*outcome.stdout), (2, ""), "{args:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{}", outcome.stderr);
    };
    check(&["-s", "-a"]);
    check(&["-s", "-d", "1"]);
    check(&["--tree", "--flat"]);
    check(&["--tree", "-0"]);
    check(&["-n", "0"]);
    check(&["-n", "5", "-c"]);
    check(&["--json", "-h"]);
    check(&["-v", "--json"]);
    check(&["-v", "-s"]);
    check(&["-B", "x"]);
    check(&["-t", "-0"]);
    check(&["-d", "-1"]);
    check(&["--walker", "none"]);
    check(&["--nonsense"]);
}

#[test]
fn flags_without_effect_are_said_to_be() {
    let dir = tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    let check = |args: &[&str], warning: &str| {
        let outcome = run("du", &[args, &[root]].concat());
        outcome.is(0, &format!("1\t{root}\n"), &format!("du: {warning}\n"));
    };
    check(&["--inodes", "-b"], "--apparent-size and -b change nothing with --inodes");
    check(&["--inodes", "-s", "-d", "0"], "-s is --max-depth=0 already");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let dir = tree();
    let script = "\"$0\" -a . | head -1 >/dev/null; echo ${PIPESTATUS[0]}";
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(program("du")).current_dir(&dir);
    outcome(command).is(0, "0\n", "");
    let mut full = Command::new("sh");
    full.args(["-c", "exec \"$0\" >/dev/full"]).arg(program("du")).current_dir(&dir);
    assert_eq!(outcome(full).code(), 1);
}
