//! What people do with names, rooms and each other.

use super::log_in;
use crate::support::{Client, Server};

/// Sends a line and checks what comes back.
fn check(client: &mut Client, line: &str, expected: &[&str]) {
    client.send(format!("{line}\n"));
    for expected in expected {
        assert_eq!(client.line(), *expected, "{line}");
    }
}

#[test]
fn names_are_in_any_script_and_none_looks_like_another() {
    let server = Server::start("chat", &[]);
    let (mut olga, _) = log_in(&server, "Ольга");
    let (_zoe, users) = log_in(&server, "Zoë");
    assert_eq!(users, "In lobby: Ольга, Zoë");
    assert_eq!(olga.line(), "Zoë has arrived");
    check(&mut olga, "/msg ZOË hi", &["(to Zoë): hi"]);
    check(&mut olga, "/nick zoe\u{308}", &["The name zoë is taken."]); // not composed
    check(&mut olga, "/nick paypal", &["Ольга is now paypal"]);
    let mut other = server.connect();
    assert_eq!(other.line(), "What is your name?");
    check(&mut other, "pаypаl", &["The name pаypаl is taken."]); // with Cyrillic а
    assert_eq!(other.line(), "What is your name?");
    check(&mut olga, "/join комната", &["In комната: paypal"]);
    check(&mut olga, "/join lоbby", &["There is a room whose name looks like lоbby."]);
}

#[test]
fn a_telnet_client_is_understood_and_its_options_are_refused() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = log_in(&server, "ann");
    // Linux's telnet after ^C: interrupt, and a request to answer with a timing mark (RFC 860).
    ann.send(b"\xff\xf4\xff\xfd\x06\x03hi\r\n");
    let line = ann.line_bytes();
    assert_eq!(line, b"\xff\xfc\x06ann: hi\n", "refused, so that telnet shows output again");
}

#[test]
fn aliases_and_leaving() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = log_in(&server, "ann");
    check(&mut ann, "/names", &["In lobby: ann"]);
    check(&mut ann, "/join den", &["In den: ann"]);
    check(&mut ann, "/list", &["Rooms: lobby (0), den (1)"]);
    check(&mut ann, "/leave", &["In lobby: ann"]);
    check(&mut ann, "/leave", &["Goodbye."]);
    assert_eq!(ann.rest(), b"");
    let (mut bob, _) = log_in(&server, "bob");
    check(&mut bob, "/exit", &["Goodbye."]);
    assert_eq!(bob.rest(), b"");
}

#[test]
fn an_ignored_user_is_not_heard_under_this_name_or_the_next() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = log_in(&server, "ann");
    let (mut bob, _) = log_in(&server, "bob");
    let (mut eve, _) = log_in(&server, "Eve");
    assert_eq!((ann.line(), ann.line()), ("bob has arrived".into(), "Eve has arrived".into()));
    check(&mut ann, "/ignore", &["You ignore nobody."]);
    check(&mut ann, "/ignore ann", &["You cannot ignore yourself."]);
    check(&mut ann, "/ignore eve", &["You no longer see what eve says."]);
    check(&mut eve, "one", &["Eve: one"]);
    check(&mut eve, "/msg ann psst", &["(to ann): psst"]);
    check(&mut eve, "/nick Mallory", &["Eve is now Mallory"]);
    check(&mut eve, "/me waves", &["* Mallory waves"]);
    check(
        &mut bob,
        "two",
        &["Eve has arrived", "Eve: one", "Eve is now Mallory", "* Mallory waves", "bob: two"],
    );
    assert_eq!((ann.line(), ann.line()), ("Eve is now Mallory".into(), "bob: two".into()));
    check(&mut eve, "/quit", &["bob: two", "Goodbye."]);
    assert_eq!(ann.line(), "Mallory has left");
    let (mut eve, _) = log_in(&server, "EVE");
    check(&mut eve, "again", &["EVE: again"]);
    check(&mut ann, "/ignore", &["EVE has arrived", "You ignore: eve"]);
    check(&mut ann, "/unignore eve", &["You see again what eve says."]);
    check(&mut eve, "at last", &["EVE: at last"]);
    assert_eq!(ann.line(), "EVE: at last");
    check(&mut ann, "/unignore eve", &["You do not ignore eve."]);
}

#[test]
fn timestamps_are_switched_on_and_off() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = log_in(&server, "ann");
    check(&mut ann, "/timestamps", &["Timestamps are on."]);
    ann.send("hi\n");
    let line = ann.line();
    let (time, text) = line.split_once(' ').unwrap();
    assert_eq!((time.len(), time.matches(':').count(), text), (8, 2, "ann: hi"), "{line}");
    check(&mut ann, "/timestamps", &["Timestamps are off."]);
    check(&mut ann, "ho", &["ann: ho"]);
}

#[test]
fn newcomers_hear_the_last_lines_once() {
    let server = Server::start("chat", &["--history", "3"]);
    let (mut ann, _) = log_in(&server, "ann");
    for n in 0..5 {
        check(&mut ann, &n.to_string(), &[&format!("ann: {n}")]);
    }
    let (mut bob, _) = log_in(&server, "bob");
    assert_eq!(bob.line(), "The last 3 lines before you came:");
    for n in 2..5 {
        let line = bob.line();
        let (mark, text) = (&line[..2], &line[11..]);
        assert_eq!((mark, text), ("| ", &*format!("ann: {n}")), "{line}");
    }
    check(&mut ann, "now", &["bob has arrived", "ann: now"]);
    assert_eq!(bob.line(), "ann: now", "neither twice nor missing");
}

#[test]
fn whoever_joins_while_lines_flow_hears_each_line_once() {
    const LINES: usize = 3_000;
    let server = Server::start("chat", &["-flood", "0", "--history", "100000"]);
    let (mut ann, _) = log_in(&server, "ann");
    let sending = std::thread::spawn(move || {
        for n in 0..LINES {
            ann.send(format!("{n}\n"));
        }
        ann
    });
    for i in 0..20 {
        let (mut client, _) = log_in(&server, &format!("joiner.{i}"));
        let mut next = 0;
        while next < LINES {
            let line = client.line();
            if let Some((_, n)) = line.split_once("ann: ") {
                assert_eq!(n, next.to_string(), "joiner {i}: {line}");
                next += 1;
            }
        }
    }
    drop(sending.join().unwrap());
}

#[test]
fn a_paste_is_announced_as_slowed_with_its_whole_length() {
    let server = Server::start("chat", &["-names=false"]);
    let mut client = super::connect(&server);
    client.send("pasted line\n".repeat(2_000));
    let mut notice = client.line();
    while !notice.starts_with("You send more than 50 lines per second") {
        notice = client.line();
    }
    // (2,000 - 1,000) lines at 50 a second, of which the kernel may not have had the last yet.
    let seconds = notice.split_once("about ").unwrap().1.split_once(" s.").unwrap().0;
    let seconds: u64 = seconds.parse().unwrap();
    assert!((1..=20).contains(&seconds), "{notice}");
}
