//! Names on stdin are worked on as they come.

use std::fs;

use super::{folder, jpeg, names};
use crate::support::{DEADLINE, Process, command, run_with};

/// As gopl.io/ch8/thumbnail answers: a line for each name, before the next one is written.
#[test]
fn a_thumbnail_is_made_while_the_pipe_is_open() {
    let photo = jpeg(300, 200);
    for strategy in ["sequential", "threads", "channel", "rayon"] {
        for threads in ["1", "3"] {
            let dir = folder(&[("a.jpg", &photo), ("b.jpg", &photo)]);
            let path = |name: &str| dir.path().join(name).display().to_string();
            let args = ["--strategy", strategy, "-j", threads];
            let mut process = Process::with_open_stdin("thumbnail", &args);
            // The last name: its image has changed, and its thumbnail is made again.
            for name in ["a", "b", "a"] {
                process.send(format!("{}\n", path(&format!("{name}.jpg"))).as_bytes());
                let thumb = path(&format!("{name}.thumb.jpg"));
                assert_eq!(process.line().as_ref(), Some(&thumb), "{strategy} {threads}");
                assert!(fs::metadata(&thumb).is_ok_and(|info| info.len() > 0));
            }
            process.close_stdin();
            let ended = process.wait();
            assert_eq!((ended.code(), &*ended.stderr), (0, ""), "{ended:?}");
        }
    }
}

#[test]
fn errors_come_at_once_and_in_their_place() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200)), ("bad.jpg", b"not an image")]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    let mut process = Process::with_open_stdin("thumbnail", &["--json", "--ordered"]);
    for (name, status) in [("bad.jpg", "failed"), ("gone.jpg", "failed"), ("a.jpg", "made")] {
        process.send(format!("{}\n", path(name)).as_bytes());
        let line = process.line().unwrap();
        let record: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(record["status"], status, "{line}");
        assert_eq!(record["image"], path(name), "{line}");
    }
    process.close_stdin();
    assert_eq!(process.wait().code(), 1);
}

#[test]
fn names_may_end_with_nul() {
    let dir = folder(&[("a\nb.jpg", &jpeg(30, 20)), ("c.jpg", &jpeg(30, 20))]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    let input = format!("{}\0{}\0", path("a\nb.jpg"), path("c.jpg"));
    let made = run_with("thumbnail", &["-0", "--ordered"], input.as_bytes());
    made.is(0, &format!("{}\n{}\n", path("a\nb.thumb.jpg"), path("c.thumb.jpg")), "");
    let last = path("c.jpg"); // without an end
    let made = run_with("thumbnail", &["--null"], last.as_bytes());
    made.is(0, &format!("{}\n", path("c.thumb.jpg")), "");
    let wrong = run_with("thumbnail", &["-0", &last], b"");
    assert_eq!((wrong.code(), wrong.stderr.lines().count()), (2, 1), "{wrong:?}");
}

/// What a program tells that watches the folder in which thumbnails are made.
#[test]
fn thumbnails_of_ours_are_not_made_smaller_again() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200))]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    let output = path("small-{stem}.{ext}");
    let mut process = Process::with_open_stdin("thumbnail", &["-o", &output]);
    process.send(format!("{}\n", path("a.jpg")).as_bytes());
    assert_eq!(process.line(), Some(path("small-a.jpg")));
    process.send(format!("{}\n{}\n", path("small-a.jpg"), dir.path().display()).as_bytes());
    process.close_stdin();
    let ended = process.wait();
    assert_eq!((ended.code(), &*ended.stderr), (0, ""), "{ended:?}");
    assert_eq!(names(dir.path()).len(), 2, "{:?}", names(dir.path()));
}

#[test]
fn an_original_named_before_or_later_is_not_replaced() {
    let photo = jpeg(300, 200);
    let dir = folder(&[("x.jpg", &photo), ("in/x.jpg", &photo)]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    let output = path("{stem}.{ext}");
    let check = |force: &[&str], names: [&str; 2], message: &str| {
        let mut process =
            Process::with_open_stdin("thumbnail", &[force, &["-o", &output, "--ordered"]].concat());
        for name in names {
            process.send(format!("{}\n", path(name)).as_bytes());
            let line = process.stderr_line().unwrap();
            assert!(line.ends_with(message) || line.contains("would overwrite"), "{line}");
        }
        process.close_stdin();
        assert_eq!(process.wait().code(), 1);
        for name in ["x.jpg", "in/x.jpg"] {
            assert!(fs::read(path(name)).unwrap() == photo, "{name} {force:?}");
        }
    };
    check(&[], ["in/x.jpg", "x.jpg"], "exists and is not a thumbnail made by this tool");
    check(&["--force"], ["x.jpg", "in/x.jpg"], "its thumbnail would overwrite an image");
}

#[test]
fn it_ends_when_its_reader_has_gone_though_more_names_may_come() {
    let photo = jpeg(30, 20);
    let dir = folder(&[("a.jpg", &photo)]);
    for strategy in ["sequential", "threads", "channel", "rayon"] {
        let mut command = command("thumbnail", &["--strategy", strategy]);
        let (reader, writer) = std::io::pipe().unwrap();
        let (input, mut names) = std::io::pipe().unwrap();
        let mut child = command.stdout(writer).stdin(input).spawn().unwrap();
        drop(command); // and with it our copies of the pipes
        drop(reader);
        let line = format!("{}\n", dir.path().join("a.jpg").display());
        std::io::Write::write_all(&mut names, line.as_bytes()).unwrap();
        let (ended, wait) = crossbeam::channel::bounded(1);
        std::thread::spawn(move || _ = ended.send(child.wait().unwrap()));
        let status = wait.recv_timeout(DEADLINE).expect("it still waits for names");
        assert!(status.success(), "{strategy} {status:?}");
    }
}
