//! du's --exclude: what matches is neither counted nor looked at.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use tempfile::tempdir;

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
