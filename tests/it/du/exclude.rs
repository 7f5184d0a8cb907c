//! du's --exclude: what matches is neither counted nor looked at.

use std::ffi::OsString;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tempfile::tempdir;

use super::has_gnu_du;
use crate::support::{as_user, command, outcome};

const WALKERS: [&str; 3] = ["openat", "ordered", "jwalk"];

#[test]
fn what_is_excluded_is_not_reported_if_it_cannot_be_read() {
    let dir = tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    fs::create_dir_all(at("unknown/file")).unwrap();
    fs::create_dir_all(at("closed/below")).unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    // The names in `unknown` can be listed, but not looked up.
    fs::set_permissions(at("unknown"), Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(at("closed"), Permissions::from_mode(0o0)).unwrap();
    let check = |args: &[&str], status: i32, errors: &[&str]| {
        for walker in WALKERS {
            let args = [&["--inodes", "-s", "--exclude=du", "--walker", walker], args].concat();
            let mut command = as_user("du", &args, dir.path());
            command.current_dir(dir.path());
            let outcome = outcome(command);
            let lines = outcome.stderr.lines();
            let lines: Vec<&str> = lines.filter(|line| line.contains("(os error")).collect();
            assert_eq!(
                (outcome.code(), lines.len()),
                (status, errors.len()),
                "{args:?}: {lines:?}"
            );
            for error in errors {
                assert!(lines.iter().any(|line| line.contains(error)), "{args:?}: {lines:?}");
            }
        }
    };
    // As GNU du 9.1 with the same arguments.
    check(&["."], 1, &["./unknown/file: ", "./closed: "]);
    check(&["--exclude=file", "."], 1, &["./closed: "]);
    check(&["--exclude=file", "--exclude=closed", "."], 0, &[]);
    check(&["--exclude=closed", "unknown"], 1, &["unknown/file: "]);
    check(&["--exclude=closed", "--exclude=unknown", "-L", "."], 1, &["./dangling: "]);
    check(&["--exclude=[cd]*", "--exclude=unknown", "-L", "."], 0, &[]);
    check(&["--exclude=miss*", "missing", "--exclude=unknown/file", "unknown"], 0, &[]);
    check(&["--exclude=miss*", "--exclude=unknown", "missing", "dangling"], 0, &[]);
}

#[test]
fn an_excluded_argument_prints_nothing() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    for mode in ["--flat", "--json", "--tree"] {
        let mut command = command("du", &["--exclude=a", mode, "a", "./a"]);
        outcome({
            command.current_dir(&dir);
            command
        })
        .is(0, "", "");
    }
}

/// What the names are made of.
const NAME_PARTS: [&[u8]; 17] = [
    b"a",
    b"b",
    b"z",
    b"A",
    b"5",
    b"-",
    b"[",
    b"]",
    b"!",
    b"^",
    b"\\",
    b"*",
    "ä".as_bytes(),
    b" ",
    b"=",
    b":",
    b"\xff",
];

/// What the patterns are made of; doubled parts are twice as likely.
const PATTERN_PARTS: [&[u8]; 40] = [
    b"a",
    b"b",
    b"z",
    b"A",
    b"5",
    b"-",
    b"-",
    b"[",
    b"[",
    b"]",
    b"]",
    b"!",
    b"^",
    b"\\",
    b"*",
    b"?",
    b"[:alpha:]",
    b"[:digit:]",
    b"[:upper:]",
    b"[:punct:]",
    b"[:space:]",
    b"[:graph:]",
    b"[:xx:]",
    b"[=a=]",
    b"[.a.]",
    b"[.-.]",
    b"[=",
    b"[.",
    b"[:",
    b":]",
    b"=]",
    b".]",
    b".",
    b"=",
    b":",
    "ä".as_bytes(),
    b" ",
    b"[a-z]",
    b"[]a]",
    b"\xff",
];

/// 250 patterns for 400 names: 100,000 pairs, half of the patterns malformed. GNU du 9.1 calls
/// fnmatch(3) of the C library.
#[test]
fn patterns_match_as_in_gnu_du() {
    if !has_gnu_du() {
        return;
    }
    let mut random = StdRng::seed_from_u64(5);
    let mut text = |parts: &[&[u8]], n_max: usize| {
        let n = random.random_range(1..=n_max);
        (0..n).flat_map(|_| parts.choose(&mut random).unwrap().to_vec()).collect::<Vec<u8>>()
    };
    let dir = tempdir().unwrap();
    let mut n_names = 0;
    while n_names < 400 {
        let name = text(&NAME_PARTS, 4);
        n_names += i32::from(File::create_new(dir.path().join(OsString::from_vec(name))).is_ok());
    }
    for i in 0..250 {
        let inner = text(&PATTERN_PARTS, 7);
        let pattern = if i % 2 == 0 { inner } else { [b"[", &*inner, b"]"].concat() };
        let exclude = OsString::from_vec([b"--exclude=", &*pattern].concat());
        let names = |mut command: Command| {
            command.args(["-a0", "--inodes"]).arg(&exclude).arg(".").current_dir(&dir);
            let stdout = command.env("LC_ALL", "C.UTF-8").output().unwrap().stdout;
            let mut lines: Vec<Vec<u8>> = stdout.split(|byte| *byte == 0).map(Vec::from).collect();
            lines.sort_unstable();
            lines
        };
        let is_same = names(command("du", &["--threads=1"])) == names(Command::new("du"));
        assert!(is_same, "{:?}", String::from_utf8_lossy(&pattern));
    }
}
