//! The thumbnail cache of file managers (Thumbnail Managing Standard 0.9), and how `GLib` sees it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::{assert_color, folder, jpeg, names, open};
use crate::support::{Outcome, Process, command, outcome, report_skipped};

/// Runs it in `dir`, with a cache below.
fn thumbnail(dir: &TempDir, args: &[&str]) -> Outcome {
    let mut command = command("thumbnail", &["--freedesktop"]);
    command.args(args).current_dir(dir.path()).env("XDG_CACHE_HOME", dir.path().join("cache"));
    outcome(command)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The texts of a PNG.
fn texts(path: &Path) -> Vec<(String, String)> {
    let file = std::io::BufReader::new(fs::File::open(path).unwrap());
    let reader = png::Decoder::new(file).read_info().unwrap();
    let texts = &reader.info().uncompressed_latin1_text;
    texts.iter().map(|text| (text.keyword.clone(), text.text.clone())).collect()
}

fn text(path: &Path, keyword: &str) -> Option<String> {
    texts(path).into_iter().find(|(name, _)| name == keyword).map(|(_, text)| text)
}

#[test]
fn thumbnails_are_where_and_what_the_standard_says() {
    let dir = folder(&[("a b.jpg", &jpeg(2_000, 1_000)), ("small.jpg", &jpeg(50, 20))]);
    let made = thumbnail(&dir, &["-s", "128,256,512,1024", "--ordered", "a b.jpg", "small.jpg"]);
    assert_eq!((made.code(), made.lines().len(), &*made.stderr), (0, 8, ""), "{made:?}");
    let cache = dir.path().join("cache/thumbnails").canonicalize().unwrap();
    let image = dir.path().canonicalize().unwrap().join("a b.jpg");
    let modified = fs::metadata(&image).unwrap().modified().unwrap();
    let modified = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let folders = [("normal", 128), ("large", 256), ("x-large", 512), ("xx-large", 1_024)];
    for ((folder, side), line) in folders.into_iter().zip(made.lines()) {
        let path = PathBuf::from(line);
        assert_eq!(path.parent().unwrap(), cache.join(folder));
        assert_eq!((mode(&path), mode(&cache.join(folder))), (0o600, 0o700));
        let thumb = open(&path);
        assert_eq!((thumb.width(), thumb.height()), (side, side / 2));
        assert_color(&thumb, (side / 4, side / 8), [255, 0, 0]);
        let uri = format!("file://{}", image.display()).replace(' ', "%20");
        assert_eq!(text(&path, "Thumb::URI"), Some(uri));
        assert_eq!(text(&path, "Thumb::MTime"), Some(modified.to_string()));
        assert_eq!(names(&cache.join(folder)).len(), 2, "no temporary file is left behind");
    }
    assert_eq!(open(Path::new(made.lines()[7])).width(), 50, "small ones are not enlarged");
    assert_eq!((mode(&cache), mode(cache.parent().unwrap())), (0o700, 0o700));
}

#[test]
fn what_is_current_is_skipped() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200))]);
    let path = dir.path().join("a.jpg");
    let made = thumbnail(&dir, &["a.jpg"]);
    assert_eq!(made.lines().len(), 1);
    thumbnail(&dir, &["a.jpg"]).is(0, "", "");
    thumbnail(&dir, &["--force", "a.jpg"]).is(0, &made.stdout, "");
    // Not only an image that is newer has changed: one that was moved here may be older.
    let old = fs::File::options().write(true).open(&path).unwrap();
    old.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000)).unwrap();
    thumbnail(&dir, &["a.jpg"]).is(0, &made.stdout, "");
    assert_eq!(text(Path::new(made.lines()[0]), "Thumb::MTime").unwrap(), "1000000");
    assert_eq!(thumbnail(&dir, &["-s", "128,256", "a.jpg"]).lines().len(), 1);
    fs::write(made.lines()[0], b"somebody else's").unwrap();
    thumbnail(&dir, &["a.jpg"]).is(0, &made.stdout, "");
}

#[test]
fn failures_are_recorded_and_not_tried_again() {
    let dir = folder(&[("bad.jpg", b"not an image"), ("secret.jpg", &jpeg(30, 20))]);
    let failures = dir.path().join("cache/thumbnails/fail");
    let unknown = "thumbnail: bad.jpg: unknown image format\n";
    let before = "thumbnail: bad.jpg: could not be decoded before and has not changed (--force \
                  tries again)\n";
    thumbnail(&dir, &["bad.jpg"]).is(1, "", unknown);
    let version = failures.join(concat!("threadbare-", env!("CARGO_PKG_VERSION")));
    let entries: Vec<PathBuf> =
        fs::read_dir(&version).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!((entries.len(), mode(&entries[0]), mode(&version)), (1, 0o600, 0o700));
    assert!(text(&entries[0], "Thumb::URI").unwrap().ends_with("/bad.jpg"));
    assert!(text(&entries[0], "Thumb::MTime").is_some());
    thumbnail(&dir, &["bad.jpg"]).is(1, "", before);
    thumbnail(&dir, &["bad.jpg", "--force"]).is(1, "", unknown);
    fs::write(dir.path().join("bad.jpg"), jpeg(30, 20)).unwrap();
    assert_eq!(thumbnail(&dir, &["bad.jpg"]).code(), 0);
    assert!(!entries[0].exists(), "it is no failure any more");
    thumbnail(&dir, &["gone.jpg"]);
    assert_eq!(names(&version).len(), 0, "a file that cannot be read may be readable tomorrow");
}

#[test]
fn the_cache_itself_has_no_thumbnails() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200))]);
    let made = thumbnail(&dir, &["-s", "256", "a.jpg"]);
    thumbnail(&dir, &["-s", "256", "-r", "."]).is(0, "", "");
    thumbnail(&dir, &[made.lines()[0]]).is(0, "", "");
    symlink("cache/thumbnails/large", dir.path().join("link")).unwrap();
    thumbnail(&dir, &["link"]).is(0, "", "");
    assert_eq!(names(&dir.path().join("cache/thumbnails")).len(), 1);
}

#[test]
fn an_original_in_place_of_a_thumbnail_is_not_replaced() {
    let photo = jpeg(300, 200);
    let dir = folder(&[("a.jpg", &photo)]);
    let made = thumbnail(&dir, &["a.jpg"]);
    let thumb = PathBuf::from(made.lines()[0]);
    // The folder of the cache is one of photographs, and one has that name.
    let photos = dir.path().join("photos");
    fs::create_dir(&photos).unwrap();
    fs::remove_dir_all(thumb.parent().unwrap()).unwrap();
    symlink(&photos, thumb.parent().unwrap()).unwrap();
    fs::write(photos.join(thumb.file_name().unwrap()), &photo).unwrap();
    for force in [&[][..], &["--force"]] {
        let made = thumbnail(&dir, &[force, &["a.jpg", "photos"]].concat());
        assert_eq!(made.code(), 1, "{made:?}");
        assert!(made.stderr.contains("its thumbnail would overwrite an image"), "{made:?}");
        assert!(fs::read(photos.join(thumb.file_name().unwrap())).unwrap() == photo);
    }
}

#[test]
fn names_come_from_stdin_too() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200))]);
    let mut command = command("thumbnail", &["--freedesktop"]);
    command.env("XDG_CACHE_HOME", dir.path()).stdin(Stdio::piped());
    let mut process = Process::start(&mut command);
    process.send(format!("{}\n", dir.path().join("a.jpg").display()).as_bytes());
    assert!(process.line().unwrap().contains("/thumbnails/normal/"));
    process.close_stdin();
    assert_eq!(process.wait().code(), 0);
}

#[test]
fn other_sizes_and_names_are_wrong_usage() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200))]);
    for args in
        [&["-s", "100"][..], &["-s", "256x128"], &["-o", "{stem}"], &["--crop"], &["-q", "9"]]
    {
        let wrong = thumbnail(&dir, &[args, &["a.jpg"]].concat());
        assert_eq!((wrong.code(), wrong.stderr.lines().count()), (2, 1), "{args:?} {wrong:?}");
    }
    let mut without_home = command("thumbnail", &["--freedesktop", "a.jpg"]);
    without_home.env_remove("HOME").env("XDG_CACHE_HOME", "relative").current_dir(dir.path());
    let failed = outcome(without_home);
    assert_eq!((failed.code(), failed.stderr.lines().count()), (1, 1), "{failed:?}");
    assert_eq!(names(dir.path()).len(), 1);
}

#[test]
fn a_cache_that_cannot_be_written_is_reported() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200))]);
    fs::write(dir.path().join("cache"), b"a file").unwrap();
    let cache = dir.path().join("cache/thumbnails");
    let error = format!("thumbnail: {}: Not a directory (os error 20)\n", cache.display());
    thumbnail(&dir, &["a.jpg"]).is(1, "", &error);
}

/// What `GLib` (2.74) finds: its URI of the file gives the name, and its reader of PNGs checks the texts.
#[test]
fn glib_finds_the_thumbnails_of_odd_names() {
    if Command::new("gio").arg("version").stdout(Stdio::null()).status().is_err() {
        return report_skipped("there is no gio");
    }
    let dir = folder(&[("plain.jpg", &jpeg(300, 200))]);
    let odd: [&[u8]; 9] = [
        b"a b;c%41?#.jpg",
        b"~!$&'()*+,=:@.jpg",
        b"[]{}|\\^`\"<>.jpg",
        "käse-日本.jpg".as_bytes(),
        b"latin1-\xE9.jpg",
        b"tab\tand\x7F.jpg",
        b"line\nbreak.jpg",
        b"-r.jpg",
        b"a.thumb.jpg",
    ];
    for name in odd {
        fs::copy(dir.path().join("plain.jpg"), dir.path().join(OsStr::from_bytes(name))).unwrap();
    }
    assert_eq!(thumbnail(&dir, &["."]).code(), 0);
    assert_eq!(names(&dir.path().join("cache/thumbnails/normal")).len(), odd.len() + 1);
    for name in odd {
        let path = dir.path().canonicalize().unwrap().join(OsStr::from_bytes(name));
        let mut gio = Command::new("gio");
        gio.args(["info", "-a", "thumbnail::*"]).arg(&path);
        gio.env("XDG_CACHE_HOME", dir.path().join("cache").canonicalize().unwrap());
        let info = gio.output().unwrap();
        let info = String::from_utf8_lossy(&info.stdout);
        assert!(info.contains("thumbnail::is-valid: TRUE"), "{path:?}: {info}");
    }
}
