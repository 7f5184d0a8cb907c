//! 8.10: chat, the tool.

use std::fs;

use rustix::process::Signal;

use crate::support::{Client, Server, command, eventually, limited, outcome, run};

mod abuse;
mod order;

/// A server whose clients go by their addresses, with no flood control.
fn plain() -> Server {
    Server::start("chat", &["-names=false", "-flood", "0"])
}

/// A client of [`plain`] that has been greeted.
fn enter(server: &Server) -> Client {
    let mut client = server.connect();
    assert_eq!(client.line(), format!("You are {}", client.addr()));
    client
}

/// A client with a name, and the line that says who is there.
fn join(server: &Server, name: &str) -> (Client, String) {
    let mut client = server.connect();
    assert_eq!(client.line(), "What is your name?");
    client.send(format!("{name}\n"));
    assert_eq!(client.line(), format!("Welcome, {name}. /help lists the commands."));
    let who = client.line();
    (client, who)
}

#[test]
fn without_names_it_says_what_the_lesson_says() {
    let say = |name: &str, args: &[&str]| {
        let server = Server::start(name, args);
        let mut ann = enter(&server);
        let mut bob = enter(&server);
        let addrs = [ann.addr(), bob.addr()];
        ann.send("hello\r\n\n/quit\n//x\tgrüße\n");
        ann.close_write();
        let mut heard = ann.rest();
        while heard.last() != Some(&b'!') {
            heard.extend(bob.line().into_bytes());
            if heard.ends_with(b"has left") {
                heard.push(b'!');
            }
        }
        let heard = String::from_utf8(heard).unwrap();
        heard.replace(&addrs[0], "ANN").replace(&addrs[1], "BOB")
    };
    let ours = say("chat", &["-names=false"]);
    assert_eq!(ours, say("chat1", &[]));
    assert!(ours.starts_with("BOB has arrived\nANN: hello\nANN: \nANN: /quit\n"), "{ours}");
}

#[test]
fn who_comes_is_named_welcomed_and_announced() {
    let server = Server::start("chat", &[]);
    let (mut ann, who) = join(&server, "ann");
    assert_eq!(who, "In lobby: ann");
    let (mut bob, who) = join(&server, "Bob");
    assert_eq!(who, "In lobby: ann, Bob");
    assert_eq!(ann.line(), "Bob has arrived");
    bob.send("hi\n");
    bob.close_write();
    assert_eq!((ann.line(), bob.line()), ("Bob: hi".into(), "Bob: hi".into()));
    assert_eq!(ann.line(), "Bob has left");
    assert_eq!(bob.rest(), b"");
}

#[test]
fn a_name_taken_or_unfit_is_asked_for_again() {
    let server = Server::start("chat", &[]);
    let (_ann, _) = join(&server, "ann");
    let mut other = server.connect();
    assert_eq!(other.line(), "What is your name?");
    for name in ["", "a b", "*", "ä", &"x".repeat(33)] {
        other.send(format!("{name}\n"));
        assert!(other.line().starts_with("A name has 1 to 32 letters"), "{name}");
        assert_eq!(other.line(), "What is your name?");
    }
    other.send("ANN\n");
    assert_eq!(other.line(), "ANN is taken.");
    assert_eq!(other.line(), "What is your name?");
    other.send("ann2\n/nick Ann\n/nick ANN2\n");
    assert_eq!(other.line(), "Welcome, ann2. /help lists the commands.");
    assert_eq!(other.line(), "In lobby: ann, ann2");
    assert_eq!(other.line(), "Ann is taken.");
    assert_eq!(other.line(), "ann2 is now ANN2");
}

#[test]
fn commands() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = join(&server, "ann");
    let (mut bob, _) = join(&server, "bob");
    assert_eq!(ann.line(), "bob has arrived");
    let mut check = |line: &str, to_ann: &[&str], to_bob: &[&str]| {
        ann.send(format!("{line}\n"));
        for (client, heard) in [(&mut ann, to_ann), (&mut bob, to_bob)] {
            for expected in heard {
                assert_eq!(client.line(), *expected, "{line}");
            }
        }
    };
    check("/me waves", &["* ann waves"], &["* ann waves"]);
    check("//etc", &["ann: /etc"], &["ann: /etc"]);
    check("/who", &["In lobby: ann, bob"], &[]);
    check("/msg BOB psst", &["(to bob): psst"], &["ann (to you): psst"]);
    check("/msg eve psst", &["There is no eve here."], &[]);
    check("/msg bob", &["It goes /msg NAME TEXT"], &[]);
    check("/nick Anna", &["ann is now Anna"], &["ann is now Anna"]);
    check("/frobnicate", &["There is no /frobnicate. /help lists the commands."], &[]);
    check("/join rust", &["In rust: Anna"], &["Anna has left"]);
    check("alone", &["Anna: alone"], &[]);
    check("/join RUST", &["You are there."], &[]);
    check("/rooms", &["Rooms: lobby (1), rust (1)"], &[]);
    check("/join lobby", &["In lobby: Anna, bob"], &["Anna has arrived"]);
    check("/rooms", &["Rooms: lobby (2)"], &[]);
    check("/quit", &["Goodbye."], &["Anna has left"]);
    assert_eq!(ann.rest(), b"");
}

#[test]
fn a_crowd_is_not_listed_whole() {
    let server = Server::start("chat", &[]);
    let _crowd: Vec<Client> = (0..22).map(|n| join(&server, &format!("c{n}")).0).collect();
    let (_last, who) = join(&server, "last");
    assert!(who.starts_with("In lobby: c0, c1,") && who.ends_with(", c19 and 3 more"), "{who}");
}

#[test]
fn counters_and_a_log_of_who_came_and_went() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut server = Server::start("chat", &["--log-file", path.to_str().unwrap()]);
    let (mut ann, _) = join(&server, "ann");
    ann.send("/nick bo\n");
    assert_eq!(ann.line(), "ann is now bo");
    server.process.signal(Signal::USR1);
    let counters = server.process.stderr_line().unwrap();
    assert!(counters.starts_with("chat: clients 1, delivered "), "{counters}");
    assert!(counters.contains(", dropped 0, evicted 0, threads "), "{counters}");
    let addr = ann.addr();
    ann.send("/quit\n");
    assert_eq!(ann.rest(), b"Goodbye.\n");
    drop(ann);
    server.process.signal(Signal::INT);
    assert_eq!(server.process.wait().code(), 0);
    let log = fs::read_to_string(path).unwrap();
    let events: Vec<&str> = log.lines().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(events, [&*format!("ann from {addr} has arrived"), "ann is now bo", "bo has left"]);
}

#[test]
fn what_cannot_be_is_one_line() {
    let taken = plain();
    let port = taken.addr.port().to_string();
    let refused = run("chat", &["-port", &port]);
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains(&format!("listen on 127.0.0.1:{port}: ")), "{refused:?}");
    let args = ["-port", "0", "--log-file", "/nonexistent/log"];
    let refused = outcome(command("chat", &args));
    refused.is(1, "", "chat: /nonexistent/log: No such file or directory (os error 2)\n");
    for args in [["-idle", "soon"], ["-names=perhaps", "-flood"], ["-flood", "-1"]] {
        assert_eq!(run("chat", &args).code(), 2, "{args:?}");
    }
}

#[test]
fn full_is_said_and_passes() {
    let args = ["-port", "0", "-names=false"];
    let server = Server::of(limited("-n 64", "chat", &args));
    let mut inside = Vec::new();
    let mut refused = loop {
        let mut client = server.connect();
        let line = client.line();
        if line == "server full" {
            break client;
        }
        assert_eq!(line, format!("You are {}", client.addr()));
        inside.push(client);
        assert!(inside.len() < 64, "never full");
    };
    assert_eq!(refused.rest(), b"");
    drop(inside.pop());
    eventually("there is room again", || {
        let mut client = server.connect();
        client.line() != "server full"
    });
}
