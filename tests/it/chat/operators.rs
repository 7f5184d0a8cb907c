//! Operators: who becomes one, what they can do, and where their passwords do not go.

use std::fs;
use std::path::Path;

use rustix::process::Signal;

use super::log_in;
use crate::support::{Client, Server, eventually, run_with};

/// A file with the operator `root`, whose password is `secret`.
fn operators_file(dir: &Path) -> String {
    let hash = run_with("ftpd", &["--hash-password"], b"secret\n").stdout;
    let path = dir.join("operators");
    fs::write(&path, format!("# operators\nroot:{hash}")).unwrap();
    path.to_str().unwrap().to_owned()
}

fn check(client: &mut Client, line: &str, expected: &[&str]) {
    client.send(format!("{line}\n"));
    for expected in expected {
        assert_eq!(client.line(), *expected, "{line}");
    }
}

#[test]
fn operators_remove_and_ban_and_each_act_is_logged() {
    let dir = tempfile::tempdir().unwrap();
    let (file, log) = (operators_file(dir.path()), dir.path().join("log"));
    let args = ["--operators", &file, "--log-file", log.to_str().unwrap(), "--history", "100"];
    let mut server = Server::start("chat", &args);
    let (mut ann, _) = log_in(&server, "ann");
    let (mut bob, _) = log_in(&server, "bob");
    bob.line(); // the last lines
    bob.line();
    assert_eq!(ann.line(), "bob has arrived");
    check(&mut ann, "/kick bob", &["Only operators can do that; /oper NAME makes you one."]);
    check(&mut ann, "/oper root\nwrong", &["Password:", "Wrong name or password."]);
    check(&mut ann, "/oper root\n", &["Password:"]);
    check(&mut ann, "hello", &["Not logged in as an operator.", "ann: hello"]);
    check(&mut ann, "/oper root", &["Password:"]);
    check(&mut ann, "secret", &["You are an operator now; /help lists what you can do."]);
    check(&mut ann, "/topic Rust", &["ann sets the topic: Rust"]);
    check(&mut ann, "/announce tea", &["Announcement by ann: tea"]);
    check(&mut ann, "/ban 127.0.0.1", &["The server's own machine cannot be banned."]);
    check(&mut ann, "/ban 192.0.2.1 30m", &["192.0.2.1 is banned for 30m."]);
    check(
        &mut ann,
        "/ban b.d x",
        &["Usage: /ban NAME or ADDRESS, and how long: 30m, 24h (1h if not given)"],
    );
    check(&mut ann, "/unban eve", &["There is no ban of eve."]);
    check(&mut ann, "/kick bob too loud", &["ann kicks bob: too loud", "bob has left"]);
    let seen_by_bob = String::from_utf8(bob.rest()).unwrap();
    assert!(
        seen_by_bob.ends_with("ann kicks bob: too loud\nYou were removed by ann: too loud.\n"),
        "{seen_by_bob}"
    );
    assert!(!seen_by_bob.contains("secret") && !seen_by_bob.contains("wrong"), "{seen_by_bob}");
    check(&mut ann, "/ban bob 24h", &["bob is banned for 24h."]);
    let mut bob = server.connect();
    assert_eq!(bob.line(), "What is your name?");
    check(&mut bob, "BOB", &["You are banned for another 24h."]);
    assert_eq!(bob.rest(), b"");
    check(&mut ann, "/unban bob", &["bob is no longer banned."]);
    let (mut bob, _) = log_in(&server, "bob");
    assert_eq!(bob.line(), "Topic: Rust");
    let mut lines = Vec::new();
    check(&mut bob, "end", &[]);
    while lines.last().is_none_or(|line: &String| line != "bob: end") {
        lines.push(bob.line());
    }
    let text = lines.join("\n");
    assert!(!text.contains("secret") && !text.contains("/oper"), "kept in the history: {text}");
    server.process.signal(Signal::TERM);
    assert_eq!(server.process.wait().code(), 0);
    let log = fs::read_to_string(log).unwrap();
    assert!(!log.contains("secret") && !log.contains("wrong"), "{log}");
    for act in [
        "ann (127.0.0.1) fails to log in as operator root",
        "ann (127.0.0.1) logs in as operator root",
        "ann (127.0.0.1) sets the topic of lobby: Rust",
        "ann (127.0.0.1) announces: tea",
        "ann (127.0.0.1) bans 192.0.2.1 for 30m",
        "ann (127.0.0.1) kicks bob (127.0.0.1): too loud",
        "ann (127.0.0.1) bans bob for 24h",
        "ann (127.0.0.1) lifts the ban of bob",
    ] {
        assert!(log.contains(act), "{act} is not in the log:\n{log}");
    }
}

#[test]
fn three_wrong_passwords_end_the_connection_and_sighup_reads_the_file_again() {
    let dir = tempfile::tempdir().unwrap();
    let file = operators_file(dir.path());
    let server = Server::start("chat", &["--operators", &file]);
    let (mut eve, _) = log_in(&server, "eve");
    for _ in 0..3 {
        check(&mut eve, "/oper root\nguess", &["Password:", "Wrong name or password."]);
    }
    assert_eq!(eve.rest(), b"");
    fs::write(&file, "").unwrap();
    server.process.signal(Signal::HUP);
    let (mut ann, _) = log_in(&server, "ann");
    eventually("the operator is gone", || {
        check(&mut ann, "/oper root\nsecret", &["Password:"]);
        ann.line() == "Wrong name or password."
    });
    check(&mut ann, "still here", &["ann: still here"]);
}

#[test]
fn a_password_without_operators_is_not_relayed_either() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = log_in(&server, "ann");
    check(&mut ann, "/oper root\nsecret\nx", &["Password:", "Wrong name or password.", "ann: x"]);
}

#[test]
fn a_broken_file_of_operators_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("operators");
    fs::write(&path, "root:secret\n").unwrap();
    let path = path.to_str().unwrap();
    let refused = crate::support::run("chat", &["-port", "0", "--operators", path]);
    let line = format!("chat: {path}: line 1: not a hash made by ftpd --hash-password\n");
    refused.is(1, "", &line);
    let refused = crate::support::run("chat", &["-port", "0", "-names=false", "--operators", path]);
    assert_eq!(refused.code(), 1, "{refused:?}");
}
