//! Exercise 8.5 mandelbrot: the picture, the sweep and wrong usage.

use std::fs;

use tempfile::tempdir;

use crate::support::{command, limited, outcome, program, run};

#[test]
fn every_strategy_writes_the_same_picture() {
    let dir = tempdir().unwrap();
    let check = |args: &[&str]| {
        let file = dir.path().join("set.png");
        let mut command = command("mandelbrot", args);
        command.arg("--size").arg("64x48").arg("-o").arg(&file);
        outcome(command).is(0, "", "");
        let image = image::open(&file).unwrap().into_luma8();
        assert_eq!(image.dimensions(), (64, 48));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "there is no temporary file");
        image.into_raw()
    };
    let sequential = check(&["--strategy", "sequential"]);
    assert_eq!(sequential[24 * 64 + 32], 0, "0 is in the set");
    assert_eq!(sequential[0], 255, "-2-2i escapes at once");
    for strategy in ["rows", "chunks", "rayon"] {
        assert!(check(&["--strategy", strategy, "--threads", "3"]) == sequential, "{strategy}");
    }
    assert!(check(&["--shortcuts"]) == sequential);
}

#[test]
fn the_picture_goes_to_stdout() {
    let mut command = std::process::Command::new(program("mandelbrot"));
    let png = command.args(["--size", "20x10"]).output().unwrap();
    assert!(png.status.success() && png.stderr.is_empty());
    assert_eq!(image::load_from_memory(&png.stdout).unwrap().into_luma8().dimensions(), (20, 10));
}

#[test]
fn a_sweep_prints_one_line_per_case_and_writes_a_plot() {
    let dir = tempdir().unwrap();
    let svg = dir.path().join("speed.svg");
    let args = ["sweep", "--size", "32x32", "--threads", "1,2", "--repetitions", "1", "--svg"];
    let mut table = command("mandelbrot", &args);
    table.arg(&svg);
    let table = outcome(table);
    assert_eq!((table.code(), table.lines().len()), (0, 9), "{}", table.stdout);
    assert!(fs::read_to_string(svg).unwrap().starts_with("<svg"));
    let json = run("mandelbrot", &["sweep", "--size", "32x32", "--threads", "2", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(json.as_array().unwrap().len(), 4);
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    let check = |line: &str| {
        let refused = run("mandelbrot", &line.split(' ').collect::<Vec<_>>());
        assert_eq!((refused.code(), refused.stdout.as_str()), (2, ""), "{line}");
        assert_eq!(refused.stderr.lines().count(), 1, "{line}: {}", refused.stderr);
    };
    check("--size 0x1");
    check("--size 1000000000x1000000000");
    check("--size 99999999999999999999x1");
    check("--size large");
    check("--region 0,0,NaN,1");
    check("--region 1,1,0,0");
    check("--region 1,2,3");
    check("--iterations 0");
    check("--threads 0");
    check("--strategy magic");
    check("sweep --threads 1,0");
    check("sweep --repetitions 0");
    check("--strategy rows sweep");
}

#[test]
fn picture_flags_may_stand_before_sweep_or_after_it() {
    let check = |line: &str, code: i32| {
        let args: Vec<&str> = line.split_whitespace().collect();
        let outcome = run("mandelbrot", &args);
        assert_eq!(outcome.code(), code, "{line}: {}", outcome.stderr);
    };
    check("--size 8x8 --iterations 9 sweep --threads 1 --repetitions 1", 0);
    check("sweep --size 8x8 --iterations 9 --threads 1 --repetitions 1", 0);
    check("--size 0x8 sweep --threads 1 --repetitions 1", 2);
}

#[test]
fn a_failed_write_leaves_no_file() {
    let dir = tempdir().unwrap();
    let file = dir.path().join("set.png");
    let small = limited("-f 1 && trap '' XFSZ", "mandelbrot", &["-o", file.to_str().unwrap()]);
    let refused = outcome(small);
    assert_eq!((refused.code(), refused.stderr.lines().count()), (1, 1), "{}", refused.stderr);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    let refused = run("mandelbrot", &["-o", "/dev/full"]);
    refused.is(1, "", "mandelbrot: /dev/full: No space left on device (os error 28)\n");
    let refused = run("mandelbrot", &["-o", "/nowhere/set.png"]);
    assert_eq!((refused.code(), refused.stderr.lines().count()), (1, 1));
}
