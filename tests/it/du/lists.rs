//! du's --files0-from and --exclude-from; messages are in GNU du's words.

use std::fs;

use tempfile::{TempDir, tempdir};

use crate::support::{command, outcome, run_with};

fn dirs() -> TempDir {
    let dir = tempdir().unwrap();
    for name in ["a/b", "c", "d.o"] {
        fs::create_dir_all(dir.path().join(name)).unwrap();
    }
    dir
}

#[test]
fn names_come_from_a_file_or_stdin() {
    let dir = dirs();
    let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (a, c, list) = (at("a"), at("c"), at("list"));
    let input = format!("{a}\0{c}/\0{a}\0");
    fs::write(&list, &input).unwrap();
    let expected = format!("2\t{a}\n1\t{c}/\n");
    let from = format!("--files0-from={list}");
    outcome(command("du", &["--inodes", "-s", &from])).is(0, &expected, "");
    run_with("du", &["--inodes", "-s", "--files0-from=-"], input.as_bytes()).is(0, &expected, "");
    run_with("du", &["--inodes", "-s", "--files0-from=-"], b"").is(0, "", "");
    // As for GNU du, a name without a NUL at the end of the input is one.
    run_with("du", &["--inodes", "-s", "--files0-from=-"], a.as_bytes()).is(
        0,
        &format!("2\t{a}\n"),
        "",
    );
}

#[test]
fn wrong_names_are_reported_and_the_others_counted() {
    let dir = dirs();
    let a = dir.path().join("a").to_str().unwrap().to_owned();
    let check = |from: &str, input: &str, stdout: &str, stderr: &str, code: i32| {
        let from = format!("--files0-from={from}");
        run_with("du", &["--inodes", "-s", &from], input.as_bytes()).is(code, stdout, stderr);
    };
    let one_error = "du: 1 error: sizes do not include what could not be read\n";
    let counted = format!("2\t{a}\n");
    let error = format!("du: -:2: invalid zero-length file name\n{one_error}");
    check("-", &format!("{a}\0\0"), &counted, &error, 1);
    let error = "du: when reading file names from stdin, no file name of '-' allowed\n";
    check("-", &format!("-\0{a}\0"), &counted, &format!("{error}{one_error}"), 1);
    let error = "du: cannot open '/missing' for reading: No such file or directory (os error 2)\n";
    check("/missing", "", "", error, 1);
    let args = ["--files0-from=-", "x"];
    let error =
        "du: extra operand 'x': file operands cannot be combined with --files0-from (try --help)\n";
    run_with("du", &args, b"").is(2, "", error);
}

#[test]
fn patterns_come_from_files() {
    let dir = dirs();
    let list = dir.path().join("list");
    fs::write(&list, "*.o \n\nb\t").unwrap();
    let mut command = command("du", &["--inodes", "-X", "list", "--exclude-from=list", "a", "d.o"]);
    command.current_dir(&dir);
    outcome(command).is(0, "1\ta\n", "");
    run_with("du", &["--inodes", "-X", "-", dir.path().to_str().unwrap()], b"?*").is(0, "", "");
    let error = "du: /missing: No such file or directory (os error 2)\n";
    run_with("du", &["-X", "/missing"], b"").is(1, "", error);
}
