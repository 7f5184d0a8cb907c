//! 8.10: the chat server, `chat`.

use std::fs;

use rustix::process::Signal;

use crate::support::{Client, Server, command, eventually, limited, outcome, run};

mod abuse;
mod browser;
mod operators;
mod order;
mod people;
mod relay;
mod tls;
mod web;

/// Starts a server without names and flood control.
fn start_without_names() -> Server {
    Server::start("chat", &["-names=false", "-flood", "0"])
}

/// Connects to a server without names and reads the greeting.
fn connect(server: &Server) -> Client {
    let mut client = server.connect();
    assert_eq!(client.line(), format!("You are {}", client.addr()));
    client
}

/// Connects and gives a name; returns the client and the list of users it receives.
fn log_in(server: &Server, name: &str) -> (Client, String) {
    let mut client = server.connect();
    assert_eq!(client.line(), "What is your name?");
    client.send(format!("{name}\n"));
    assert_eq!(client.line(), format!("Welcome, {name}. Type /help for a list of commands."));
    let users = client.line();
    (client, users)
}

#[test]
fn without_names_it_behaves_as_the_lesson_does() {
    let transcript = |name: &str, args: &[&str]| {
        let server = Server::start(name, args);
        let mut ann = connect(&server);
        let mut bob = connect(&server);
        let addrs = [ann.addr(), bob.addr()];
        ann.send("hello\r\n\n/quit\n//x\tgrüße\n");
        ann.close_write();
        let mut text = String::from_utf8(ann.rest()).unwrap();
        while !text.ends_with("has left") {
            text += "\n";
            text += &bob.line();
        }
        text.replace(&addrs[0], "ANN").replace(&addrs[1], "BOB")
    };
    let ours = transcript("chat", &["-names=false"]);
    assert_eq!(ours, transcript("chat1", &[]));
    assert!(ours.starts_with("BOB has arrived\nANN: hello\nANN: \nANN: /quit\n"), "{ours}");
}

#[test]
fn a_new_client_is_welcomed_and_announced() {
    let server = Server::start("chat", &[]);
    let (mut ann, users) = log_in(&server, "ann");
    assert_eq!(users, "In lobby: ann");
    let (mut bob, users) = log_in(&server, "Bob");
    assert_eq!(users, "In lobby: ann, Bob");
    assert_eq!(ann.line(), "Bob has arrived");
    bob.send("hi\n");
    bob.close_write();
    assert_eq!((ann.line(), bob.line()), ("Bob: hi".into(), "Bob: hi".into()));
    assert_eq!(ann.line(), "Bob has left");
    assert_eq!(bob.rest(), b"");
}

#[test]
fn an_invalid_or_taken_name_is_asked_for_again() {
    let server = Server::start("chat", &[]);
    let (_ann, _) = log_in(&server, "ann");
    let mut other = server.connect();
    assert_eq!(other.line(), "What is your name?");
    for name in ["", "a b", "*", "a\u{200d}b", &"x".repeat(33)] {
        other.send(format!("{name}\n"));
        assert!(other.line().starts_with("Names have 1 to 32 characters"), "{name}");
        assert_eq!(other.line(), "What is your name?");
    }
    other.send("ANN\n");
    assert_eq!(other.line(), "The name ANN is taken.");
    assert_eq!(other.line(), "What is your name?");
    other.send("ann2\n/nick Ann\n/nick ANN2\n");
    assert_eq!(other.line(), "Welcome, ann2. Type /help for a list of commands.");
    assert_eq!(other.line(), "In lobby: ann, ann2");
    assert_eq!(other.line(), "The name Ann is taken.");
    assert_eq!(other.line(), "ann2 is now ANN2");
}

#[test]
fn commands_are_executed() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = log_in(&server, "ann");
    let (mut bob, _) = log_in(&server, "bob");
    assert_eq!(ann.line(), "bob has arrived");
    let mut check = |line: &str, to_ann: &[&str], to_bob: &[&str]| {
        ann.send(format!("{line}\n"));
        for (client, lines) in [(&mut ann, to_ann), (&mut bob, to_bob)] {
            for expected in lines {
                assert_eq!(client.line(), *expected, "{line}");
            }
        }
    };
    check("/me waves", &["* ann waves"], &["* ann waves"]);
    check("//etc", &["ann: /etc"], &["ann: /etc"]);
    check("/who", &["In lobby: ann, bob"], &[]);
    check("/msg BOB psst", &["(to bob): psst"], &["ann (to you): psst"]);
    check("/msg eve psst", &["There is no user eve."], &[]);
    check("/msg bob", &["Usage: /msg NAME TEXT"], &[]);
    check("/nick Anna", &["ann is now Anna"], &["ann is now Anna"]);
    let unknown = "Unknown command /frobnicate. Type /help for a list of commands.";
    check("/frobnicate", &[unknown], &[]);
    check("/join rust", &["In rust: Anna"], &["Anna has left"]);
    check("alone", &["Anna: alone"], &[]);
    check("/join RUST", &["You are already in that room."], &[]);
    check("/rooms", &["Rooms: lobby (1), rust (1)"], &[]);
    check("/join lobby", &["In lobby: Anna, bob"], &["Anna has arrived"]);
    check("/rooms", &["Rooms: lobby (2)"], &[]);
    check("/quit", &["Goodbye."], &["Anna has left"]);
    assert_eq!(ann.rest(), b"");
}

#[test]
fn a_list_of_users_is_capped() {
    let server = Server::start("chat", &[]);
    let _clients: Vec<Client> = (0..22).map(|n| log_in(&server, &format!("c{n}")).0).collect();
    let (_last, users) = log_in(&server, "last");
    assert!(users.starts_with("In lobby: c0, c1,"), "{users}");
    assert!(users.ends_with(", c19 and 3 more"), "{users}");
}

#[test]
fn counters_are_printed_and_events_are_logged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut server = Server::start("chat", &["--log-file", path.to_str().unwrap()]);
    let (mut ann, _) = log_in(&server, "ann");
    ann.send("/nick bo\n");
    assert_eq!(ann.line(), "ann is now bo");
    server.process.signal(Signal::USR1);
    let counters = server.process.stderr_line().unwrap();
    assert!(counters.contains("Z chat: clients 1, delivered "), "{counters}");
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
fn errors_are_one_line() {
    let other = start_without_names();
    let port = other.addr.port().to_string();
    let refused = run("chat", &["-port", &port]);
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr.contains(&format!("listen on localhost:{port}: ")), "{refused:?}");
    let args = ["-port", "0", "--log-file", "/nonexistent/log"];
    let refused = outcome(command("chat", &args));
    refused.is(1, "", "chat: /nonexistent/log: No such file or directory (os error 2)\n");
    for args in [["-idle", "soon"], ["-names=perhaps", "-flood"], ["-flood", "-1"]] {
        assert_eq!(run("chat", &args).code(), 2, "{args:?}");
    }
}

#[test]
fn a_full_server_refuses_clients_until_one_leaves() {
    let args = ["-port", "0", "-names=false"];
    let server = Server::of(limited("-n 64", "chat", &args));
    let mut clients = Vec::new();
    let mut refused = loop {
        let mut client = server.connect();
        let line = client.line();
        if line == "server full" {
            break client;
        }
        assert_eq!(line, format!("You are {}", client.addr()));
        clients.push(client);
        assert!(clients.len() < 64, "the server is never full");
    };
    assert_eq!(refused.rest(), b"");
    drop(clients.pop());
    eventually("there is room again", || {
        let mut client = server.connect();
        client.line() != "server full"
    });
}
