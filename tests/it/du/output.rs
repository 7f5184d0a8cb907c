//! du's output: the tree on a terminal, JSON, the book's totals, partial results on an interrupt.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command as StdCommand, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::support::{Process, command, outcome, pseudo_terminal, report_skipped, run};

fn tree() -> TempDir {
    let dir = tempdir().unwrap();
    for (name, len) in [("big/one", 400_000), ("big/two", 90_000), ("small/three", 10_000)] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![1; len]).unwrap();
    }
    for i in 0..600 {
        fs::create_dir_all(dir.path().join(format!("many/{}", i % 40))).unwrap();
        fs::write(dir.path().join(format!("many/{}/{i}", i % 40)), "x").unwrap();
    }
    dir
}

/// What du prints in `dir` on a terminal of the given size.
fn on_terminal(dir: &Path, args: &[&str], (columns, rows): (u16, u16), no_color: &str) -> String {
    let (mut master, terminal) = pseudo_terminal();
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).unwrap();
    let mut command = command("du", args);
    command.current_dir(dir).env("NO_COLOR", no_color).env("TERM", "xterm");
    let mut child = command.stdout(Stdio::from(terminal)).spawn().unwrap();
    drop(command); // closes our copy of the terminal
    let mut output = Vec::new();
    _ = master.read_to_end(&mut output); // ends with EIO when du has closed the terminal
    assert!(child.wait().unwrap().success());
    String::from_utf8(output).unwrap().replace("\r\n", "\n")
}

#[test]
fn a_terminal_gets_a_tree_of_its_size() {
    let dir = tree();
    for (columns, rows) in [(40, 10), (80, 24), (200, 60), (1, 1)] {
        let text = on_terminal(dir.path(), &["--threads", "4"], (columns, rows), "1");
        let lines: Vec<&str> = text.lines().collect();
        let expected = usize::from(rows.saturating_sub(2).max(1)).min(650);
        assert_eq!(lines.len(), expected, "{text}");
        assert!(!text.contains('\x1b'), "{text:?}");
        let is_narrow = |line: &&str| line.chars().count() <= usize::from(columns);
        assert!(columns < 40 || lines.iter().all(is_narrow), "{text}");
        assert!(lines[0].contains("100%") && lines[0].contains('.'), "{text}");
    }
    let colored = on_terminal(dir.path(), &["-n", "3"], (80, 24), "");
    assert!(colored.contains("\x1b[1;34m") && colored.lines().count() == 3, "{colored:?}");
}

#[test]
fn a_terminal_gets_lines_with_flags_of_gnu_du() {
    let dir = tree();
    for args in [&["-s"][..], &["--flat", "-d0"], &["-hs"], &["-S", "-d0"], &["-d0", "--time"]] {
        let text = on_terminal(dir.path(), args, (80, 24), "");
        assert!(text.ends_with("\t.\n") && text.lines().count() == 1, "{args:?}: {text}");
    }
}

#[test]
fn flags_about_what_is_counted_and_how_keep_the_tree() {
    let dir = tree();
    let all = "-d1|-x|-L|-l|-a|-h|-k|-b|-m|--si|-B1|--inodes|-A|-D|-P|--exclude=x|-t1|-d 2 -x";
    for args in all.split('|') {
        let args: Vec<&str> = args.split(' ').collect();
        let text = on_terminal(dir.path(), &args, (80, 24), "1");
        assert!(
            text.lines().next().is_some_and(|line| line.contains(" 100% █")),
            "{args:?}: {text}"
        );
    }
    let text = on_terminal(dir.path(), &["-d1", "-b"], (80, 24), "1");
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(names, [".", "big/", "small/", "many/"], "{text}");
    let text = on_terminal(dir.path(), &["-b", "-t", "50K"], (80, 24), "1");
    let names: Vec<&str> = text.lines().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(names, [".", "big/", "one", "two"], "{text}");
}

#[test]
fn filters_choose_the_files_that_count() {
    let dir = tree();
    let at = |name: &str| dir.path().join(name);
    std::os::unix::fs::symlink("one", at("big/link")).unwrap();
    let long_ago = fs::FileTimes::new().set_modified(std::time::UNIX_EPOCH);
    fs::File::options().write(true).open(at("small/three")).unwrap().set_times(long_ago).unwrap();
    let check = |args: &str, expected: &str| {
        for walker in ["openat", "ordered", "jwalk"] {
            let mut command = command("du", &["-ab", "--walker", walker]);
            command.args(args.split(' ')).current_dir(&dir);
            outcome(command).is(0, expected, "");
        }
    };
    check(
        "--only t[hw] .",
        "90000\t./big/two\n90000\t./big\n10000\t./small/three\n10000\t./small\n100000\t.\n",
    );
    check("--only ^big/one$ --only e/l big", "400000\tbig/one\n400000\tbig\n");
    check("--type l .", "3\t./big/link\n3\t./big\n3\t.\n");
    check("--type fl --min 10K big", "400000\tbig/one\n90000\tbig/two\n490000\tbig\n");
    check(
        "--newer 2000-01-01 big small",
        "3\tbig/link\n400000\tbig/one\n90000\tbig/two\n490003\tbig\n0\tsmall\n",
    );
    check("--newer 1h --min 400000 .", "400000\t./big/one\n400000\t./big\n400000\t.\n");
    check("--only nothing .", "0\t.\n");
    let mut command = command("du", &["--inodes", "--type", "d", "-s", "big", "many"]);
    command.current_dir(&dir);
    outcome(command).is(0, "1\tbig\n41\tmany\n", "");
    let tree = on_terminal(dir.path(), &["--only", "two"], (80, 24), "1");
    assert_eq!(tree.lines().count(), 3, "{tree}");
}

#[test]
fn every_walker_and_every_run_draws_the_same_tree() {
    let dir = tree();
    let stdout = |args: &[&str]| {
        let mut command = command("du", &["--tree", "-n", "30", "--apparent-size"]);
        let outcome = outcome({
            command.args(args).current_dir(&dir);
            command
        });
        assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
        outcome.stdout
    };
    let first = stdout(&[]);
    assert!(first.contains("├─ one\n") && first.contains("big/\n"), "{first}");
    for _ in 0..10 {
        assert_eq!(stdout(&[]), first);
    }
    for args in [["--walker", "ordered"], ["--walker", "jwalk"], ["--threads", "1"]] {
        assert_eq!(stdout(&args), first, "{args:?}");
    }
}

#[test]
fn json_has_errors_and_the_bytes_of_names_that_are_not_utf8() {
    let dir = tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    fs::write(dir.path().join(OsStr::from_bytes(b"a/\xffx")), [1; 5]).unwrap();
    let mut command = command("du", &["--json", "-a", "a", "missing"]);
    command.current_dir(&dir);
    let outcome = outcome(command);
    assert_eq!(outcome.code(), 1);
    let objects: Vec<Value> =
        outcome.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects[0]["path"], "a/\u{fffd}x");
    assert_eq!(objects[0]["path_bytes"], json!([97, 47, 255, 120]));
    let fields = |i: usize, names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| objects[i][name].clone()).collect()
    };
    assert_eq!(fields(0, &["bytes", "dir", "depth"]), [json!(5), json!(false), json!(1)]);
    assert_eq!(fields(1, &["path", "files", "errors"]), [json!("a"), json!(1), json!(0)]);
    assert!(objects[1]["disk_bytes"].is_u64() && objects[1].get("partial").is_none());
    assert_eq!(
        fields(2, &["path", "error"]),
        [json!("missing"), json!("No such file or directory (os error 2)")]
    );
    assert_eq!(objects.len(), 3);
}

#[test]
fn totals_are_those_of_the_lesson_du1() {
    let dir = tree();
    fs::hard_link(dir.path().join("big/one"), dir.path().join("small/one")).unwrap();
    let root = dir.path().to_str().unwrap();
    let lesson = run("du1", &[root]);
    assert_eq!(lesson.stdout, "604 files  0.0 GB\n");
    run("du", &["-v", root]).is(0, &lesson.stdout, "");
    let roots = ["big", "small", "big"].map(|name| format!("{root}/{name}"));
    let expected = roots.each_ref().map(|root| format!("{root}: 2 files  0.0 GB\n")).concat();
    run("du", &[&["-v".to_owned()], &roots[..]].concat()).is(0, &expected, "");
}

#[test]
fn signals_leave_partial_sums() {
    let check = |args: &[&str], is_marked: fn(&str) -> bool, signal: Signal| {
        // The whole file system a hundred times: counting is not finished when the signal arrives.
        // The error of the first root shows that counting has begun.
        let mut command = command("du", args);
        command.args(["-l", "--threads", "2", "/missing"]).args(vec!["/"; 100]);
        let mut process = Process::start(&mut command);
        assert!(process.stderr_line().unwrap().contains("/missing"));
        process.signal(signal);
        let outcome = process.wait();
        assert_eq!(outcome.status.signal(), Some(signal.as_raw()), "{args:?}");
        assert!(
            outcome.stdout.is_empty() || is_marked(&outcome.stdout),
            "{args:?}: {}",
            outcome.stdout
        );
    };
    check(&["-v"], |stdout| stdout.ends_with("/: 0 files  0.0 GB (partial)\n"), Signal::INT);
    check(&["-s"], |stdout| stdout.ends_with("\t/ (partial)\n"), Signal::TERM);
    check(&["-sc"], |stdout| stdout.ends_with("\ttotal (partial)\n"), Signal::INT);
    check(&["--tree", "-n", "1"], |stdout| stdout.ends_with(" / (partial)\n"), Signal::TERM);
    check(&["--json", "-d0"], |stdout| stdout.ends_with(",\"partial\":true}\n"), Signal::INT);
}

/// The terminal writes `^C` behind the progress line, which must not scroll away with it.
#[test]
fn an_interrupt_leaves_nothing_of_the_progress_line() {
    let (mut master, terminal) = pseudo_terminal();
    tcsetwinsize(&master, Winsize { ws_row: 9, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let mut command = command("du", &["-ls"]);
    command.args(vec!["/usr"; 200]).env("TERM", "xterm").stdout(Stdio::null()).stderr(terminal);
    let mut child = command.spawn().unwrap();
    drop(command); // closes our copy of the terminal
    let size = |n| NonZero::new(n).unwrap();
    let mut screen = vt100::Parser::new(size(9), size(60), 0);
    let (mut bytes, mut is_interrupted) = ([0; 4096], false);
    while let Ok(n @ 1..) = master.read(&mut bytes) {
        screen.process(&bytes[..n]);
        if screen.screen().contents().contains(" files, ") && !is_interrupted {
            master.write_all(b"\x03").unwrap(); // echoed; a signal needs a controlling terminal
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
            is_interrupted = true;
        }
    }
    assert_eq!(child.wait().unwrap().signal(), Some(Signal::INT.as_raw()));
    let contents = screen.screen().contents();
    assert!(is_interrupted && !contents.contains("files"), "{contents}");
}

#[test]
fn what_du_itself_opens_below_proc_is_no_error() {
    for walker in ["openat", "ordered", "jwalk"] {
        let outcome = run("du", &["-s", "--walker", walker, "/proc/self/task", "/proc/self/"]);
        assert!(!outcome.stderr.contains("(os error 2)"), "{walker}: {}", outcome.stderr);
    }
}

/// A folder for LOCPATH with a locale `xx_XX.utf8` that writes 1.234.567,8; or what the C library
/// needs of it.
fn locales() -> TempDir {
    let dir = tempdir().unwrap();
    let locale = dir.path().join("xx_XX.utf8");
    fs::create_dir(&locale).unwrap();
    let head = [0x2003_1114, 3, 20, 22, 24].map(u32::to_ne_bytes);
    fs::write(locale.join("LC_NUMERIC"), [&head.concat()[..], b",\0.\0\x03\0"].concat()).unwrap();
    dir
}

#[test]
fn numbers_are_written_as_in_the_locale() {
    let (dir, locales) = (tempdir().unwrap(), locales());
    fs::File::create(dir.path().join("f")).unwrap().set_len(1_500_000).unwrap();
    let check = |variables: &[(&str, &str)], args: &[&str], expected: &str| {
        let mut command = command("du", args);
        command.args(["-A", "f"]).current_dir(&dir).env("LOCPATH", locales.path());
        for name in ["LC_ALL", "LC_NUMERIC", "LANG"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        outcome(command).is(0, expected, "");
    };
    check(&[], &["-h"], "1.5M\tf\n");
    check(&[("LANG", "xx_XX.UTF-8")], &["-h"], "1,5M\tf\n");
    check(&[("LC_NUMERIC", "xx_XX.utf8"), ("LANG", "C")], &["--si"], "1,5M\tf\n");
    check(&[("LC_ALL", "C"), ("LANG", "xx_XX.utf8")], &["-h"], "1.5M\tf\n");
    check(&[("LC_ALL", ""), ("LANG", "xx_XX.utf8")], &["-h"], "1,5M\tf\n");
    // setlocale(3) changes nothing if one of the locales is not installed.
    check(&[("LC_CTYPE", "yy_YY.utf8"), ("LANG", "xx_XX.utf8")], &["-h"], "1.5M\tf\n");
    check(&[("LANG", "yy_YY.utf8")], &["-h"], "1.5M\tf\n");
    check(&[("LC_ALL", "xx_XX.utf8")], &["-B", "'1"], "1.500.000\tf\n");
    check(&[("LC_ALL", "xx_XX.utf8")], &["-B", "'kB"], "1.500kB\tf\n");
    check(&[("LC_ALL", "xx_XX.utf8"), ("BLOCK_SIZE", "'1")], &[], "1.500.000\tf\n");
    check(&[("BLOCK_SIZE", "'1")], &[], "1500000\tf\n");
    check(&[("DU_BLOCK_SIZE", "0x3e8")], &[], "1500\tf\n");
}

/// The locales of this machine and of GNU du, if both are there.
#[test]
fn numbers_are_those_of_gnu_du_in_every_locale() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join("f"), vec![1; 1_234_567]).unwrap();
    let locales = StdCommand::new("locale").arg("-a").output();
    let locales = locales.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let locales = locales.unwrap_or_default();
    let gnu = StdCommand::new("du").arg("--version").output();
    if !gnu.is_ok_and(|gnu| gnu.stdout.starts_with(b"du (GNU")) || locales.lines().count() < 4 {
        report_skipped("there is no GNU du, or no locale but C");
        return;
    }
    // Other character sets have other bytes for a space.
    for locale in locales.lines().filter(|name| name.strip_suffix(".utf8").is_some()) {
        for args in [["-h", "f"], ["-B'1", "f"], ["-B'human-readable", "f"]] {
            let in_locale = |mut command: StdCommand| {
                command.arg("--apparent-size").args(args).current_dir(&dir).env("LC_ALL", locale);
                String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned()
            };
            let theirs = in_locale(StdCommand::new("du"));
            assert_eq!(in_locale(command("du", &[""; 0])), theirs, "{locale} {args:?}");
        }
    }
}
