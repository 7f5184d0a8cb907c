//! 8.1: spinner, and the first threads.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Stdio;

use crate::support::{command, pseudo_terminal, run};

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
fn spinner_refuses_what_would_never_end_or_overflow() {
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

#[test]
fn ten_thousand_threads_each_say_hello_once() {
    for (name, prefix) in [("hello10000", "hello thread "), ("closure10000", "hello ")] {
        let outcome = run(name, &[] as &[&str]);
        assert_eq!(outcome.code(), 0);
        let mut lines = outcome.lines();
        assert_eq!(lines.pop(), Some("main thread done!"));
        let numbers: BTreeSet<u32> =
            lines.iter().map(|line| line.strip_prefix(prefix).unwrap().parse().unwrap()).collect();
        assert_eq!((lines.len(), numbers.len(), numbers.last()), (10_000, 10_000, Some(&9_999)));
        let peak = outcome.stderr.trim_end().strip_suffix(" threads alive at the peak");
        assert!((1..=10_000).contains(&peak.unwrap().parse::<u32>().unwrap()), "{peak:?}");
    }
}

#[test]
fn sched_runs_one_task_whole_and_then_the_other() {
    let expected: String =
        ["a", "b"].iter().flat_map(|t| (0..10).map(move |i| format!("{t} {i}\n"))).collect();
    run("sched", &[] as &[&str]).is(0, &expected, "");
}
