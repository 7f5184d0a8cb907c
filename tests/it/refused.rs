//! The system refuses threads (`RLIMIT_NPROC`): programs do with those they get or say so in one line.
//!
//! The limit counts a user's threads, so every program here runs as a user of its own. Root alone can
//! arrange that; for others a limit of one thread has the same effect, since they run more.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{fs, process};

use rustix::process::getuid;
use tempfile::{TempDir, tempdir};

use crate::support::{Outcome, outcome, program, report_skipped};

/// A user that runs nothing else.
fn unused_uid() -> u32 {
    static N_USED: AtomicU32 = AtomicU32::new(0);
    20_000 + (process::id() * 64 + N_USED.fetch_add(1, Ordering::Relaxed)) % 40_000
}

/// Copies of programs in a folder that every user can read.
fn copies(names: &[&str]) -> TempDir {
    let dir = tempdir().unwrap();
    let mode = |mode: &str| Command::new("chmod").arg(mode).arg(dir.path()).status().unwrap();
    assert!(mode("777").success());
    for name in names {
        // By another process, so that no child of another test has it open for writing.
        let status = Command::new("cp").arg(program(name)).arg(dir.path()).status().unwrap();
        assert!(status.success());
    }
    dir
}

/// Runs a program that may have `n_threads` threads, its main one included.
fn with_threads(n_threads: u32, dir: &Path, name: &str, args: &[&str]) -> Outcome {
    let mut command = Command::new("bash");
    let script = format!("ulimit -u {n_threads} && exec \"$0\" \"$@\"");
    command.args(["-c", &script]).arg(dir.join(name)).args(args);
    command.current_dir(dir).env_remove("TZ").stdin(Stdio::null());
    if getuid().is_root() {
        let uid = unused_uid();
        command.uid(uid).gid(uid);
    }
    outcome(command)
}

/// Whether limits on threads can be tested here; says so if not.
fn can_limit(dir: &Path) -> bool {
    let mut command = Command::new("bash");
    command.args(["-c", "ulimit -u 1; exec true"]).current_dir(dir);
    if getuid().is_root() {
        command.uid(unused_uid());
    }
    let can_limit = command.status().is_ok_and(|status| status.success());
    if !can_limit {
        report_skipped("no user of its own for a program");
    }
    can_limit
}

#[test]
fn du_walks_with_the_threads_it_gets() {
    let dir = copies(&["du"]);
    if !can_limit(dir.path()) {
        return;
    }
    for i in 0..200 {
        fs::create_dir_all(dir.path().join(format!("tree/{}/{i}/x", i % 7))).unwrap();
    }
    let counts: &[u32] = if getuid().is_root() { &[1, 2, 3, 4, 5, 9] } else { &[1] };
    for &n_threads in counts {
        for walker in ["openat", "ordered", "jwalk"] {
            let args = ["-s", "--inodes", "--walker", walker, "tree"];
            let outcome = with_threads(n_threads, dir.path(), "du", &args);
            outcome.is(0, "408\ttree\n", "");
        }
    }
}

#[test]
fn pictures_are_drawn_and_shrunk_without_threads() {
    let dir = copies(&["mandelbrot", "thumbnail"]);
    if !can_limit(dir.path()) {
        return;
    }
    let size = ["--size", "60x40", "-o"];
    for strategy in ["sequential", "rows", "chunks", "rayon"] {
        let file = format!("{strategy}.png");
        let args = [&size[..], &[&file, "--strategy", strategy, "--threads", "4"]].concat();
        let outcome = with_threads(1, dir.path(), "mandelbrot", &args);
        assert_eq!((outcome.code(), &*outcome.stderr), (0, ""), "{strategy}");
    }
    let image = "sequential.png";
    for strategy in ["sequential", "threads", "channel", "rayon"] {
        let args = ["--force", "--strategy", strategy, "--threads", "4", image];
        let outcome = with_threads(1, dir.path(), "thumbnail", &args);
        outcome.is(0, "sequential.thumb.jpg\n", "");
    }
    let args = ["--force", "-r", "."];
    let outcome = with_threads(1, dir.path(), "thumbnail", &args);
    assert_eq!((outcome.code(), &*outcome.stderr), (0, ""), "{outcome:?}");
}

/// Programs that need threads which they do not get end with one line on stderr, whatever they have
/// printed so far.
#[test]
fn a_program_that_needs_a_thread_says_so() {
    let servers = ["chat", "clock", "ftpd", "reverb", "chat1", "reverb1", "clock2"];
    let others = [
        "cake",
        "crawl",
        "hello2",
        "hello3",
        "mirroredquery",
        "pipeline1",
        "pipeline3",
        "sendrecv",
        "workerpool",
        "du1",
        "du3",
        "du4",
    ];
    let dir = copies(&[&servers[..], &others].concat());
    if !can_limit(dir.path()) {
        return;
    }
    // Two threads are a server's signals, without the thread that it needs besides; lessons need one.
    for name in &servers[..4] {
        let args = if *name == "ftpd" { &["-port", "0", "."][..] } else { &["-port", "0"] };
        let outcome = with_threads(1, dir.path(), name, args);
        check(name, &outcome, 1);
    }
    for name in others {
        let args: &[&str] = match name {
            "crawl" => &["http://localhost:1/"],
            "du1" | "du3" | "du4" => &["."],
            _ => &[],
        };
        check(name, &with_threads(1, dir.path(), name, args), 1);
    }
}

fn check(name: &str, outcome: &Outcome, code: i32) {
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let last = lines.last().copied().unwrap_or_default();
    assert_eq!(outcome.code(), code, "{name}: {outcome:?}");
    assert!(last.contains(&format!("{name}: ")), "{name}: {outcome:?}");
    assert!(!outcome.stderr.contains("panicked"), "{name}: {outcome:?}");
    let others = lines.iter().filter(|line| !line.starts_with("listening on "));
    assert_eq!(others.count(), 1, "{name}: {outcome:?}");
}
