//! 8.8, 8.9 du: counting, errors and flags; compared with GNU du if that is installed.

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use rustix::fs::{Mode, OFlags, mkdirat, openat};
use tempfile::{TempDir, tempdir};

mod browse;
mod exclude;
mod lists;
mod mounts;
mod output;
mod times;

use crate::support::{as_user, command, limited, outcome, program, report_skipped, run};

/// A directory with hard links, a sparse file, symbolic links and names that are not UTF-8.
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

/// NUL-terminated lines, sorted.
fn lines(output: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = output.split(|byte| *byte == 0).collect();
    lines.sort_unstable();
    lines
}

/// Whether this machine's du is GNU's; says so if not.
fn has_gnu_du() -> bool {
    let version = Command::new("du").arg("--version").output();
    let has_gnu_du = version.is_ok_and(|version| version.stdout.starts_with(b"du (GNU"));
    if !has_gnu_du {
        report_skipped("there is no GNU du");
    }
    has_gnu_du
}

#[test]
fn lines_are_those_of_gnu_du() {
    let dir = tree();
    if !has_gnu_du() {
        return;
    }
    let check = |args: &str, roots: &[&str]| {
        let output = |command: &mut Command| {
            command.current_dir(&dir).arg("-0").args(args.split_whitespace()).args(roots);
            command.output().unwrap()
        };
        let ours = output(&mut command("du", &[""; 0]));
        let theirs = output(&mut Command::new("du"));
        let text = String::from_utf8_lossy;
        assert_eq!(
            lines(&ours.stdout).into_iter().map(text).collect::<Vec<_>>(),
            lines(&theirs.stdout).into_iter().map(text).collect::<Vec<_>>(),
            "du {args} {roots:?}"
        );
        assert_eq!(ours.status.code(), theirs.status.code(), "du {args} {roots:?}");
    };
    let all = "-s|-sh|-s --si|-sc|-s --inodes|-sl|-sk|-sm|-sBM|-B 1kB -s|-sL|-sS|-sx|-lS|-la|\
               -lh -d1|-l --max-depth=1|-lc|-l -t 8K|-l -t -8K|\
               -la --exclude *.o|-l --exclude b/c|-la --exclude [!a]|-l --inodes -h";
    for args in all.split('|') {
        for roots in [&[][..], &["."], &["a", "b"], &["a/b", "a", "a"], &["a/one", "a", "b/same"]] {
            check(args, roots);
        }
    }
    check("-s", &["a", "missing", "wide"]);
    check("-sD", &["b/loop"]);
    check("-s", &["b/loop", "b/loop/"]);
}

/// The lengths of the directory `path` and, unless `separate`, of those below it.
fn lengths_of_dirs(path: &Path, separate: bool) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    let paths = entries.map(|entry| entry.unwrap().path());
    let subdirs = paths.filter(|path| !separate && path.symlink_metadata().unwrap().is_dir());
    let below: u64 = subdirs.map(|path| lengths_of_dirs(&path, separate)).sum();
    path.metadata().unwrap().len() + below
}

/// NEWS of coreutils 9.2: `du --apparent` counts the sizes of regular files and symbolic links only.
#[test]
fn only_files_and_links_have_an_apparent_size() {
    let dir = tree();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::create_dir(dir.path().join("d/empty")).unwrap();
    fs::write(dir.path().join("d/file"), [0; 100]).unwrap();
    symlink("..", dir.path().join("d/link")).unwrap();
    assert!(Command::new("mkfifo").arg(dir.path().join("d/fifo")).status().unwrap().success());
    let ours = |args: &[&str]| {
        let mut command = command("du", args);
        command.current_dir(&dir);
        let outcome = outcome(command);
        assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
        outcome.stdout
    };
    let expected = "0\td/empty\n0\td/fifo\n100\td/file\n2\td/link\n102\td\n";
    for walker in ["openat", "ordered", "jwalk"] {
        assert_eq!(ours(&["-ab", "--walker", walker, "d"]), expected, "{walker}");
    }
    for flag in ["-AB1", "-abd0", "--apparent-size"] {
        let args = [flag, "-B1", "-d0", "d"];
        assert_eq!(ours(&args), "102\td\n", "{args:?}");
    }
    assert_eq!((ours(&["-sbk", "d"]), ours(&["-skb", "d"])), ("1\td\n".into(), "102\td\n".into()));
    assert!(ours(&["--json", "-d0", "d"]).contains("\"bytes\":102,"));
    if !has_gnu_du() {
        return;
    }
    let size = Command::new("du").arg("-sb").arg(dir.path().join("d/empty")).output().unwrap();
    let counts_dirs = !size.stdout.starts_with(b"0\t");
    for args in [&["-sb"][..], &["-lab"], &["-laS", "-b"], &["-l", "-d1", "--apparent-size", "-B1"]]
    {
        for root in [".", "a", "b", "d"] {
            let args = [args, &[root]].concat();
            let theirs =
                Command::new("du").args(&args).arg("-0").current_dir(&dir).output().unwrap();
            let expected = theirs.stdout.split(|byte| *byte == 0).map(|line| {
                let Some(tab) = line.iter().position(|byte| *byte == b'\t') else { return vec![] };
                let size: u64 = String::from_utf8_lossy(&line[..tab]).parse().unwrap();
                let path = dir.path().join(OsStr::from_bytes(&line[tab + 1..]));
                let is_dir = counts_dirs && path.symlink_metadata().unwrap().is_dir();
                let n_less =
                    if is_dir { lengths_of_dirs(&path, args.contains(&"-laS")) } else { 0 };
                [(size - n_less).to_string().as_bytes(), &line[tab..]].concat()
            });
            let mut expected: Vec<Vec<u8>> = expected.collect();
            expected.sort_unstable();
            let mut command = command("du", &args);
            let ours = command.arg("-0").current_dir(&dir).output().unwrap().stdout;
            assert!(lines(&ours) == expected, "{args:?}: {}", String::from_utf8_lossy(&ours));
        }
    }
}

#[test]
fn every_walker_and_every_run_prints_the_same() {
    let dir = tree();
    let stdout = |args: &[&str]| {
        let mut command = command("du", args);
        command.arg("-a").current_dir(&dir);
        let outcome = outcome(command);
        assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
        outcome.stdout
    };
    let first = stdout(&[]);
    assert!(first.contains("\t./a/again\n"), "the smallest path of the file");
    assert!(!first.contains("\t./a/one\n") && !first.contains("\t./b/same\n"));
    for _ in 0..10 {
        assert!(stdout(&[]) == first);
    }
    for args in [["--walker", "ordered"], ["--walker", "jwalk"], ["--threads", "1"]] {
        assert!(stdout(&args) == first, "{args:?}");
    }
}

/// The last line on stderr if one path could not be read.
const ONE_ERROR: &str = "du: 1 error: sizes do not include what could not be read\n";

#[test]
fn an_unreadable_directory_is_an_error_and_the_rest_is_counted() {
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
        let cause =
            format!("du: {}: Permission denied (os error 13)\n{ONE_ERROR}", closed.display());
        assert_eq!((outcome.code(), &*outcome.stderr), (1, &*cause), "{walker}");
        assert_eq!(outcome.lines().len(), 3, "{walker}: {}", outcome.stdout);
    }
}

/// Creates `n` nested directories, deeper than a path can express.
fn nested_dirs(dir: &Path, n: usize) {
    let name = "d".repeat(20);
    let mut fd = openat(rustix::fs::CWD, dir, OFlags::DIRECTORY, Mode::empty()).unwrap();
    for _ in 0..n {
        mkdirat(&fd, &*name, Mode::RWXU).unwrap();
        fd = openat(&fd, &*name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
}

#[test]
fn paths_longer_than_the_kernel_accepts_are_counted() {
    let dir = tempdir().unwrap();
    nested_dirs(dir.path(), 1_500);
    let root = dir.path().to_str().unwrap();
    let plain = run("du", &["--inodes", "-s", root]);
    plain.is(0, &format!("1501\t{root}\n"), "");
    let few_files = outcome(limited("-n 32", "du", &["--inodes", "-s", root]));
    few_files.is(0, &format!("1501\t{root}\n"), "");
    assert_eq!(run("du", &[root]).lines().len(), 1_501);
    // Removing the directory in-process would need a descriptor per level.
    let removed = Command::new("rm").arg("-rf").arg(dir.path()).status().unwrap();
    assert!(removed.success());
}

#[test]
fn many_directories_need_few_descriptors() {
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
fn files_may_be_removed_during_the_walk() {
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
                .all(|line| line.ends_with("(os error 2)") || line.contains(" error"))
        );
    }
    removing.join().unwrap();
}

#[test]
fn one_file_system_stops_at_mount_points() {
    let outcome = run("du", &["-x", "/dev"]);
    let mounts = fs::read_to_string("/proc/mounts").unwrap();
    let paths = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let below_dev: Vec<&str> = paths.filter(|path| path.starts_with("/dev/")).collect();
    if below_dev.is_empty() {
        report_skipped("nothing is mounted below /dev");
    }
    for mount in below_dev {
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
    check(&["--tree", "--time"]);
    check(&["--tree", "-t", "-5"]);
    check(&["--json", "--time"]);
    check(&["--time=birth"]);
    check(&["--time="]);
    check(&["--time", "--time-style=x"]);
    check(&["--only", "["]);
    check(&["--type", "x"]);
    check(&["--type", ""]);
    check(&["--min", "-5"]);
    check(&["--newer", "yesterdaye"]);
    check(&["--newer", "-3d"]);
}

#[test]
fn an_empty_argument_is_a_path_that_does_not_exist() {
    let dir = tempdir().unwrap();
    for name in ["a", "b"] {
        fs::create_dir(dir.path().join(name)).unwrap();
    }
    // GNU du 9.1 reports it in other words, counts the others and ends with 1.
    for walker in ["openat", "ordered", "jwalk"] {
        let mut command = command("du", &["--inodes", "--walker", walker, "a", "", "b"]);
        command.current_dir(&dir);
        let stderr = format!("du: '': No such file or directory (os error 2)\n{ONE_ERROR}");
        outcome(command).is(1, "1\ta\n1\tb\n", &stderr);
    }
    let mut command = command("thumbnail", &["", "a"]);
    command.current_dir(&dir);
    let outcome = outcome(command);
    assert_eq!(outcome.code(), 1);
    assert!(outcome.stderr.contains("thumbnail: '': "), "{}", outcome.stderr);
}

#[test]
fn flags_and_arguments_are_read_as_by_gnu_du() {
    let dir = tree();
    let check = |args: &[&str], expected: &str| {
        let mut command = command("du", args);
        outcome({
            command.current_dir(&dir);
            command
        })
        .is(0, expected, "");
    };
    // The right values are those of GNU du 9.1.
    check(&["--inodes", "empty//"], "1\tempty/\n");
    check(&["--inodes", ".///empty"], "1\t.///empty\n");
    check(&["--inodes", "--th=2", "empty", "b"], "7\tb\n");
    check(&["--inodes", "--m=0", "--to", "a"], "5\ta\n5\ttotal\n");
    check(&["-ab", "-t", "K", "a/b"], "5000\ta/b/c/two.o\n5000\ta/b/c\n5000\ta/b\n");
    check(&["-sb", "-t", "+5k", "a/b"], "");
    check(&["-sb", "-t", "0x1388", "a/b"], "5000\ta/b\n");
    check(&["-s", "-A", "-B", "010", "a/b"], "625\ta/b\n");
}

#[test]
fn flags_without_effect_are_warned_about() {
    let dir = tempdir().unwrap();
    let root = dir.path().to_str().unwrap();
    let check = |args: &[&str], warning: &str| {
        let outcome = run("du", &[args, &[root]].concat());
        outcome.is(0, &format!("1\t{root}\n"), &format!("du: {warning}\n"));
    };
    check(&["--inodes", "-b"], "--apparent-size and -b have no effect with --inodes");
    check(&["--inodes", "-s", "-d", "0"], "-s already means --max-depth=0");
}

#[test]
fn a_closed_stdout_is_success_and_a_full_one_is_failure() {
    let dir = tree();
    let script = "\"$0\" -a . | head -1 >/dev/null; echo ${PIPESTATUS[0]}";
    let mut command = Command::new("bash");
    command.args(["-c", script]).arg(program("du")).current_dir(&dir);
    outcome(command).is(0, "0\n", "");
    let mut full = Command::new("sh");
    full.args(["-c", "exec \"$0\" >/dev/full"]).arg(program("du")).current_dir(&dir);
    assert_eq!(outcome(full).code(), 1);
}
