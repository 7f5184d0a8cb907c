//! 8.5 thumbnail: the tool, run as a program: names, formats, orientation, damage, atomic files.

mod cache;
mod colors;
mod damage;
mod formats;
mod originals;
mod sizes;
mod streams;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Cursor;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageFormat, ImageReader, Rgb, RgbImage, Rgba, RgbaImage};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::{Outcome, Process, as_user, command, limited, outcome, run_with};

/// A picture whose four quarters are red, green, blue and white.
fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| match (x < width / 2, y < height / 2) {
        (true, true) => Rgb([255, 0, 0]),
        (false, true) => Rgb([0, 255, 0]),
        (true, false) => Rgb([0, 0, 255]),
        (false, false) => Rgb([255; 3]),
    })
}

fn bytes(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    image.write_to(&mut file, format).unwrap();
    file.into_inner()
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    bytes(&quarters(width, height).into(), ImageFormat::Jpeg)
}

/// The JPEG with an EXIF segment that contains this orientation.
fn oriented(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let tiff = [
        &b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..],
        &[orientation, 0, 0, 0, 0, 0, 0, 0],
    ];
    let tiff = tiff.concat();
    let length = u16::try_from(tiff.len() + 2).unwrap().to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &tiff, &jpeg[2..]].concat()
}

/// A temporary folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn thumbnail(dir: &TempDir, args: &[&str]) -> Outcome {
    let mut command = command("thumbnail", args);
    command.current_dir(dir.path());
    outcome(command)
}

fn open(path: &Path) -> DynamicImage {
    ImageReader::open(path).unwrap().with_guessed_format().unwrap().decode().unwrap()
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[track_caller]
fn assert_color(image: &DynamicImage, (x, y): (u32, u32), expected: [u8; 3]) {
    let pixel = image.to_rgb8().get_pixel(x, y).0;
    let is_near = pixel.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 24);
    assert!(is_near, "at {x}, {y}: {pixel:?}, not {expected:?}");
}

#[test]
fn thumbnails_are_named_after_their_images() {
    let photo = jpeg(40, 30);
    let png = bytes(&quarters(40, 30).into(), ImageFormat::Png);
    let dir = folder(&[("a.JPEG", &photo), ("b.c.jpg", &photo), ("d.png", &png), ("e", &png)]);
    let thumbs = "a.thumb.JPEG\nb.c.thumb.jpg\nd.thumb.jpg\ne.thumb\n";
    thumbnail(&dir, &["--ordered", "a.JPEG", "b.c.jpg", "d.png", "e"]).is(0, thumbs, "");
    for thumb in thumbs.lines() {
        let bytes = fs::read(dir.path().join(thumb)).unwrap();
        assert_eq!(image::guess_format(&bytes).unwrap(), ImageFormat::Jpeg, "{thumb}");
    }
    thumbnail(&dir, &["--format", "png", "-o", "{dir}/t/{stem}.{ext}", "d.png"]).is(
        0,
        "t/d.png\n",
        "",
    );
    let png = fs::read(dir.path().join("t/d.png")).unwrap();
    assert_eq!(image::guess_format(&png).unwrap(), ImageFormat::Png);
    thumbnail(&dir, &["-o", "t/{stem}.thumb.PNG", "a.JPEG"]).is(0, "t/a.thumb.PNG\n", "");
    let png = fs::read(dir.path().join("t/a.thumb.PNG")).unwrap();
    assert_eq!(image::guess_format(&png).unwrap(), ImageFormat::Png, "the extension decides");
}

#[test]
fn folders_are_searched_for_images_and_trees_recursively() {
    let photo = jpeg(20, 20);
    let files = ["p/b.jpg", "p/a.JPG", "p/x.txt", "p/.h.jpg", "p/a.thumb.jpg", "p/q/c.jpg"];
    let dir = folder(&files.map(|name| (name, &photo[..])));
    let direct = "p/a.thumb.JPG\np/b.thumb.jpg\n";
    thumbnail(&dir, &["--ordered", "p"]).is(0, direct, "");
    let tree = format!("{direct}p/q/c.thumb.jpg\n");
    thumbnail(&dir, &["--ordered", "-r", "p"]).is(0, &tree, "");
    thumbnail(&dir, &["p/a.thumb.jpg"]).is(0, "", "");
}

#[test]
fn names_are_read_from_stdin_in_any_encoding() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(OsStr::from_bytes(b"caf\xE9.jpg"));
    fs::write(&path, jpeg(20, 10)).unwrap();
    let names = [path.as_os_str().as_bytes(), b"\n"].concat();
    let made = run_with("thumbnail", &["-v"], &names);
    assert_eq!(made.code(), 0, "{made:?}");
    assert!(made.stderr.contains("1 made, 0 of them damaged, 0 skipped, 0 failed"), "{made:?}");
    assert!(dir.path().join(OsStr::from_bytes(b"caf\xE9.thumb.jpg")).exists());
    run_with("thumbnail", &[], b"").is(0, "", "");
}

#[test]
fn sizes_and_crops() {
    let dir = folder(&[("a.jpg", &jpeg(400, 200)), ("b.jpg", &jpeg(10_000, 3))]);
    let check = |args: &[&str], expected: (u32, u32)| {
        let made = thumbnail(&dir, args);
        assert_eq!(made.code(), 0, "{made:?}");
        let thumb = open(&dir.path().join(made.lines()[0]));
        assert_eq!((thumb.width(), thumb.height()), expected, "{args:?}");
        thumb
    };
    check(&["a.jpg"], (128, 64));
    check(&["-s", "64", "a.jpg"], (64, 32));
    check(&["-s", "600", "a.jpg"], (400, 200));
    check(&["-s", "100x20", "a.jpg"], (40, 20));
    check(&["b.jpg"], (128, 1));
    let cropped = check(&["-s", "20x20", "--crop", "a.jpg"], (20, 20));
    assert_color(&cropped, (3, 3), [255, 0, 0]);
    assert_color(&cropped, (16, 16), [255; 3]);
}

/// Each size uses another code path: a decode at an eighth, at a quarter, and in full.
#[test]
fn pictures_of_every_orientation_become_upright() {
    let turned = [
        "red green blue white",
        "green red white blue",
        "white blue green red",
        "blue white red green",
        "red blue green white",
        "blue red white green",
        "white green blue red",
        "green white red blue",
    ];
    for (orientation, expected) in (1..=8).zip(turned) {
        let dir = folder(&[("a.jpg", &oriented(&jpeg(200, 100), orientation))]);
        for (side, path) in [(20u32, "an eighth"), (40, "a quarter"), (128, "in full")] {
            thumbnail(&dir, &["-s", &side.to_string(), "a.jpg"]).is(0, "a.thumb.jpg\n", "");
            let thumb = open(&dir.path().join("a.thumb.jpg"));
            let (w, h) = (thumb.width(), thumb.height());
            assert_eq!(w > h, orientation < 5, "{orientation} {path}");
            let places =
                [(w / 4, h / 4), (3 * w / 4, h / 4), (w / 4, 3 * h / 4), (3 * w / 4, 3 * h / 4)];
            for (place, color) in places.into_iter().zip(expected.split(' ')) {
                let color = match color {
                    "red" => [255, 0, 0],
                    "green" => [0, 255, 0],
                    "blue" => [0, 0, 255],
                    _ => [255; 3],
                };
                assert_color(&thumb, place, color);
            }
        }
    }
}

#[test]
fn every_format_is_decoded() {
    let image = DynamicImage::from(quarters(300, 200));
    let formats = [
        ("a.png", ImageFormat::Png),
        ("b.gif", ImageFormat::Gif),
        ("c.webp", ImageFormat::WebP),
        ("d.tiff", ImageFormat::Tiff),
        ("e.bmp", ImageFormat::Bmp),
        ("png.jpg", ImageFormat::Png),
    ];
    let deep = bytes(&image.to_rgb16().into(), ImageFormat::Png);
    let gray = bytes(&image.to_luma8().into(), ImageFormat::Jpeg);
    let files = formats.map(|(name, format)| (name, bytes(&image, format)));
    let mut files: Vec<(&str, &[u8])> = files.iter().map(|(n, bytes)| (*n, &bytes[..])).collect();
    files.extend([("deep.png", &deep[..]), ("gray.jpg", &gray)]);
    let dir = folder(&files);
    let made = thumbnail(&dir, &["."]);
    assert_eq!((made.code(), made.lines().len()), (0, files.len()), "{made:?}");
    for name in made.lines() {
        let thumb = open(&dir.path().join(name));
        assert_eq!((thumb.width(), thumb.height()), (128, 85), "{name}");
        let green = if name.contains("gray") { [182; 3] } else { [0, 255, 0] };
        assert_color(&thumb, (96, 20), green);
    }
}

#[test]
fn transparency_is_white_in_a_jpeg_and_kept_in_a_png() {
    let clear = RgbaImage::from_pixel(200, 200, Rgba([10, 200, 10, 0]));
    let dir = folder(&[("a.png", &bytes(&clear.into(), ImageFormat::Png))]);
    thumbnail(&dir, &["a.png"]).is(0, "a.thumb.jpg\n", "");
    assert_color(&open(&dir.path().join("a.thumb.jpg")), (50, 50), [255; 3]);
    thumbnail(&dir, &["--format", "png", "a.png"]).is(0, "a.thumb.png\n", "");
    assert_eq!(open(&dir.path().join("a.thumb.png")).to_rgba8().get_pixel(50, 50).0[3], 0);
}

#[test]
fn each_bad_file_is_reported_in_one_line_and_the_others_are_processed() {
    let mut wrong_size = jpeg(64, 64);
    let frame = wrong_size.windows(2).position(|bytes| bytes == [0xFF, 0xC0]).unwrap();
    wrong_size[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
    let mut huge = bytes(&quarters(8, 8).into(), ImageFormat::Png);
    huge[16..24].copy_from_slice(&[0, 0, 0xC3, 0x50, 0, 0, 0xC3, 0x50]);
    let mut flat = jpeg(64, 64);
    flat[frame + 5..frame + 9].copy_from_slice(&[0; 4]);
    let bad: [(&str, &[u8]); 9] = [
        ("empty.jpg", b""),
        ("text.jpg", b"not an image\n"),
        ("wrong-size.jpg", &wrong_size),
        ("huge.png", &huge),
        ("flat.jpg", &flat),
        ("cut.jpg", &wrong_size[..300]),
        ("apple.heic", b"\0\0\0\x18ftypheic\0\0\0\0"),
        ("b.avif", b"\0\0\0\x18ftypavif\0\0\0\0"),
        ("soi.jpg", b"\xFF\xD8"),
    ];
    let dir = folder(&bad);
    fs::write(dir.path().join("good.jpg"), jpeg(300, 300)).unwrap();
    let made = thumbnail(&dir, &[".", "gone.jpg"]);
    assert_eq!((made.code(), &*made.stdout), (1, "./good.thumb.jpg\n"), "{made:?}");
    assert_eq!(made.stderr.lines().count(), bad.len() + 1, "{}", made.stderr);
    for line in made.stderr.lines() {
        assert!(line.starts_with("thumbnail: "), "{line}");
    }
    for message in ["apple.heic: HEIC (no decoder", "b.avif: AVIF (no decoder", "gone.jpg: No"] {
        assert!(made.stderr.contains(message), "{message}: {}", made.stderr);
    }
    assert_eq!(names(dir.path()).len(), bad.len() + 2, "nothing else is left behind");
}

#[test]
fn a_damaged_image_gets_a_thumbnail_and_a_warning() {
    let photo = jpeg(800, 800);
    let dir = folder(&[
        ("most.jpg", &photo[..photo.len() * 3 / 4]),
        ("little.jpg", &photo[..800]),
        ("full.jpg", &photo),
    ]);
    let made = thumbnail(&dir, &["--json", "--ordered", "most.jpg", "little.jpg", "full.jpg"]);
    assert_eq!(made.code(), 1, "{made:?}");
    let records: Vec<serde_json::Value> =
        made.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let statuses: Vec<_> =
        records.iter().map(|record| record["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["damaged", "failed", "made"]);
    assert_eq!(records[2]["size"], serde_json::json!([128, 128]));
    assert!(made.stderr.contains("most.jpg: damaged: only 7"), "{}", made.stderr);
    assert_color(&open(&dir.path().join("most.thumb.jpg")), (20, 20), [255, 0, 0]);
    for format in [ImageFormat::Png, ImageFormat::Bmp] {
        let whole = bytes(&quarters(300, 300).into(), format);
        fs::write(dir.path().join("cut"), &whole[..whole.len() * 3 / 4]).unwrap();
        let made = thumbnail(&dir, &["cut"]);
        assert_eq!((made.code(), &*made.stdout), (1, "cut.thumb\n"), "{made:?}");
        assert!(made.stderr.contains("cut: damaged: only "), "{format:?} {made:?}");
    }
    // A thumbnail this large needs a full decode, and the damage is detected all the same.
    let made = thumbnail(&dir, &["-s", "700", "most.jpg"]);
    assert_eq!(made.code(), 1, "{made:?}");
}

#[test]
fn colliding_thumbnails_are_refused() {
    let photo = jpeg(20, 20);
    let dir = folder(&[("a.jpg", &photo), ("a.png", &photo), ("b.jpg", &photo)]);
    thumbnail(&dir, &["a.jpg", "a.png"]).is(
        1,
        "a.thumb.jpg\n",
        "thumbnail: a.png: its thumbnail would overwrite the thumbnail of a.jpg\n",
    );
    let error = "thumbnail: b.jpg: its thumbnail would overwrite an image\n";
    thumbnail(&dir, &["-o", "{dir}/{stem}.jpg", "b.jpg"]).is(1, "", error);
    assert_eq!(fs::read(dir.path().join("b.jpg")).unwrap(), photo);
}

#[test]
fn thumbnails_that_are_not_older_are_skipped() {
    let dir = folder(&[("a.jpg", &jpeg(300, 300))]);
    thumbnail(&dir, &["--skip-existing", "a.jpg"]).is(0, "a.thumb.jpg\n", "");
    thumbnail(&dir, &["--skip-existing", "a.jpg"]).is(0, "", "");
    let old = fs::File::options().write(true).open(dir.path().join("a.thumb.jpg")).unwrap();
    old.set_modified(std::time::UNIX_EPOCH).unwrap();
    thumbnail(&dir, &["--skip-existing", "a.jpg"]).is(0, "a.thumb.jpg\n", "");
}

#[test]
fn all_strategies_make_the_same_thumbnails() {
    let names: Vec<String> = (0..12).map(|i| format!("{i}.jpg")).collect();
    let photo = jpeg(300, 200);
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &photo[..])).collect();
    let dir = folder(&files);
    let mut all = BTreeSet::new();
    for strategy in ["sequential", "threads", "channel", "rayon"] {
        for threads in ["1", "3"] {
            let made = thumbnail(&dir, &["--strategy", strategy, "-j", threads, "--ordered", "."]);
            assert_eq!((made.code(), made.lines().len()), (0, 12), "{made:?}");
            all.insert((made.stdout.clone(), fs::read(dir.path().join("7.thumb.jpg")).unwrap()));
        }
    }
    assert_eq!(all.len(), 1);
}

#[test]
fn a_full_disk_leaves_no_partial_thumbnail() {
    let dir = folder(&[("a.jpg", &jpeg(1_000, 1_000))]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    // A file size limit of one block of 512 bytes, less than the thumbnail takes.
    let mut command = limited(
        "-f 1",
        "thumbnail",
        &["-s", "900", "--format", "png", "-o", &path("{stem}.t"), &path("a.jpg")],
    );
    command.env("RUST_BACKTRACE", "0");
    let full = outcome(command);
    assert!(!full.status.success(), "{full:?}");
    assert!(!dir.path().join("a.t").exists());
}

#[test]
fn a_read_only_folder_is_reported() {
    let dir = folder(&[("p/a.jpg", &jpeg(300, 300))]);
    fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(dir.path().join("p"), Permissions::from_mode(0o555)).unwrap();
    let photo = dir.path().join("p/a.jpg");
    let made = outcome(as_user("thumbnail", &[&photo], dir.path()));
    let thumb = dir.path().join("p/a.thumb.jpg");
    let error = format!("thumbnail: {}: Permission denied (os error 13)\n", thumb.display());
    made.is(1, "", &error);
    assert_eq!(names(&dir.path().join("p")).len(), 1);
}

#[test]
fn killing_it_leaves_no_partial_thumbnail() {
    let photo = jpeg(600, 600);
    let names: Vec<String> = (0..60).map(|i| format!("{i}.jpg")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (&**name, &photo[..])).collect();
    for n_seen in [1, 10, 30] {
        let dir = folder(&files);
        let process = Process::start(command("thumbnail", &[dir.path()]).current_dir(dir.path()));
        for _ in 0..n_seen {
            process.line().unwrap();
        }
        process.signal(Signal::KILL);
        drop(process);
        let thumbs: Vec<PathBuf> = fs::read_dir(dir.path())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.to_string_lossy().ends_with(".thumb.jpg"))
            .collect();
        assert!(thumbs.len() >= n_seen);
        for thumb in thumbs {
            assert_eq!(open(&thumb).width(), 128);
        }
    }
}

#[test]
fn invalid_arguments_are_wrong_usage() {
    let dir = folder(&[]);
    for args in [
        &["-s", "0", "x"][..],
        &["-s", "x", "x"],
        &["-q", "0", "x"],
        &["-q", "101", "x"],
        &["--format", "gif", "x"],
        &["-o", "x.jpg", "x", "y"],
        &["-o", "", "x"],
        &["-o", "{stem}.webp", "x"],
        &["-j", "0", "x"],
        &["--strategy", "go", "x"],
    ] {
        let wrong = thumbnail(&dir, args);
        assert_eq!((wrong.code(), wrong.stderr.lines().count()), (2, 1), "{args:?} {wrong:?}");
    }
}
