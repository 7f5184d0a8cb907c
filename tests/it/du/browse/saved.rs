//! Scans that are saved and opened again, with ncdu on the other side if that is installed.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::tempdir;

use super::session::{Session, text};
use super::tree;
use crate::support::{report_skipped, run, run_with};

/// The lines of a scan without what one of two formats lacks.
fn comparable(json_lines: &str) -> Vec<Value> {
    let lines = json_lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.collect()
}

#[test]
fn both_formats_keep_a_scan_whole() {
    let dir = tree();
    let root = dir.path().join("root");
    let json = run("du", &["browse", "--json", text(&root)]).stdout;
    let ncdu = run("du", &["browse", "--ncdu", text(&root)]).stdout;
    let from = |input: &str, format: &str| {
        let args = ["browse", "--from", "-", format];
        let converted = run_with("du", &args, input.as_bytes());
        assert_eq!((converted.code(), &*converted.stderr), (0, ""));
        converted.stdout
    };
    assert_eq!(from(&json, "--json"), json);
    assert_eq!(comparable(&from(&ncdu, "--json")), comparable(&json));
    let without_header = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(without_header(&from(&json, "--ncdu")), without_header(&ncdu));
    serde_json::from_str::<Value>(&ncdu).unwrap();
}

#[test]
fn the_lines_of_du_are_opened() {
    let dir = tree();
    let root = dir.path().join("root");
    let expected = run("du", &["-s", "-B1", text(&root)]).stdout;
    for args in [&["-a", "--json"][..], &["--json"], &["--json", "-d1"], &["-aS", "--json"]] {
        let saved = run("du", &[args, &[text(&root)]].concat()).stdout;
        let args = ["browse", "--from", "-", "--json"];
        let opened = run_with("du", &args, saved.as_bytes());
        let last: Value = serde_json::from_str(opened.lines().last().unwrap()).unwrap();
        let total = format!("{}\t{}\n", last["disk_bytes"], text(&root));
        assert_eq!(total, expected, "{args:?}");
    }
    let both = run("du", &["-a", "--json", text(&root.join("big")), text(&root.join("empty"))]);
    let path = dir.path().join("saved");
    fs::write(&path, both.stdout).unwrap();
    let session = Session::start(&["--from", text(&path)]);
    session.wait_for_text("big/");
    session.wait_for_text("empty/");
}

#[test]
fn a_saved_scan_is_read_only() {
    let dir = tree();
    let path = dir.path().join("saved");
    let root = dir.path().join("root");
    fs::write(&path, run("du", &["browse", "--ncdu", text(&root)]).stdout).unwrap();
    let mut session = Session::start(&["--from", text(&path)]);
    session.wait_for_names(&["big/", "small/", "short", "empty/", "link"]);
    session.wait_for_text("read-only");
    session.press("d");
    session.wait_for_text("a saved scan is read-only");
    session.press("r");
    session.wait_for_text("a scan can be repeated when it is live");
    session.press("q");
    assert_eq!(session.wait().code(), Some(0));
    assert!(root.join("big/a.log").exists());
}

#[test]
fn ncdu_and_du_open_each_others_scans() {
    let version = Command::new("ncdu").arg("-v").output();
    if version.is_err() {
        return report_skipped("there is no ncdu");
    }
    let dir = tree();
    let root = dir.path().join("root");
    let theirs = dir.path().join("theirs");
    let status = Command::new("ncdu").args(["-0", "-e", "-o"]).arg(&theirs).arg(&root).status();
    assert!(status.unwrap().success());
    let own = run("du", &["browse", "--json", text(&root)]).stdout;
    let read = run("du", &["browse", "--json", "--from", text(&theirs)]).stdout;
    // ncdu counts directories with their own lengths, and keeps inodes of hard links only.
    let files = |text: &str| {
        let keys = ["path", "bytes", "disk_bytes", "mtime"];
        let lines = comparable(text).into_iter().filter(|line| line["dir"] == false);
        lines.map(|line| keys.map(|key| line[key].clone())).collect::<Vec<_>>()
    };
    assert_eq!(files(&read), files(&own));
    // The other way: ncdu reads ours, and what it writes again says the same.
    let ours = dir.path().join("ours");
    let again = dir.path().join("again");
    fs::write(&ours, run("du", &["browse", "--ncdu", text(&root)]).stdout).unwrap();
    let convert = ["-0", "-e", "-f", text(&ours), "-o", text(&again)];
    assert!(Command::new("ncdu").args(convert).status().unwrap().success());
    let read = run("du", &["browse", "--json", "--from", text(&again)]).stdout;
    assert_eq!(files(&read), files(&own));
}

#[test]
fn damaged_scans_are_one_line() {
    let check = |input: &[u8], message: &str| {
        let args = ["browse", "--json", "--from", "-"];
        run_with("du", &args, input).is(1, "", &format!("du: stdin: {message}\n"));
    };
    check(b"", "it is neither du's JSON nor an export of ncdu");
    check(b" \n x", "it is neither du's JSON nor an export of ncdu");
    check(b"\x1f\x8b\x08", "it is compressed: unpack it first");
    check(b"[1,2,{},\n[{\"name\":\"/\"},\n{\"name\":\"a\"}", "line 3: it breaks off");
    check(b"[1,2,{},[{\"name\":\"/\"},{\"na", "line 1: it breaks off");
    check(b"[2,0,{},[{\"name\":\"/\"}]]", "line 1: version 2 of ncdu's format is not known");
    check(b"[1,2,{},[{}]]", "line 1: missing field `name` at line 1 column 2");
    check(b"[1,2,{},{\"name\":\"/\"}]", "line 1: a bracket is expected, not an object");
    check(b"{\"path\":\"a\"}\n{\"path\":", "line 2: EOF while parsing a value at line 1 column 8");
    check(b"{\"path\":\"a\",\"error\":\"gone\"}", "it has no entries");
    let deep = format!("[1,2,{{}},{}{}]", "[{\"name\":\"d\"},".repeat(1_000), "]".repeat(1_000));
    let opened = run_with("du", &["browse", "--json", "--from", "-"], deep.as_bytes());
    assert_eq!((opened.code(), opened.lines().len()), (0, 1_000));
}

#[test]
fn sizes_of_any_magnitude_are_kept() {
    let dir = tempdir().unwrap();
    let path = dir.path().join("saved");
    let files = "{\"name\":\"f\",\"asize\":18446744073709551615,\"dsize\":5000000000001,\"ino\":1,\
                  \"dev\":99,\"mtime\":-5},{\"name\":\"\u{e4}\\u0007\\\"\",\"mtime\":9000000000}";
    fs::write(&path, format!("[1,2,{{}},[{{\"name\":\"/\",\"dev\":7}},{files}]]")).unwrap();
    let opened = run("du", &["browse", "--ncdu", "--from", text(Path::new(&path))]);
    assert!(opened.stdout.contains("\"asize\":18446744073709551615"), "{opened:?}");
    assert!(opened.stdout.contains("\"dsize\":5000000000512"), "{opened:?}"); // blocks of 512
    assert!(opened.stdout.contains("\"dev\":99,\"ino\":1,\"mtime\":-5"), "{opened:?}");
    assert!(opened.stdout.contains("{\"name\":\"\u{e4}\\u0007\\\"\",\"mtime\":9000000000}"));
}
