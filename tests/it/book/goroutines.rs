//! 8.1: spinner, and the first threads.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Stdio;
use std::{fs, mem};

use crate::support::{command, eventually, pseudo_terminal, run};

#[test]
fn spinner_into_a_pipe_prints_the_result_alone() {
    run("spinner", &[] as &[&str]).is(0, "Fibonacci(45) = 1134903170\n", "");
}

#[test]
fn spinner_200_times_the_same() {
    for _ in 0..200 {
        run("spinner", &["-n", "10", "-delay", "1ms"]).is(0, "Fibonacci(10) = 55\n", "");
    }
}

#[test]
fn spinner_refuses_numbers_that_overflow_and_delays_without_a_unit() {
    let outcome = run("spinner", &["-n", "94"]);
    assert_eq!((outcome.code(), &*outcome.stdout), (2, ""));
    assert_eq!(run("spinner", &["-delay", "1"]).code(), 2);
}

#[test]
fn spinner_on_a_terminal_animates_and_ends_with_the_result() {
    let (mut master, terminal) = pseudo_terminal();
    let mut child = command("spinner", &["-n", "27", "-delay", "1ms"])
        .stdout(Stdio::from(terminal))
        .spawn()
        .unwrap();
    let mut seen = Vec::new();
    _ = master.read_to_end(&mut seen); // EIO when the last holder of the terminal has gone
    assert!(child.wait().unwrap().success());
    let seen = String::from_utf8(seen).unwrap();
    let (frames, result) = seen.rsplit_once("\rFib").unwrap_or_else(|| panic!("{seen:?}"));
    assert_eq!(result, "onacci(27) = 196418\r\n");
    let expected = "\r-\r\\\r|\r/".repeat(1 + frames.len() / 8);
    assert!(!frames.is_empty() && expected.starts_with(frames), "{frames:?}");
}

#[test]
fn hello1_always_ends_with_mains_line() {
    let outcome = run("hello1", &[] as &[&str]);
    assert_eq!(outcome.code(), 0);
    assert!(outcome.stdout.contains("main thread done!\n"), "{outcome:?}");
}

#[test]
fn hello2_and_hello3_greet_before_main_is_done() {
    let greeting = "hello thread\nmain thread done!\n";
    run("hello2", &["-delay", "200ms"]).is(0, greeting, "");
    run("hello3", &[] as &[&str]).is(0, greeting, "");
}

/// While nobody reads stdout the pipe fills up, and every further thread blocks in its greeting.
#[test]
fn ten_thousand_threads_each_say_hello_once_and_are_counted() {
    for (name, prefix) in [("hello10000", "hello thread "), ("closure10000", "hello ")] {
        let mut command = command(name, &[] as &[&str]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut n_alive = 0;
        eventually("no more threads are started", || {
            let n_before = mem::replace(&mut n_alive, n_threads(child.id()).saturating_sub(1));
            n_alive > 100 && n_alive == n_before
        });
        let mut lines = String::new();
        child.stdout.take().unwrap().read_to_string(&mut lines).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{name}: {ended:?}");
        let mut lines: Vec<&str> = lines.lines().collect();
        assert_eq!(lines.pop(), Some("main thread done!"));
        let numbers: BTreeSet<u32> =
            lines.iter().map(|line| line.strip_prefix(prefix).unwrap().parse().unwrap()).collect();
        assert_eq!((lines.len(), numbers.len(), numbers.last()), (10_000, 10_000, Some(&9_999)));
        let stderr = String::from_utf8(ended.stderr).unwrap();
        let peak = stderr.strip_suffix(" threads alive at the peak\n").unwrap().parse().unwrap();
        assert!((n_alive..=10_000).contains(&peak), "{name}: {n_alive} seen, {peak} counted");
    }
}

fn n_threads(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

#[test]
fn sched_runs_one_task_whole_and_then_the_other() {
    let expected: String =
        ["a", "b"].iter().flat_map(|t| (0..10).map(move |i| format!("{t} {i}\n"))).collect();
    run("sched", &[] as &[&str]).is(0, &expected, "");
}
