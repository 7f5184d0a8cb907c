//! 8.7: countdowns and polling.

use std::time::{Duration, Instant};

use crate::support::{Process, run, run_with};

const FIRST: &str = "Commencing countdown.  Press return to abort.\n";

fn numbers(n: u32) -> String {
    (1..=n).rev().fold(String::new(), |lines, n| lines + &format!("{n}\n"))
}

#[test]
fn countdowns_lift_off() {
    let numbers = numbers(10);
    let args = &["-delay", "5ms"];
    run("countdown1", args).is(0, &format!("Commencing countdown.\n{numbers}Lift off!\n"), "");
    run("countdown2", args).is(0, &format!("{FIRST}Lift off!\n"), "");
    run("countdown3", args).is(0, &format!("{FIRST}{numbers}Lift off!\n"), "");
}

#[test]
fn a_countdown_takes_its_time() {
    for name in ["countdown1", "countdown2", "countdown3"] {
        let start = Instant::now();
        assert_eq!(run(name, &["-n", "3", "-delay=50ms"]).code(), 0);
        assert!(start.elapsed() >= Duration::from_millis(150), "{name}");
    }
}

#[test]
fn any_byte_aborts_and_the_end_of_stdin_does_not() {
    for byte in [&b"\n"[..], b"x", b"\0"] {
        for name in ["countdown2", "countdown3"] {
            let mut process = Process::with_open_stdin(name, &["-delay", "1h"]);
            process.send(byte);
            let outcome = process.wait(); // with stdin still open
            assert_eq!((outcome.code(), outcome.lines().pop()), (0, Some("Launch aborted!")));
        }
    }
    run_with("countdown2", &["-delay", "5ms"], b"").is(0, &format!("{FIRST}Lift off!\n"), "");
    let expected = format!("{FIRST}{}Lift off!\n", numbers(10));
    run_with("countdown3", &["-delay", "5ms"], b"").is(0, &expected, "");
}

#[test]
fn polling_works_until_the_signal_and_chooses_at_random() {
    let outcome = run("polling", &[] as &[&str]);
    assert_eq!(outcome.code(), 0);
    let lines = outcome.lines();
    assert_eq!(lines[..3], ["working 1", "working 2", "Launch aborted!"]);
    let (left, right) = lines[3].strip_prefix("left ").unwrap().split_once(", right ").unwrap();
    let (left, right): (u32, u32) = (left.parse().unwrap(), right.parse().unwrap());
    assert!(left > 0 && right > 0 && left + right == 1_000, "{lines:?}");
}
