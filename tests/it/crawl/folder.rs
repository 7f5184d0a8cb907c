//! `crawl check DIR`: a folder without a server, judged by the same folder behind a server.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::support::{Outcome, Process, as_user, outcome, report_skipped, run};

/// Writes files, creating the folders that they are in.
fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn check(dir: &Path, args: &[&str]) -> Outcome {
    run("crawl", &[&["check"], args, &[dir.to_str().unwrap()]].concat())
}

#[test]
fn links_lead_where_a_server_would_lead_them() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path();
    let links = "<a href=sub>redirected</a> <a href=/sub/>root</a> <a href='a%20b.html?q#x'>\
        <a href=A%20b.html>case</a> <a href=../../sub/two.html>above the root</a>\
        <a href=sub/none>missing</a> <a href=empty/>empty</a> <a href='a%20b.html#y'>\
        <a href=..%2fa%20b.html> <a href=sub/two.html/> <a href=plain> <a href=/sub/../sub#top>";
    write(
        dir,
        &[
            ("index.html", links),
            ("a b.html", "<p id=x>"),
            ("sub/index.html", "<a href=two.html> <a href=gone.html>"),
            ("sub/two.html", "<a href=../index.html>"),
            (
                "orphan/page.xhtml",
                "<html xmlns='http://www.w3.org/1999/xhtml'><a href='no'/></html>",
            ),
            ("plain", "<!doctype html><a href=none.html>sniffed</a>"),
            (".hidden/page.html", "<a href=none>"),
        ],
    );
    fs::create_dir(dir.join("empty")).unwrap();
    let name = |file: &str| dir.join(file).display().to_string();
    let expected = [
        &*name("index.html"),
        "    /..%2fa%20b.html: 404 Not Found",
        "    /A%20b.html: 404 Not Found",
        "    /a%20b.html?q#y: no such fragment",
        "    /empty/: the folder has no index.html",
        "    /sub/none: 404 Not Found",
        "    /sub/two.html/: 404 Not Found",
        &name("orphan/page.xhtml"),
        "    /orphan/no: 404 Not Found",
        &name("plain"),
        "    /none.html: 404 Not Found",
        &name("sub/index.html"),
        "    /sub/gone.html: 404 Not Found",
    ];
    let expected = expected.join("\n").replace("?q#y", "#y") + "\n";
    check(dir, &[]).is(1, &expected, "");
    let outcome = check(dir, &["--from-index"]);
    assert!(!outcome.stdout.contains("orphan"), "{outcome:?}");
    // Two pages have two URLs each.
    let outcome = check(dir, &["--stats", "--json"]);
    assert!(outcome.stderr.starts_with("crawl: 8 pages, "), "{outcome:?}");
    assert!(outcome.stdout.contains(r#""url":"/sub/gone.html""#), "{outcome:?}");
}

#[test]
fn a_folder_below_a_path_of_its_site() {
    let temp = tempfile::tempdir().unwrap();
    let page = "<a href=/docs/b> <a href=/docs/sub/> <a href=/blog/> <a href=/docs> <a href=../x>\
        <a href=https://example.org/docs/c>";
    write(temp.path(), &[("index.html", page), ("sub/index.html", "")]);
    let index = temp.path().join("index.html").display().to_string();
    let expected = format!("{index}\n    /docs/b: 404 Not Found\n");
    check(temp.path(), &["--root-url", "/docs/"]).is(1, &expected, "");
    let url = "https://example.org/docs/";
    let expected = format!("{url}\n    {url}b: 404 Not Found\n    {url}c: 404 Not Found\n");
    check(temp.path(), &["--root-url", "https://example.org/docs"]).is(1, &expected, "");
}

#[test]
fn what_cannot_be_read_is_said() {
    let temp = tempfile::tempdir().unwrap();
    fs::set_permissions(temp.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let dir = temp.path().join("site");
    write(&dir, &[("index.html", "<a href=pipe>"), ("secret.html", ""), ("locked/index.html", "")]);
    for (name, mode) in [("secret.html", 0o000), ("locked", 0o000)] {
        fs::set_permissions(dir.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(dir.join("pipe")).status().unwrap().success());
    symlink("..", dir.join("circle")).unwrap();
    symlink("nowhere.html", dir.join("dangling.html")).unwrap();
    let outcome = outcome(as_user("crawl", &["check", dir.to_str().unwrap()], temp.path()));
    let denied = "Permission denied (os error 13)";
    let expected = format!(
        "start URLs\n    /dangling.html: 404 Not Found\n    /locked/: {denied}\n    \
         /secret.html: {denied}\n{}\n    /pipe: not a regular file\n",
        dir.join("index.html").display()
    );
    fs::set_permissions(dir.join("locked"), PermissionsExt::from_mode(0o700)).unwrap();
    outcome.is(1, &expected, "");
}

#[test]
fn a_folder_that_cannot_be_checked_is_refused_in_one_line() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().to_str().unwrap();
    let outcome = check(temp.path(), &[]);
    outcome.is(1, "", &format!("crawl: {dir}: no pages (.html, .htm, .xhtml)\n"));
    write(temp.path(), &[("index.html", "")]);
    let file = format!("{dir}/index.html");
    for (args, code) in [
        (&["mirror", "copy", dir][..], 2),
        (&[dir], 2),
        (&["check", &file], 2),
        (&["check", dir, dir], 1),
        (&["check", dir, "http://127.0.0.1:1/"], 1),
        (&["check", "--root-url", "docs", dir], 1),
    ] {
        let outcome = run("crawl", args);
        assert_eq!((outcome.code(), &*outcome.stdout), (code, ""), "{args:?} {outcome:?}");
        assert_eq!(outcome.stderr.lines().count(), 1, "{args:?} {outcome:?}");
    }
    check(temp.path(), &[]).is(0, "", "");
}

/// Names of pages and folders that need care.
const NAMES: [&str; 8] = ["a", "A", "b c", "d%41", "\u{fc}", "e?f", "g#h", "i+j"];

/// A link as somebody might write it: most lead to a page, if some to a fragment that is not there.
fn link(rng: &mut StdRng) -> String {
    let name = |rng: &mut StdRng| NAMES[rng.random_range(0..NAMES.len())];
    let encoded = |name: &str| {
        name.replace('%', "%25").replace('?', "%3F").replace('#', "%23").replace(' ', "%20")
    };
    let start = ["", "/", "../", "./", "/../", "../../"][rng.random_range(0..6)];
    let mut link = start.to_owned();
    for _ in 0..rng.random_range(0..3) {
        link += &(encoded(name(rng)) + "/");
    }
    link += &match rng.random_range(0..6) {
        0 => String::new(),
        1 => encoded(name(rng)),
        2 => "index.html".to_owned(),
        _ => encoded(name(rng)) + ".html",
    };
    if rng.random_bool(0.2) {
        link += "?query=a/b";
    }
    if rng.random_bool(0.3) {
        link += ["#x", "#y", "#%78", "#none"][rng.random_range(0..4)];
    }
    link
}

fn page(rng: &mut StdRng) -> String {
    let links: Vec<String> =
        (0..8).map(|_| format!("<a href=\"{}\">link</a>", link(rng))).collect();
    format!("<!doctype html><meta charset=utf-8><p id=x><p id=y>{}", links.concat())
}

/// Writes pages into `dir` and folders below it, `depth` levels deep.
fn write_site(dir: &Path, depth: u32, rng: &mut StdRng) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("index.html"), page(rng)).unwrap();
    for name in NAMES {
        if rng.random_bool(0.7) {
            fs::write(dir.join(format!("{name}.html")), page(rng)).unwrap();
        }
        if depth > 0 && rng.random_bool(0.3) {
            write_site(&dir.join(name), depth - 1, rng);
        }
    }
}

/// Python's server of the files in `dir`, and its URL; `None` where there is no Python.
fn python_server(dir: &Path) -> Option<(Process, String)> {
    if !Command::new("python3").arg("-V").stdout(Stdio::null()).status().is_ok_and(|s| s.success())
    {
        report_skipped("no python3");
        return None;
    }
    let mut command = Command::new("python3");
    command.args(["-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory"]).arg(dir);
    let process = Process::start(command.stdin(Stdio::null()));
    let line = process.line().expect("it announces its port");
    let port = line.split(' ').nth(5).unwrap().to_owned();
    Some((process, format!("http://127.0.0.1:{port}/")))
}

#[test]
fn a_folder_and_its_server_give_the_same_report() {
    for seed in 0..4 {
        let temp = tempfile::tempdir().unwrap();
        let mut rng = StdRng::seed_from_u64(seed);
        write_site(temp.path(), 2, &mut rng);
        let Some((_server, url)) = python_server(temp.path()) else { return };
        let served = run("crawl", &["check", "--assets", &url]);
        let folder = check(temp.path(), &["--assets", "--from-index", "--root-url", &url]);
        assert!(served.lines().len() > 20, "seed {seed}: {served:?}");
        assert_eq!(folder.stdout, served.stdout, "seed {seed}");
        assert_eq!((folder.code(), &folder.stderr), (served.code(), &served.stderr));
    }
}
