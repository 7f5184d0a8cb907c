//! Sizes, several of them from one read, a single file as output, and what --skip-existing notices.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use image::ImageFormat;

use super::{assert_color, bytes, folder, jpeg, names, open, oriented, quarters, thumbnail};

fn size(path: &Path) -> (u32, u32) {
    let image = open(path);
    (image.width(), image.height())
}

#[test]
fn a_size_may_limit_one_side_only() {
    let dir = folder(&[
        ("wide.jpg", &jpeg(400, 100)),
        ("high.jpg", &jpeg(100, 400)),
        ("turned.jpg", &oriented(&jpeg(400, 100), 6)),
    ]);
    let check = |name: &str, text: &str, expected: (u32, u32)| {
        thumbnail(&dir, &["-s", text, "-o", "t.jpg", name]).is(0, "t.jpg\n", "");
        assert_eq!(size(&dir.path().join("t.jpg")), expected, "{name} {text}");
    };
    check("wide.jpg", "200x", (200, 50));
    check("wide.jpg", "x50", (200, 50));
    check("high.jpg", "50x", (50, 200));
    check("high.jpg", "x50", (13, 50));
    check("turned.jpg", "50x", (50, 200));
    check("turned.jpg", "x200", (50, 200));
}

#[test]
fn one_image_takes_a_plain_name_and_several_do_not() {
    let photo = jpeg(300, 200);
    let dir = folder(&[("p/a.jpg", &photo), ("p/b.jpg", &photo), ("q/c.jpg", &photo)]);
    thumbnail(&dir, &["p/a.jpg", "-o", "out.jpg"]).is(0, "out.jpg\n", "");
    assert_eq!(size(&dir.path().join("out.jpg")), (128, 85));
    thumbnail(&dir, &["q", "-o", "new/out.png"]).is(0, "new/out.png\n", "");
    let png = fs::read(dir.path().join("new/out.png")).unwrap();
    assert_eq!(image::guess_format(&png).unwrap(), ImageFormat::Png);
    let before = names(dir.path());
    for several in [&["p/a.jpg", "p/b.jpg"][..], &["p"], &["p/a.jpg", "missing.jpg"], &[]] {
        for output in ["two.jpg", "{dir}/two.jpg", "two.{ext}"] {
            let refused = thumbnail(&dir, &[several, &["-o", output]].concat());
            assert_eq!((refused.code(), refused.stderr.lines().count()), (2, 1), "{refused:?}");
            assert!(refused.stderr.contains("need {stem} in --output"), "{refused:?}");
        }
    }
    assert_eq!(names(dir.path()), before, "nothing is written");
    assert_eq!(names(&dir.path().join("p")).len(), 2);
}

#[test]
fn a_plain_name_replaces_no_original_and_no_other_file() {
    let photo = jpeg(300, 200);
    let dir = folder(&[("a.jpg", &photo), ("b.jpg", &photo)]);
    symlink("a.jpg", dir.path().join("link.jpg")).unwrap();
    fs::hard_link(dir.path().join("a.jpg"), dir.path().join("hard.jpg")).unwrap();
    let overwrites = "thumbnail: a.jpg: its thumbnail would overwrite an image\n";
    for force in [&[][..], &["--force"]] {
        for output in ["a.jpg", "./a.jpg", "link.jpg", "hard.jpg"] {
            thumbnail(&dir, &[force, &["a.jpg", "-o", output]].concat()).is(1, "", overwrites);
        }
    }
    let not_ours = "thumbnail: b.jpg: exists and is not a thumbnail made by this tool\n";
    thumbnail(&dir, &["a.jpg", "-o", "b.jpg"]).is(1, "", not_ours);
    for name in ["a.jpg", "b.jpg", "link.jpg", "hard.jpg"] {
        assert!(fs::read(dir.path().join(name)).unwrap() == photo, "{name}");
    }
    thumbnail(&dir, &["a.jpg", "-o", "b.jpg", "--force"]).is(0, "b.jpg\n", "");
    thumbnail(&dir, &["a.jpg", "-o", "b.jpg", "-s", "9"]).is(0, "b.jpg\n", "");
}

const BY_SIZE: &str = "{dir}/{stem}.{size}.thumb.{ext}";

/// Each kind of file takes another path through the decoders.
#[test]
fn several_sizes_are_made_in_one_run() {
    let image = quarters(900, 600).into();
    let files = [
        ("a.jpg", bytes(&image, ImageFormat::Jpeg)),
        ("b.png", bytes(&image, ImageFormat::Png)),
        ("c.tif", bytes(&image, ImageFormat::Tiff)),
        ("d.gif", bytes(&image, ImageFormat::Gif)),
        ("e.jpg", oriented(&bytes(&image, ImageFormat::Jpeg), 3)),
    ];
    let dir = folder(&files.each_ref().map(|(name, bytes)| (*name, &bytes[..])));
    for sizes in ["16,64,32", "64,128,512", "x40,500x,1000"] {
        let made = thumbnail(&dir, &["-s", sizes, "-o", BY_SIZE, "--ordered", "."]);
        assert_eq!((made.code(), made.lines().len(), &*made.stderr), (0, 15, ""), "{made:?}");
        for size in sizes.split(',') {
            for (name, _) in &files {
                let stem = &name[..1];
                let line = made
                    .lines()
                    .into_iter()
                    .find(|line| line.starts_with(&format!("./{stem}.{size}.thumb.")));
                let thumb = open(&dir.path().join(line.unwrap()));
                let (w, h) = (thumb.width(), thumb.height());
                let expected = match size {
                    "x40" => (60, 40),
                    "500x" => (500, 333),
                    "1000" => (900, 600),
                    side => (side.parse().unwrap(), (side.parse::<u32>().unwrap() * 2 + 1) / 3),
                };
                assert_eq!((w, h), expected, "{name} {size}");
                let turned = stem == "e";
                assert_color(&thumb, (w / 4, h / 4), if turned { [255; 3] } else { [255, 0, 0] });
                assert_color(
                    &thumb,
                    (w / 4 * 3, h / 4),
                    if turned { [0, 0, 255] } else { [0, 255, 0] },
                );
            }
        }
    }
}

#[test]
fn crops_of_several_shapes_show_their_own_parts() {
    let dir = folder(&[("a.jpg", &jpeg(800, 400))]);
    let args = ["-s", "40x40,20x20,80x20", "--crop", "-o", BY_SIZE, "a.jpg"];
    let made = thumbnail(&dir, &args);
    assert_eq!((made.code(), made.lines().len()), (0, 3), "{made:?}");
    for (name, expected) in [("40", (40, 40)), ("20", (20, 20)), ("80x20", (80, 20))] {
        let thumb = open(&dir.path().join(format!("a.{name}.thumb.jpg")));
        assert_eq!((thumb.width(), thumb.height()), expected);
        assert_color(&thumb, (expected.0 / 4, expected.1 / 4), [255, 0, 0]);
        assert_color(&thumb, (expected.0 / 4 * 3, expected.1 / 4 * 3), [255; 3]);
    }
}

#[test]
fn a_bad_image_and_a_damaged_one_are_reported_once_for_all_sizes() {
    let photo = jpeg(800, 800);
    let dir = folder(&[("bad.jpg", b"not an image"), ("cut.jpg", &photo[..photo.len() * 3 / 4])]);
    let args = ["-s", "16,32,64", "-o", BY_SIZE, "--ordered", "bad.jpg", "cut.jpg", "--json"];
    let made = thumbnail(&dir, &args);
    assert_eq!((made.code(), made.stderr.lines().count()), (1, 2), "{made:?}");
    assert_eq!(made.lines().len(), 4, "{made:?}");
    assert_eq!(names(dir.path()).len(), 2 + 3);
}

#[test]
fn one_of_several_sizes_may_be_refused() {
    let photo = jpeg(300, 200);
    let dir = folder(&[("a.jpg", &photo), ("a.32.thumb.jpg", &photo)]);
    let args = ["-s", "16,32,64", "-o", "{stem}.{size}.thumb.{ext}", "a.jpg"];
    let made = thumbnail(&dir, &args);
    let refused = "thumbnail: a.32.thumb.jpg: exists and is not a thumbnail made by this tool\n";
    let lines: BTreeSet<&str> = made.lines().into_iter().collect();
    assert_eq!((made.code(), &*made.stderr), (1, refused));
    assert_eq!(lines, BTreeSet::from(["a.16.thumb.jpg", "a.64.thumb.jpg"]));
    assert!(fs::read(dir.path().join("a.32.thumb.jpg")).unwrap() == photo);
}

#[test]
fn an_original_with_the_name_of_a_size_is_not_replaced() {
    let photo = jpeg(300, 200);
    let dir = folder(&[("a.jpg", &photo), ("a32.jpg", &photo)]);
    let args = ["-s", "16,32", "-o", "{dir}/{stem}{size}.{ext}", "--force", "--ordered", "."];
    let made = thumbnail(&dir, &args);
    let refused = "thumbnail: ./a.jpg: its thumbnail would overwrite an image\n";
    made.is(1, "./a3216.jpg\n./a3232.jpg\n", refused);
    assert!(fs::read(dir.path().join("a32.jpg")).unwrap() == photo);
}

#[test]
fn sizes_that_do_not_go_together_are_wrong_usage() {
    let dir = folder(&[("a.jpg", &jpeg(30, 20))]);
    let check = |args: &[&str], message: &str| {
        let wrong = thumbnail(&dir, &[args, &["a.jpg"]].concat());
        assert_eq!((wrong.code(), wrong.stderr.lines().count()), (2, 1), "{args:?} {wrong:?}");
        assert!(wrong.stderr.contains(message), "{wrong:?}");
    };
    check(&["-s", "16,32"], "several sizes need {size} in --output");
    check(&["-s", "16,32", "-o", "{stem}.jpg"], "several sizes need {size} in --output");
    check(&["-s", "16,16x16", "-o", BY_SIZE], "size 16 is given twice");
    check(&["-s", "200x", "--crop"], "--crop needs a size with both sides");
    check(&["-s", "16,", "-o", BY_SIZE], "one side");
    assert_eq!(names(dir.path()).len(), 1);
}

#[test]
fn another_size_crop_or_quality_is_not_skipped() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200))]);
    let check = |args: &[&str], is_made: bool| {
        let made = thumbnail(&dir, &[&["--skip-existing", "a.jpg"], args].concat());
        let is_png = args.contains(&"png");
        let name = if is_png { "a.thumb.png\n" } else { "a.thumb.jpg\n" };
        made.is(0, if is_made { name } else { "" }, "");
    };
    check(&[], true);
    check(&[], false);
    check(&["-s", "128x128", "-q", "75"], false);
    check(&["-s", "64"], true);
    check(&["-s", "64"], false);
    check(&["-s", "64x64", "--crop"], true);
    check(&["-s", "64x64", "--crop"], false);
    check(&["-q", "80"], true);
    check(&["-q", "80"], false);
    check(&["--format", "png"], true);
    check(&["--format", "png", "-q", "9"], false);
    check(&["--format", "png", "-s", "9"], true);
    // Who made this one, and how, is not known: it exists, and is not touched.
    fs::write(dir.path().join("a.thumb.jpg"), jpeg(9, 9)).unwrap();
    check(&["-s", "77"], false);
}

#[test]
fn of_several_sizes_those_that_exist_are_skipped() {
    let dir = folder(&[("a.jpg", &jpeg(300, 200))]);
    let run = |sizes: &str| {
        let args = ["--skip-existing", "-s", sizes, "-o", "{stem}.{size}.thumb.{ext}", "a.jpg"];
        thumbnail(&dir, &args)
    };
    run("16").is(0, "a.16.thumb.jpg\n", "");
    run("16,32").is(0, "a.32.thumb.jpg\n", "");
    run("16,32").is(0, "", "");
}
