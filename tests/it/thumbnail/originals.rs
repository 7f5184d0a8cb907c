//! No image is ever replaced, however its path is spelled, and no file that somebody else made.

use std::fs;
use std::os::unix::fs::symlink;

use image::ImageFormat;

use super::{bytes, folder, jpeg, names, quarters, thumbnail};
use crate::support::run_with;

const OVERWRITES: &str = "its thumbnail would overwrite an image\n";
const NOT_OURS: &str = "exists and is not a thumbnail made by this tool\n";

#[test]
fn an_image_is_not_replaced_under_any_spelling() {
    let photo = jpeg(20, 20);
    let dir = folder(&[("a.jpg", &photo), ("sub/b.jpg", &photo)]);
    let root = dir.path().to_str().unwrap();
    symlink(".", dir.path().join("link")).unwrap();
    fs::hard_link(dir.path().join("a.jpg"), dir.path().join("ha.jpg")).unwrap();
    symlink("a.jpg", dir.path().join("sa.jpg")).unwrap();
    fs::copy(dir.path().join("a.jpg"), dir.path().join("b.jpg")).unwrap();
    for force in [&[][..], &["--force"]] {
        let check = |args: &[&str], failed: &[&str]| {
            let made = thumbnail(&dir, &[force, &["--ordered", "--json"], args].concat());
            let is_refused = |name: &&str| made.stderr.contains(&format!("{name}: {OVERWRITES}"));
            assert!(failed.iter().all(is_refused), "{args:?} {made:?}");
            assert_eq!((made.code(), made.stderr.lines().count()), (1, failed.len()), "{args:?}");
            for name in ["a.jpg", "b.jpg", "sub/b.jpg", "ha.jpg", "sa.jpg"] {
                assert!(fs::read(dir.path().join(name)).unwrap() == photo, "{name} {args:?}");
            }
            assert!(dir.path().join("sa.jpg").is_symlink());
        };
        let in_root = ["a.jpg", "b.jpg", "ha.jpg", "sa.jpg"];
        check(&[root, "-o", "{stem}.{ext}"], &in_root);
        check(&[".", "-o", "link/{stem}.{ext}"], &in_root);
        let in_tree = [&in_root[..], &["sub/b.jpg"]].concat();
        check(&["-r", root, "-o", "{dir}/{stem}.{ext}"], &in_tree);
        check(&["a.jpg", "-o", "h{stem}.{ext}"], &["a.jpg"]);
        check(&["a.jpg", "-o", "s{stem}.{ext}"], &["a.jpg"]);
        check(&["sa.jpg", "-o", "{dir}/new/../{stem}.{ext}"], &["sa.jpg"]);
    }
}

#[test]
fn an_image_is_not_replaced_by_one_below_it() {
    let photo = jpeg(20, 20);
    for force in [&[][..], &["--force"]] {
        let dir = folder(&[("p/a.jpg", &photo), ("p/q/a.jpg", &photo)]);
        let args = [force, &["-r", "p", "-o", "{dir}/../{stem}.{ext}"]].concat();
        let refused = format!("thumbnail: p/q/a.jpg: {OVERWRITES}");
        thumbnail(&dir, &args).is(1, "p/../a.jpg\n", &refused);
        assert!(fs::read(dir.path().join("p/a.jpg")).unwrap() == photo);
    }
}

#[test]
fn files_that_others_made_are_replaced_only_by_force() {
    let photo = jpeg(20, 20);
    let png = bytes(&quarters(20, 20).into(), ImageFormat::Png);
    for (name, format) in [("a.thumb.jpg", "jpeg"), ("a.thumb.png", "png")] {
        let dir = folder(&[("a.jpg", &photo), ("a.thumb.jpg", &photo), ("a.thumb.png", &png)]);
        let path = dir.path().join(name);
        let before = fs::read(&path).unwrap();
        let run = |args: &[&str]| thumbnail(&dir, &[args, &["--format", format, "a.jpg"]].concat());
        let (refused, made) = (format!("thumbnail: {name}: {NOT_OURS}"), format!("{name}\n"));
        run(&[]).is(1, "", &refused);
        assert!(fs::read(&path).unwrap() == before);
        run(&["--force"]).is(0, &made, "");
        assert!(fs::read(&path).unwrap() != before);
        run(&["-s", "10"]).is(0, &made, ""); // now there is one of ours, which may be replaced
        let mut edited = fs::read(&path).unwrap();
        let middle = edited.len() - 20;
        edited[middle] ^= 1;
        fs::write(&path, &edited).unwrap();
        run(&[]).is(1, "", &refused);
        assert!(fs::read(&path).unwrap() == edited);
        fs::remove_file(&path).unwrap();
        symlink("nowhere", &path).unwrap();
        run(&[]).is(1, "", &refused);
        assert!(path.is_symlink());
        assert_eq!(names(dir.path()).len(), 3, "no temporary file is left behind");
    }
}

#[test]
fn names_from_stdin_replace_no_other_file() {
    let photo = jpeg(20, 20);
    let dir = folder(&[("in/x.jpg", &photo), ("x.jpg", &photo)]);
    let path = |name: &str| dir.path().join(name).display().to_string();
    let template = path("{stem}.{ext}");
    let refused = format!("thumbnail: {}: {NOT_OURS}", path("x.jpg"));
    run_with("thumbnail", &["-o", &template], path("in/x.jpg").as_bytes()).is(1, "", &refused);
    assert!(fs::read(path("x.jpg")).unwrap() == photo);
}

#[test]
fn two_thumbnails_do_not_share_a_file() {
    let photo = jpeg(20, 20);
    let dir = folder(&[("p/a.jpg", &photo), ("q/a.jpg", &photo)]);
    symlink("t", dir.path().join("u")).unwrap();
    fs::create_dir(dir.path().join("t")).unwrap();
    symlink("../t", dir.path().join("p/t")).unwrap();
    symlink("../t", dir.path().join("q/t")).unwrap();
    thumbnail(&dir, &["--ordered", "p/a.jpg", "q/a.jpg", "-o", "{dir}/t/{stem}.{ext}"]).is(
        1,
        "p/t/a.jpg\n",
        "thumbnail: q/a.jpg: its thumbnail would overwrite the thumbnail of p/a.jpg\n",
    );
}
