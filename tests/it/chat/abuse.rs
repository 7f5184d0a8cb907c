//! Clients that mean harm, or know no better.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{enter, join, plain};
use crate::support::{Client, Server, eventually, limited};

#[test]
fn a_line_without_end_costs_no_memory_and_no_session() {
    let server = plain();
    let mut client = enter(&server);
    client.send(vec![b'a'; 16 << 20]);
    client.send("\nhere\n");
    assert_eq!(client.line(), "line too long");
    assert_eq!(client.line(), format!("{}: here", client.addr()));
    assert!(server.process.peak_memory() < 12 << 20, "{}", server.process.peak_memory());
}

#[test]
fn nothing_said_drives_a_terminal() {
    let server = Server::start("chat", &[]);
    let (mut ann, _) = join(&server, "ann");
    let mut check = |said: &[u8], heard: &str| {
        ann.send([said, b"\n"].concat());
        assert_eq!(ann.line(), heard);
    };
    check(b"a\0b", "ann: ab");
    check(b"\xff\xc3(", "ann: \u{fffd}\u{fffd}(");
    check(b"\x1b[2J\x1b]0;owned\x07clear", "ann: clear");
    check(b"/me \x1b[31mis red", "* ann is red");
    check(b"back\rspace\x08", "ann: backspace");
    check(b"/nick \x1b[31mred", "ann is now red");
}

#[test]
fn a_reset_in_mid_line_is_a_leave() {
    let server = plain();
    let mut watcher = enter(&server);
    let mut client = enter(&server);
    assert!(watcher.line().ends_with(" has arrived"));
    client.send("whole\nhal");
    assert!(client.line().ends_with(": whole"));
    let addr = client.addr();
    SockRef::from(client.stream()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    assert_eq!(watcher.line(), format!("{addr}: whole"));
    let mut last = watcher.line();
    if last == format!("{addr}: hal") {
        last = watcher.line(); // what was read before the reset was said
    }
    assert_eq!(last, format!("{addr} has left"));
}

#[test]
fn silence_is_warned_about_and_ended() {
    let server = Server::start("chat", &["-names=false", "-idle", "500ms"]);
    let mut client = enter(&server);
    assert_eq!(client.line(), "Still there? Say something within 1 s.");
    client.send("yes\n");
    assert_eq!(client.line(), format!("{}: yes", client.addr()));
    assert_eq!(client.line(), "Still there? Say something within 1 s.");
    assert_eq!(client.line(), "You were silent for too long.");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_byte_now_and_then_is_silence() {
    let server = Server::start("chat", &["-idle", "500ms"]);
    let client = server.connect();
    let mut socket = client.stream();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut heard = Vec::new();
    let mut buf = [0; 1024];
    loop {
        match socket.read(&mut buf) {
            Ok(0) => break,
            Ok(n) => heard.extend_from_slice(&buf[..n]),
            Err(err) if err.kind() == ErrorKind::WouldBlock => _ = socket.write(b"x"),
            Err(err) if err.kind() == ErrorKind::ConnectionReset => break, // it wrote on
            Err(err) => panic!("{err}"),
        }
    }
    let heard = String::from_utf8(heard).unwrap();
    assert!(heard.ends_with("You were silent for too long.\n"), "{heard}");
}

#[test]
fn a_flood_is_slowed_and_a_paste_is_not() {
    let server = Server::start("chat", &["-names=false", "-flood", "1000"]);
    let mut client = enter(&server);
    let start = Instant::now();
    client.send("pasted\n".repeat(1_500));
    for _ in 0..1_500 {
        assert!(client.line().ends_with(": pasted"));
    }
    client.send("last\n");
    assert!(client.line().ends_with(": last"), "nothing is lost");
    assert!(start.elapsed() >= Duration::from_millis(400), "{:?}", start.elapsed());
}

#[test]
fn who_never_reads_is_hung_up_on_and_the_others_lose_nothing() {
    let server = plain();
    let stuck = server.connect();
    let mut talker = enter_after(&server, &stuck);
    let mut listener = enter_after(&server, &stuck);
    assert!(talker.line().ends_with(" has arrived"));
    let (line, gone) = ("x".repeat(32 << 10), format!("{} has left", stuck.addr()));
    let mut is_gone = false;
    for _ in 0..2_000 {
        talker.send(format!("{line}\n"));
        let heard = until(&mut talker, &line);
        assert_eq!(heard, until(&mut listener, &line));
        is_gone |= heard.contains(&gone);
        if is_gone {
            break;
        }
    }
    assert!(is_gone, "it was never hung up on");
    assert!(server.process.peak_memory() < 24 << 20, "{}", server.process.peak_memory());
    drop(stuck);
    eventually("its descriptor is closed", || server.process.n_files() < 14);
}

#[test]
fn without_room_for_a_thread_it_is_full_and_goes_on() {
    // The cap is reckoned from the limit; an ordinary user has other threads that count, too.
    let all = std::fs::read_to_string("/proc/loadavg").unwrap();
    let n_all = all.split(['/', ' ']).nth(4).unwrap().parse().unwrap();
    let limit = 40 + if rustix::process::getuid().is_root() { 0 } else { n_all };
    let limit = format!("-p {limit} 2> /dev/null || ulimit -u {limit}"); // dash or bash
    let server = Server::of(limited(&limit, "chat", &["-port", "0", "-names=false"]));
    let mut clients = Vec::new();
    let first = loop {
        let mut client = server.connect();
        let line = client.line();
        if line == "server full" {
            break clients.pop();
        }
        assert_eq!(line, format!("You are {}", client.addr()));
        clients.push(client);
    };
    assert!(clients.len() > 5, "{} have room", clients.len());
    drop(first);
    eventually("who comes later has room", || server.connect().line().starts_with("You are"));
    clients[0].send("still here\n");
    until(&mut clients[0], ": still here");
}

/// A client that comes when `earlier` is surely there; neither needs to have read.
fn enter_after(server: &Server, earlier: &Client) -> Client {
    assert!(earlier.stream().peek(&mut [0]).is_ok());
    enter(server)
}

/// Lines up to and with the one that ends in `line`, without it.
fn until(client: &mut Client, line: &str) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        let next = client.line();
        if next.ends_with(line) {
            return heard;
        }
        heard.push(next);
    }
}
