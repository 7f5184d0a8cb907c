//! 8.5: thumbnails1 to thumbnails6, and the worker pool.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use image::{ImageFormat, RgbImage};
use tempfile::TempDir;

use crate::support::{Outcome, command, outcome, run};

const ALL: [&str; 6] =
    ["thumbnails1", "thumbnails2", "thumbnails3", "thumbnails4", "thumbnails5", "thumbnails6"];

/// Two JPEGs, one without extension, and a PNG.
const NAMES: [&str; 4] = ["wide.jpg", "tall.JPEG", "noext", "dots.and.png"];
const THUMBS: [&str; 4] =
    ["wide.thumb.jpg", "tall.thumb.JPEG", "noext.thumb", "dots.and.thumb.png"];

fn photos() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, (width, height)) in NAMES.iter().zip([(400, 200), (200, 400), (50, 20), (300, 300)])
    {
        let image = RgbImage::from_fn(width, height, |x, y| {
            image::Rgb([x.to_le_bytes()[0], y.to_le_bytes()[0], 99])
        });
        let format = if name.ends_with("png") { ImageFormat::Png } else { ImageFormat::Jpeg };
        image.save_with_format(dir.path().join(name), format).unwrap();
    }
    dir
}

fn paths(dir: &Path, names: &[&str]) -> Vec<PathBuf> {
    names.iter().map(|name| dir.join(name)).collect()
}

fn thumbnails(name: &str, files: &[PathBuf]) -> Outcome {
    outcome(command(name, files))
}

fn names_in(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn every_lesson_makes_every_thumbnail() {
    for name in ALL {
        let dir = photos();
        let outcome = thumbnails(name, &paths(dir.path(), &NAMES));
        assert_eq!((outcome.code(), &*outcome.stderr), (0, ""), "{name}");
        let sizes = THUMBS.map(|thumb| {
            image::ImageReader::open(dir.path().join(thumb))
                .unwrap()
                .with_guessed_format()
                .unwrap()
                .into_dimensions()
                .unwrap()
        });
        assert_eq!(sizes, [(128, 64), (64, 128), (50, 20), (128, 128)], "{name}");
        let expected: BTreeSet<String> =
            NAMES.iter().chain(&THUMBS).map(ToString::to_string).collect();
        assert_eq!(names_in(dir.path()), expected, "{name}: nothing else is left behind");
        assert_stdout(name, &outcome.stdout, dir.path());
    }
}

fn assert_stdout(name: &str, stdout: &str, dir: &Path) {
    let thumbs = paths(dir, &THUMBS);
    let list: Vec<String> = thumbs.iter().map(|path| path.display().to_string()).collect();
    match name {
        "thumbnails1" => assert_eq!(stdout.lines().collect::<Vec<_>>(), list),
        "thumbnails5" => {
            let made: BTreeSet<&str> = stdout.lines().collect();
            assert_eq!(made, list.iter().map(String::as_str).collect());
        }
        "thumbnails6" => {
            let n_bytes: u64 = thumbs.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
            assert_eq!(stdout, format!("{n_bytes}\n"));
        }
        "thumbnails2" => {
            _ = n_made_at_return(stdout);
        }
        _ => assert_eq!(stdout, ""),
    }
}

/// The number in `returned with N of 4 thumbnails made`.
fn n_made_at_return(stdout: &str) -> u32 {
    let n_made = stdout.strip_prefix("returned with ").unwrap();
    n_made.strip_suffix(" of 4 thumbnails made\n").unwrap().parse().unwrap()
}

#[test]
fn thumbnails2_returns_before_the_thumbnails_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let files = paths(dir.path(), &["a.png", "b.png", "c.png", "d.png"]);
    image::GrayImage::new(6_000, 6_000).save(&files[0]).unwrap(); // takes much longer than a return
    for file in &files[1..] {
        fs::copy(&files[0], file).unwrap();
    }
    let outcome = thumbnails("thumbnails2", &files);
    assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
    assert!(n_made_at_return(&outcome.stdout) < 4, "{outcome:?}");
    assert_eq!(names_in(dir.path()).len(), 8, "main waits for the threads all the same");
}

#[test]
fn a_file_that_is_no_image_fails_alone() {
    for name in ALL {
        let dir = photos();
        fs::write(dir.path().join("text.jpg"), "not an image").unwrap();
        let outcome = thumbnails(name, &paths(dir.path(), &["text.jpg", "gone.jpg", "wide.jpg"]));
        assert_eq!(outcome.code(), 1, "{name}");
        let subject = format!("{name}: {}/", dir.path().display());
        assert!(outcome.stderr.lines().all(|line| line.starts_with(&subject)), "{outcome:?}");
        let n_errors = if matches!(name, "thumbnails4" | "thumbnails5") { 1 } else { 2 };
        assert_eq!(outcome.stderr.lines().count(), n_errors, "{outcome:?}");
        let left = names_in(dir.path());
        assert!(left.contains("wide.thumb.jpg"), "{name}: {left:?}");
        assert!(!left.contains("text.thumb.jpg"), "{name}: {left:?}");
        assert_eq!(left.len(), NAMES.len() + 2, "{name}: {left:?}");
    }
}

#[test]
fn thumbnails4_counts_the_threads_that_a_leak_blocks() {
    // All five fail, so the first result is an error, and four threads are left to send.
    let files = ["gone1.jpg", "gone2.jpg", "gone3.jpg", "gone4.jpg", "gone5.jpg"];
    let leak = run("thumbnails4", &[&["-leak"], &files[..]].concat());
    assert_eq!(leak.code(), 1);
    let lines: Vec<&str> = leak.stderr.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, "4 threads are still blocked"), "{leak:?}");
    let repaired = run("thumbnails4", &files);
    assert_eq!((repaired.code(), repaired.stderr.lines().count()), (1, 1), "{repaired:?}");
}

#[test]
fn no_files_is_wrong_usage() {
    for name in ALL {
        assert_eq!(run(name, &[] as &[&str]).code(), 2);
    }
}

#[test]
fn workerpool_starts_and_ends_every_job_once() {
    let outcome = run("workerpool", &["-delay", "1ms"]);
    assert_eq!((outcome.code(), &*outcome.stderr), (0, ""));
    let lines = outcome.lines();
    assert_eq!(lines.len(), 10);
    for job in 1..=5 {
        let start = lines.iter().position(|line| line.ends_with(&format!(" start job:{job}")));
        let end = lines.iter().position(|line| line.ends_with(&format!(" end job: {job}")));
        assert!(start < end && start.is_some(), "{lines:?}");
        let worker = |i: Option<usize>| lines[i.unwrap()].split(' ').next().unwrap();
        assert_eq!(worker(start), worker(end));
        assert!(["worker:1", "worker:2", "worker:3"].contains(&worker(start)));
    }
}
